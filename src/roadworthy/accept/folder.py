"""A folder, or one file, of documents as input: every file in it is a unit, in the order of their paths."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.identity import KEY_CHARS_MAX
from roadworthy.accept.image import Image, refuse_large
from roadworthy.accept.paper import Paper, Picture
from roadworthy.accept.papers.reader import MEDIA_TYPES, PaperReader
from roadworthy.accept.reason import WrongRecord, escaped
from roadworthy.accept.record import Unusable

_HIDDEN: Final = (".", "~$")  # what shells do not list, and the locks that office programs leave
_HASH_CHARS: Final = 16

PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@quick(frozen=True, slots=True)
class _Found:
    """A file, by the name that its record has."""

    name: str
    path: Path
    wrong: WrongRecord | None = None


class Folder:
    """Documents below a folder, or a single one.

    Paths are data: what is a link is followed only to a file inside the folder, and nothing but regular files is opened.
    Hidden files, whose names begin with `.` or `~$`, are no input.

    Args:
        path: an existing folder or file.
        settings: the limits on files and documents.

    Raises:
        WrongUse: it cannot be listed, holds no file or too many, or an extra is missing that its files need.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.name = escaped(str(path))
        self._settings = settings
        self._files = _listed(path, settings) if path.is_dir() else [_Found(storable_name(path.name), path)]
        if not self._files:
            raise WrongUse(f"{path} holds no files. Give a folder with documents in it.")
        _refuse_missing_extras(self._files)

    def __iter__(self) -> Iterator[Paper | Picture | Unusable]:
        """Each file in order, read; one whose bytes came before, as the same kind, comes as what it repeats."""
        first: dict[tuple[bytes, str], str] = {}
        with PaperReader(self._settings) as reader:
            for number, found in enumerate(self._files, start=1):
                try:
                    if found.wrong is not None:
                        raise found.wrong
                    ending = found.path.suffix.lower()
                    kind = "image" if ending in PICTURES else MEDIA_TYPES.get(ending, ending)
                    own = first.setdefault((self._digest(found.path), kind), found.name)
                    if ending in PICTURES:
                        yield Picture(number, own, self._image(found.path))
                    else:
                        yield Paper(number, *reader.read_long(found.path, own))
                except WrongRecord as wrong:
                    yield Unusable(found.name, number, b"", f"{self.name}: {found.name}: {wrong}")

    def _image(self, path: Path) -> Image:
        try:
            with path.open("rb") as stream:
                data = stream.read(self._settings.image_bytes_max + 1)
        except OSError as error:
            raise WrongRecord(f"it cannot be read: {error.strerror}", "Check its permissions.") from error
        if not data:
            raise WrongRecord("it is empty", "Leave it out.")
        image = Image(data)
        refuse_large((image,), self._settings)
        return image

    def _digest(self, path: Path) -> bytes:
        """SHA-256 of a file; of one that will not be read for its size or its permissions, of its name."""
        try:
            if path.stat().st_size <= self._settings.document_bytes_max:
                with path.open("rb") as stream:
                    return hashlib.file_digest(stream, "sha256").digest()
        except OSError:
            pass  # the reader says why
        return os.fsencode(path)


def _listed(root: Path, settings: Settings) -> list[_Found]:
    """Every file below `root` that is not hidden, in the order of their paths; links to folders are not followed."""
    inside = root.resolve()
    found: list[_Found] = []
    open_folders = [(root, "")]
    while open_folders:
        folder, above = open_folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not above:
                raise WrongUse(f"{root} cannot be listed: {error}. Check its permissions.") from error
            wrong = WrongRecord(f"it cannot be listed: {error.strerror}", "Check its permissions.")
            found.append(_Found(above.rstrip("/"), folder, wrong))
            continue
        for entry in entries:
            if is_hidden(entry.name):
                continue
            name = above + entry.name
            if entry.is_dir(follow_symlinks=False):
                open_folders.append((Path(entry.path), name + "/"))
            else:
                found.append(_judged(entry, name, inside))
            if len(found) > settings.folder_files_max:
                raise WrongUse(
                    f"{root} holds more than {settings.folder_files_max:,} files (setting folder_files_max). "
                    "Name a folder in it, or raise the setting."
                )
    found.sort(key=lambda one: one.name)
    return [_Found(storable_name(one.name), one.path, one.wrong) for one in found]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is no input."""
    return name.startswith(_HIDDEN)


def _judged(entry: os.DirEntry[str], name: str, inside: Path) -> _Found:
    path = Path(entry.path)
    wrong: WrongRecord | None = None
    if entry.is_symlink():
        path, wrong = _followed(path, inside)
    try:
        if wrong is None and not path.is_file():
            wrong = WrongRecord("it is no regular file", "Put a file in its place, or leave it out.")
    except OSError as error:
        wrong = WrongRecord(f"it cannot be read: {error.strerror}", "Check its permissions.")
    return _Found(name, path, wrong)


def _followed(link: Path, inside: Path) -> tuple[Path, WrongRecord | None]:
    try:
        path = link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a ring of links
        return link, WrongRecord("it is a link that leads nowhere", "Put the file in its place.")
    if not path.is_relative_to(inside):
        return path, WrongRecord("it is a link that leads out of the folder", "Put the file in its place.")
    if path.is_dir():
        return path, WrongRecord("it is a link to a folder", "The folder's files are read where they are.")
    return path, None


def storable_name(name: str) -> str:
    r"""A path as text that can be a key: what cannot be printed as `\x0a`, the end of a long one as a hash."""
    plain = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = "".join(
        c if c == " " or unicodedata.category(c)[0] not in "CZ" else c.encode("unicode_escape").decode()
        for c in plain
    )
    if len(plain) <= KEY_CHARS_MAX:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:_HASH_CHARS]
    return f"{plain[: KEY_CHARS_MAX - _HASH_CHARS - 1]}~{digest}"


def _refuse_missing_extras(files: list[_Found]) -> None:
    pdf = next((one for one in files if one.path.suffix.lower() == ".pdf"), None)
    if pdf is not None and importlib.util.find_spec("pypdfium2") is None:
        raise WrongUse(f"{pdf.name}: reading PDF needs the extra `docs`: pip install 'roadworthy[docs]'.")


def is_document(path: Path) -> bool:
    """Whether the ending is one of a document or of an image."""
    return path.suffix.lower() in MEDIA_TYPES or path.suffix.lower() in PICTURES
