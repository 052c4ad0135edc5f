"""Building a question: instructions, rules, examples and data become the messages that are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from roadworthy._errors import Fault, LedgerUnavailable, WrongUse
from roadworthy.accept.image import Image
from roadworthy.accept.reason import WrongRecord
from roadworthy.ask.digest import digest, measured
from roadworthy.ask.example import EXAMPLES, examples_in, kept_examples, with_examples, without_examples
from roadworthy.ask.part import json_bytes, part_text, storable
from roadworthy.ask.pinned import PASSAGES, kept_passages, passages_in
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.question import Message, OutputSchema, Question
from roadworthy.ask.schema import WRAPPER
from roadworthy.ask.template import Template

FAULT_CHARS_MAX = 500


def build_question(
    prompt: Prompt[object], schema: OutputSchema, *, template: Template | None = None
) -> Question:
    """The question for one record, the same bytes for the same input in every process.

    The system message holds the team's words: instructions, what the schema cannot say, examples. The user
    message holds the data. A prompt without parts has its instructions in the user message, since providers
    want one.

    Raises:
        WrongUse: a prompt file's template is missing or another one, or a value has no JSON form.
    """
    texts: list[str] = []
    images: list[Image] = []
    for part in prompt.parts:
        if isinstance(part, Image):
            images.append(part)
        else:
            texts.append(part_text(part))
    examples = _examples(prompt.examples, wrapped=schema.wrapped) if prompt.examples else ""
    words = schema.words
    if template is not None or prompt.template:
        head, user, source = _filled(prompt, template)
        opening = _opening(head, words, examples)
    elif texts:
        source, user = prompt.instructions, "\n\n".join(texts)
        opening = _opening_again(source, words, examples)
    else:
        source = user = prompt.instructions
        opening = _opening_again("", words, examples)
    messages = (*opening, Message("user", storable(user), tuple(images)))
    version, schemas = _standing(source, examples, schema.canonical, schema.strict, words)
    return Question(version, digest(_body(messages), before=schemas), messages)


def _filled(prompt: Prompt[object], template: Template | None) -> tuple[str, str, str]:
    """What a prompt's file says for its values: the system's words, the user's, and the file's hash."""
    if template is None or prompt.template != template.name:
        raise WrongUse(
            f"The prompt names the file {prompt.template!r} and was given {template.name if template else None!r}."
        )
    return *template.render(prompt.values), template.source_hash.hex()


def again_message(fault: Fault) -> str:
    """What the one re-ask adds to the original question. It states the fault and never quotes the answer."""
    words = storable(" ".join(fault.message.split()))
    if len(words) > FAULT_CHARS_MAX:
        words = words[: FAULT_CHARS_MAX - 1] + "…"
    place = f" at `{fault.where}`" if fault.where and f"`{fault.where}`" not in words else ""
    return f"An earlier answer could not be used{place}: {words}\nGive the whole answer again, with this put right."


def asked_again(question: Question, words: str) -> Question:
    """The original question with `words` at the end of its user message; the wrong answer is not shown."""
    *before, user = question.messages
    messages = (*before, replace(user, text=f"{user.text}\n\n{words}"))
    return replace(question, fixed=_fixed_again(question, messages), messages=messages)


def reworded(question: Question, change: Callable[[str], str]) -> Question:
    """The question with the text of each message changed, such as by hiding what must not be sent."""
    messages = tuple(replace(message, text=change(message.text)) for message in question.messages)
    return replace(question, fixed=_fixed_again(question, messages), messages=messages)


def question_body(question: Question) -> bytes:
    """Messages, passages and examples as JSON, for the ledger; `version` and `fixed` have columns of their own."""
    if not question.passages and not question.examples:
        return _body(question.messages)
    said: list[dict[str, Any]] = list(map(_row, without_examples(question)))
    if question.passages:
        said.append({"role": PASSAGES, "passages": kept_passages(question)})
    if question.examples:
        said.append(kept_examples(question))
    return orjson.dumps(said)


def question_from(body: bytes, version: str, fixed: bytes) -> Question:
    """The question that `question_body` wrote.

    Raises:
        LedgerUnavailable: the bytes are not a question, so the ledger was damaged or written by something else.
    """
    try:
        rows = orjson.loads(body)
        messages = tuple(_message(row) for row in rows if row["role"] not in {PASSAGES, EXAMPLES})
        passages, shown = passages_in(rows), examples_in(rows)
    except (orjson.JSONDecodeError, TypeError, KeyError, IndexError, ValueError, WrongRecord) as error:
        raise LedgerUnavailable(
            f"A stored question of version {version!r} cannot be read: {error}. Restore the ledger from a copy."
        ) from error
    return with_examples(Question(version, fixed, messages, passages), shown)


@lru_cache(maxsize=256)
def _standing(source: str, examples: str, canonical: bytes, strict: bytes, words: str) -> tuple[str, bytes]:
    """The prompt's version, and what the hashes of its questions end with; the same words come with every record."""
    said = measured(source.encode("utf-8", "surrogatepass"), examples.encode(), canonical)
    return digest(words.encode(), after=said).hex()[:16], measured(canonical, strict, words.encode())


def _fixed_again(question: Question, messages: Sequence[Message]) -> bytes:
    return digest(_body(tuple(messages)), after=measured(question.fixed))


def _opening(head: str, words: str, examples: str) -> tuple[Message, ...]:
    """The system message, where there is anything to say in it."""
    system = "\n\n".join(filter(None, (head, _rules(words), examples)))
    return (Message("system", storable(system)),) if system else ()


_opening_again = lru_cache(maxsize=256)(_opening)
"""The same for the words of a prompt in code, which come with every record. What a template writes may be the record's."""


def _rules(words: str) -> str:
    if not words:
        return ""
    return "Rules for the fields of the answer:\n" + "\n".join(f"- {line}" for line in words.split("\n"))


def _examples(examples: Sequence[tuple[object, object]], *, wrapped: bool) -> str:
    texts = []
    for number, (given, answer) in enumerate(examples, start=1):
        shown = {WRAPPER: answer} if wrapped else answer
        written = json_bytes(shown, sort=False, by_alias=True).decode()
        texts.append(f"Example {number}\nInput:\n{part_text(given)}\nOutput:\n{written}")
    return "\n\n".join(texts)


@lru_cache(maxsize=1)
def _body(messages: tuple[Message, ...]) -> bytes:
    """Messages as JSON. A question is hashed and then kept, which asks for the same bytes twice in a row."""
    return orjson.dumps(list(map(_row, messages)))


def _row(message: Message) -> dict[str, object]:
    row: dict[str, object] = {"role": message.role, "text": message.text}
    if message.images:
        row["images"] = [image.base64 for image in message.images]
    return row


def _message(row: dict[str, Any]) -> Message:
    return Message(row["role"], row["text"], tuple(map(Image, row.get("images", ()))))
