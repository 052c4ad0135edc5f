"""Recorded answers, and how a request finds its own."""

from __future__ import annotations

import gzip
import json
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.vet.text_index import TextIndex

FINISH_REASONS: Final = ("stop", "length", "content_filter")


@quick(frozen=True, slots=True)
class Answer:
    """What a model says, before it is put into a provider's dialect.

    Attributes:
        content: the message; None where there is none.
        finish: `stop`, `length` or `content_filter`.
        refusal: the words of a refusal; None where it answers.
        token_probability: mean probability of its tokens, where it was recorded.
    """

    content: str | None
    finish: str = "stop"
    refusal: str | None = None
    token_probability: float | None = None


class Recording:
    """Questions with the answers that models really gave, one list of successive replies per model.

    Args:
        rows: `{"id": ..., "text": ..., "answers": {model: answer}}`. An answer is a string (the content as it is), a
            JSON value (written as compact JSON), `{"$reply": {"content", "finish_reason", "refusal",
            "token_probability"}}` for a reply kept word for word, or `{"$turns": [answer, ...]}` for what comes on the
            first request, on the next different one about the same question, and so on.
        wrap: a plain string answer becomes the JSON object `{wrap: answer}`; empty for as it is.
        loose: a text that is not found as it is, is looked for by its letters and digits alone.

    Raises:
        WrongUse: a row without text, or an answer in none of these forms.
    """

    def __init__(self, rows: Iterable[Mapping[str, object]], *, wrap: str = "", loose: bool = False) -> None:
        self._wrap = wrap
        self._seen: dict[str, Answer] = {}
        self.ids: list[str] = []
        self._answers: list[dict[str, tuple[Answer, ...]]] = []
        numbers: dict[str, int] = {}
        for position, row in enumerate(rows, 1):
            self._add(position, row, numbers)
        self._numbers = {form: number for text, number in numbers.items() for form in _forms(text)} | numbers
        self._index = TextIndex(self._numbers)
        self._bare = (
            {bare: number for text, number in numbers.items() if (bare := bare_text(text))} if loose else {}
        )
        self._bare_index = TextIndex(self._bare)

    def _add(self, position: int, row: Mapping[str, object], numbers: dict[str, int]) -> None:
        text, answers = row.get("text"), row.get("answers", {})
        if not isinstance(text, str) or not isinstance(answers, Mapping):
            raise WrongUse(
                f"Row {position} of the recorded answers has no `text` or no `answers`: {str(row)[:200]!r}. "
                'Write it as {"id": "1", "text": "...", "answers": {"gpt-4": "..."}}.'
            )
        number = numbers.setdefault(text.strip(), len(self.ids))
        if number == len(self.ids):
            self.ids.append(str(row.get("id", position)))
            self._answers.append({})
        for model, answer in answers.items():
            self._answers[number].setdefault(str(model), tuple(self._turns(position, answer)))

    def _turns(self, position: int, answer: object) -> Iterator[Answer]:
        if not isinstance(answer, Mapping) or "$turns" not in answer:
            yield self._reply(position, answer)
            return
        turns = answer["$turns"]
        if not isinstance(turns, list) or not turns:
            raise WrongUse(f"Row {position}: $turns is {turns!r}. Give a list of one answer or more.")
        for turn in turns:
            yield self._reply(position, turn)

    def _reply(self, position: int, answer: object) -> Answer:
        if isinstance(answer, Mapping) and "$reply" in answer:
            return _verbatim(position, answer["$reply"])
        plain = isinstance(answer, str)
        if plain and self._wrap:
            answer = {self._wrap: answer}
        content = str(answer) if plain and not self._wrap else orjson.dumps(answer).decode()
        return self._seen.setdefault(content, Answer(content))

    @property
    def models(self) -> list[str]:
        """The models with at least one answer, in alphabetical order."""
        return sorted({model for answers in self._answers for model in answers})

    def find(self, message: str) -> int | None:
        """The number of the question whose text occurs in the message, as it is or JSON-escaped; the longest wins."""
        text = self._index.find(message)
        if text is not None:
            return self._numbers[text]
        bare = self._bare_index.find(bare_text(message)) if self._bare else None
        return None if bare is None else self._bare[bare]

    def answer(self, question: int, model: str, turn: int) -> Answer | None:
        """What the model answered on this turn (from 0); the last recorded turn repeats. None: nothing recorded."""
        turns = self._answers[question].get(model)
        return turns[min(turn, len(turns) - 1)] if turns else None


def bare_text(text: str) -> str:
    """Letters and digits alone, without case, in compatibility form: what is left of a text said in other ways."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def _forms(text: str) -> set[str]:
    """The text as it stands inside a JSON string, written with and without escapes for letters beyond ASCII."""
    return {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _verbatim(position: int, said: object) -> Answer:
    if not isinstance(said, Mapping):
        raise WrongUse(f'Row {position}: $reply is {said!r}. Give an object such as {{"content": "..."}}.')
    content, refusal = said.get("content"), said.get("refusal")
    finish, probability = said.get("finish_reason", "stop"), said.get("token_probability")
    for name, value in (("content", content), ("refusal", refusal)):
        if value is not None and not isinstance(value, str):
            raise WrongUse(f"Row {position}: {name} of $reply is {value!r}. Give a string or null.")
    if finish not in FINISH_REASONS:
        raise WrongUse(f"Row {position}: finish_reason is {finish!r}. Known: {', '.join(FINISH_REASONS)}.")
    if probability is not None and (not isinstance(probability, int | float) or not 0 < probability <= 1):
        raise WrongUse(f"Row {position}: token_probability is {probability!r}. Give a number in (0, 1].")
    return Answer(content, finish, refusal, None if probability is None else float(probability))


def read_rows(path: Path, *, text_field: str = "text") -> Iterator[Mapping[str, object]]:
    """The rows of a JSONL file, gzip-packed where its name ends in `.gz`.

    Args:
        path: the file.
        text_field: the field that holds the text of the question.

    Raises:
        WrongUse: the file cannot be read, or a line is not a JSON object.
    """
    try:
        with _open(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(path, number, line, text_field)
    except (OSError, EOFError, zlib.error) as error:
        raise WrongUse(f"The recorded answers in {path} cannot be read: {error}.") from error


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value] # reads bytes


def _row(path: Path, number: int, line: bytes, text_field: str) -> Mapping[str, object]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise WrongUse(f"{path}, line {number} is not JSON: {error}.") from error
    if not isinstance(row, dict):
        raise WrongUse(
            f'{path}, line {number} is not a JSON object. Write {{"text": ..., "answers": {{...}}}}.'
        )
    return row if text_field == "text" else {**row, "text": row.get(text_field)}
