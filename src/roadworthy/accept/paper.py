"""A document as a record's body, and back: `id`, `text`, and `document` with what is known of the file."""

from __future__ import annotations

from typing import Final, cast

from roadworthy._quick import quick
from roadworthy.accept.image import Image
from roadworthy.accept.long import LongText
from roadworthy.accept.passage import Document, Heading
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Json

TEXT: Final = "text"
"""The field of a record's body that holds a document's text."""
FACTS: Final = "document"
"""The field of a record's body that holds what is known of the file its text came from."""


@quick(frozen=True, slots=True)
class Picture:
    """One image file of an input, by the name that its record has."""

    number: int
    name: str
    image: Image


@quick(frozen=True, slots=True)
class Paper:
    """One document of an input.

    Attributes:
        number: its place in the input, 1-based.
        document: what was read; its key is the file's path within the folder, or its name.
        long: its text, where that is too long to be held; the document then has none.
    """

    number: int
    document: Document
    long: LongText | None = None


def picture_body(picture: Picture) -> dict[str, Json]:
    """The body of the record that an image file becomes: `id`, `image` in base64, and `document`."""
    image = picture.image
    facts: dict[str, Json] = {
        "name": picture.name,
        "kind": image.media_type,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
    }
    return {"id": picture.name, "image": image.base64, FACTS: facts}


def body_of(document: Document) -> dict[str, Json]:
    """The body of the record that a document becomes.

    `document` in it holds `name`, `kind` (the media type), `sha256`, `pages` (offsets in `text`), `blank_pages`,
    `headings` (`start`, `level`, `title`) and `attachments`. Passages are a function of these: `document_of` gives the
    document back, whose `passages()` makes them. Pages that were rendered are `images`, in base64.
    """
    scans: dict[str, Json] = {"images": list(document.scans)} if document.scans else {}
    return scans | {
        "id": document.key,
        "text": document.text,
        FACTS: {
            "name": document.key,
            "kind": document.media_type,
            "sha256": document.sha256,
            "pages": list(document.pages),
            "blank_pages": list(document.blank_pages),
            "headings": [
                {"start": one.start, "level": one.level, "title": one.title} for one in document.headings
            ],
            "attachments": list(document.attachments),
        },
    }


def document_of(body: Json) -> Document:
    """The document that a record's body was made of; what was cleaned in it stands beside the record.

    A body without `document` that has a text counts as plain text without pages or headings.

    Raises:
        WrongRecord: it is no such body.
    """
    if isinstance(body, str):
        return Document("", "text/plain", body)
    if not isinstance(body, dict) or not isinstance(text := body.get("text"), str):
        raise WrongRecord(f"no document: {shown(body)}", "Give a record with a field `text`.")
    facts = body.get(FACTS)
    if not isinstance(facts, dict):
        return Document(str(body.get("id", "")), "text/plain", text)
    try:
        return Document(
            key=str(facts["name"]),
            media_type=str(facts["kind"]),
            text=text,
            pages=_numbers(facts["pages"]),
            headings=tuple(_heading(one) for one in cast("list[dict[str, Json]]", facts["headings"])),
            blank_pages=_numbers(facts["blank_pages"]),
            attachments=tuple(str(one) for one in cast("list[Json]", facts["attachments"])),
            sha256=str(facts["sha256"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WrongRecord(
            f"no document: its `{FACTS}` is {shown(facts)}", "Leave the field as it was read."
        ) from error


def _numbers(found: Json) -> tuple[int, ...]:
    return tuple(int(cast("int", one)) for one in cast("list[Json]", found))


def _heading(found: dict[str, Json]) -> Heading:
    return Heading(int(cast("int", found["start"])), int(cast("int", found["level"])), str(found["title"]))
