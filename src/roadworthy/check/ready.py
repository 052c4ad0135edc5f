# ruff: noqa: RUF001 - marks that look alike are what these checks make alike
"""Ready checks: each call makes one check of (answer, record), for `step.check(...)`.

A field is a path such as `items.quote`; lists on the way are walked through, an absent or null field has nothing to
check. `in_` names the record's field that is the source; all text of the record where it is empty. Where a step has a
corpus, `passages.text` and `passages.id` are those of the passages that its question was asked with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from roadworthy._errors import Fault, WrongUse
from roadworthy.accept.passage import Passage
from roadworthy.ask.part import plain
from roadworthy.check.figure import DATE, dates, figures, names, numbers

Check: TypeAlias = Callable[[object, object], None]
Bounds: TypeAlias = "tuple[int, int] | None"

PATTERN_TIMEOUT_S: Final = 0.5
SHORT_WORDS: Final = 8

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+(?=\S)")
# What stands before a name or a number, and initials within a name; "etc." and the like may end a sentence.
_ABBREVIATED: Final = re.compile(
    r"(?:(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|No|Nr|Art|Abs|Fig|Hr|Fr|vs|cf|ca|vgl|approx|bzw|e\.g|i\.e|z|z\. ?B|d|d\. ?h)"
    r"|(?:^|\b[^\W\d_a-z]\w+ )[A-Z])\.$"
)
_BEFORE_CHARS: Final = 40
_CITED: Final = r"[\w.:/#-]{1,200}"
_CITATION: Final = re.compile(rf"\[({_CITED}(?:\s*[,;]\s*{_CITED}){{0,50}})\]")
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def texts_at(value: object, path: str) -> Iterator[str]:
    """Every text or number at a path of an answer or a record, as text; all of it where the path is empty."""
    yield from _texts(_at(value, path.split(".") if path else []))


def _source_texts(record: object, passages: Sequence[Passage], path: str) -> Iterator[str]:
    """The texts at a path of the record; `passages` are those of the question where the record has no such field."""
    first = path.split(".", maxsplit=1)[0]
    named = first in record if isinstance(record, Mapping) else hasattr(record, first)
    yield from texts_at({"passages": list(passages)} if first == "passages" and not named else record, path)


def folded(text: str) -> str:
    """Text as quotes are compared: NFKC, case folded, one kind of quote and dash, white space as one blank."""
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE).replace("\u00ad", "")
    return " ".join(text.casefold().split())


def quotes_occur(field: str, *, in_: str = "") -> Check:
    """Each text of `field` stands in the source, but for white space, case, quote marks and Unicode forms."""

    def quotes_occur(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        source = folded("\n".join(_source_texts(record, passages, in_)))
        for quote in texts_at(answer, field):
            if not folded(quote) or folded(quote) not in source:
                raise _ungrounded(
                    field, f"{_brief(quote)} does not occur in {_source(in_)}: copy it word for word"
                )

    return quotes_occur


def numbers_occur(field: str, *, in_: str = "") -> Check:
    """Each number in `field` stands in the source, however its thousands are grouped."""

    def numbers_occur(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        source = numbers(_source_texts(record, passages, in_))
        for text in texts_at(answer, field):
            for found in figures(DATE.sub(" ", text)):
                if not found.occurs_in(source):
                    raise _ungrounded(field, f"the number {found.whole} does not occur in {_source(in_)}")

    return numbers_occur


def dates_occur(field: str, *, in_: str = "") -> Check:
    """Each date in `field` (2026-03-01, 1.3.2026, 3/1/2026) stands in the source, in one of these forms."""

    def dates_occur(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        source = {date for text in _source_texts(record, passages, in_) for date in dates(text)}
        for text in texts_at(answer, field):
            for match in DATE.finditer(text):
                if source.isdisjoint(dates(match[0])):
                    raise _ungrounded(field, f"the date {match[0]} does not occur in {_source(in_)}")

    return dates_occur


def names_occur(field: str, *, in_: str = "") -> Check:
    """Each run of two or more capitalised words in `field` stands in the source; a sentence's first word may not."""

    def names_occur(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        source = folded("\n".join(_source_texts(record, passages, in_)))
        for text in texts_at(answer, field):
            for name in names(text):
                rest = name.split(maxsplit=1)[1]
                if folded(name) not in source and (" " not in rest or folded(rest) not in source):
                    raise _ungrounded(field, f"the name {_brief(name)} does not occur in {_source(in_)}")

    return names_occur


def citations_exist(field: str, *, in_: str) -> Check:
    """Each citation in `field`, written `[id]`, is one of the ids at `in_` of the record, as in `passages.id`."""

    def citations_exist(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        _refuse_unknown(answer, field, set(_source_texts(record, passages, in_)))

    return citations_exist


def sentences_cite(field: str, *, in_: str) -> Check:
    """Each sentence of `field` holds a citation `[id]`, and each is one of the ids at `in_` of the record."""

    def sentences_cite(answer: object, record: object, passages: Sequence[Passage] = ()) -> None:
        for text in texts_at(answer, field):
            for sentence in _sentences(text):
                if not _CITATION.search(sentence):
                    raise _ungrounded(
                        field, f"the sentence {_brief(sentence)} cites no passage: end it with its [id]"
                    )
        _refuse_unknown(answer, field, set(_source_texts(record, passages, in_)))

    return sentences_cite


def length(field: str, *, words: Bounds = None, chars: Bounds = None, sentences: Bounds = None) -> Check:
    """Each text of `field` has as many words, characters or sentences as (at least, at most)."""

    def length(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            counts = (
                ("words", words, len(_WORD.findall(text))),
                ("characters", chars, len(text)),
                ("sentences", sentences, len(_sentences(text))),
            )
            for unit, bounds, count in counts:
                if bounds and not bounds[0] <= count <= bounds[1]:
                    raise Fault(
                        f"it has {count} {unit} and shall have {bounds[0]} to {bounds[1]}", where=field
                    )

    return length


def language(field: str, expected: str) -> Check:
    """Each text of `field` is in this language, by its commonest words; fewer than eight words say nothing and pass.

    Args:
        field: the path.
        expected: `de en es fr it nl pt`.

    Raises:
        WrongUse: another language.
    """
    if expected not in STOP_WORDS:
        raise WrongUse(f"language={expected!r} is not known. Use one of {', '.join(STOP_WORDS)}.")

    def language(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            words = [word.casefold() for word in _WORD.findall(text)]
            if len(words) < SHORT_WORDS:
                continue
            hits = {name: sum(word in common for word in words) for name, common in STOP_WORDS.items()}
            best = max(hits, key=lambda name: (hits[name], name == expected))
            if best != expected or not hits[expected]:
                found = f"reads as {best!r}" if hits[best] else "is in no language that is known"
                raise Fault(f"the text {found}: write it in {expected!r}", where=field)

    return language


def phrases(field: str, *, required: Collection[str] = (), banned: Collection[str] = ()) -> Check:
    """Each text of `field` holds all required phrases and none of the banned ones, as whole words, case ignored."""

    def phrases(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            for phrase in required:
                if not _holds(text, phrase):
                    raise Fault(f"the phrase {phrase!r} is missing", where=field)
            for phrase in banned:
                if _holds(text, phrase):
                    raise Fault(f"the phrase {phrase!r} must not be used", where=field)

    return phrases


def no_personal_data(field: str = "", *, kinds: Collection[str] = ()) -> Check:
    """No text of `field` holds personal data of these kinds; the fault names the kind and never the value."""
    from roadworthy.accept.personal import KINDS, find_personal  # noqa: PLC0415 - few steps hide anything

    for kind in kinds:
        if kind not in KINDS:
            raise WrongUse(f"{kind!r} is no kind of personal data. Use some of {', '.join(KINDS)}.")

    def no_personal_data(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            if found := find_personal(text, kinds):
                raise Fault(f"it holds personal data ({found[0].kind}): leave it out", where=field)

    return no_personal_data


def no_repetition(field: str, *, words: int = 6, times: int = 3) -> Check:
    """No run of `words` words occurs `times` times or more in a text of `field`."""

    def no_repetition(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            spoken = folded(text).split()
            counts: dict[tuple[str, ...], int] = {}
            for start in range(len(spoken) - words + 1):
                run = tuple(spoken[start : start + words])
                counts[run] = counts.get(run, 0) + 1
                if counts[run] >= times:
                    raise Fault(
                        f"{_brief(' '.join(run))} is repeated {times} times: say it once", where=field
                    )

    return no_repetition


def matches(field: str, pattern: str) -> Check:
    """Each text of `field` matches a regular expression as a whole (extra `checks`).

    A match that takes longer than half a second is a fault: the `regex` library stops it, so that no answer can hang
    a run by making the pattern go back and forth.

    Raises:
        WrongUse: no regular expression.
    """
    import regex  # noqa: PLC0415 - an extra

    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise WrongUse(f"The pattern {pattern!r} is no regular expression: {error}.") from error

    def matches(answer: object, _record: object) -> None:
        for text in texts_at(answer, field):
            try:
                found = compiled.fullmatch(text, timeout=PATTERN_TIMEOUT_S)
            except TimeoutError as error:
                raise Fault(
                    f"it could not be matched with {pattern!r} in {PATTERN_TIMEOUT_S} s", where=field
                ) from error
            if found is None:
                raise Fault(f"{_brief(text)} does not match {pattern!r}", where=field)

    return matches


def meets_schema(schema: Mapping[str, object], *, field: str = "") -> Check:
    """The answer, or each value at `field`, meets a JSON Schema, draft 2020-12 by default (extra `checks`).

    References are not fetched; a pattern in the schema is the team's own and has no time limit.

    Raises:
        WrongUse: no valid schema.
    """
    import jsonschema  # noqa: PLC0415 - an extra

    maker = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        maker.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        raise WrongUse(f"The JSON Schema is not valid: {error.message}.") from error
    validator: Any = maker(dict(schema))

    def meets_schema(answer: object, _record: object) -> None:
        for value in _at(answer, field.split(".") if field else []):
            first = next(iter(validator.iter_errors(plain(value) if _is_model(value) else value)), None)
            if first is not None:
                where = ".".join(filter(None, (field, *map(str, first.absolute_path))))
                raise Fault(first.message[:300], where=where)

    return meets_schema


def _refuse_unknown(answer: object, field: str, known: Collection[str]) -> None:
    """Citations are of what was given alone."""
    for text in texts_at(answer, field):
        for cited in (each for found in _CITATION.findall(text) for each in re.findall(_CITED, found)):
            if cited not in known:
                raise _ungrounded(
                    field, f"[{cited}] is cited and is none of the passages given: cite one of them"
                )


def _is_model(value: object) -> bool:
    return isinstance(value, BaseModel) or hasattr(value, "__dataclass_fields__")


def _at(value: object, path: list[str]) -> Iterator[object]:
    if value is None:
        return
    if path and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _at(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        yield from _at(value.get(path[0]), path[1:])
    else:
        if not hasattr(value, path[0]):
            raise WrongUse(
                f"A ready check names the field {path[0]!r}, and a {type(value).__name__} has none."
            )
        yield from _at(getattr(value, path[0]), path[1:])


def _texts(values: Iterator[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(iter(value.values()))
        elif isinstance(value, list | tuple | set | frozenset):
            yield from _texts(iter(value))
        elif _is_model(value):
            yield from _texts(iter((plain(value),)))
        elif value is not None and not isinstance(value, bool):
            yield str(value)


def _sentences(text: str) -> list[str]:
    """Sentences; a citation behind the full stop belongs to the sentence before it, and an abbreviation ends none."""
    found: list[list[str]] = []
    for piece in _SENTENCE_END.split(re.sub(r"([.!?])\s*((?:\[[^\]\s]+\]\s*)+)", r" \2\1 ", text)):
        part = piece.strip()
        last = found[-1][-1][-_BEFORE_CHARS:] if found else ""
        if part and (_ABBREVIATED.search(last) or (part[0].islower() and last.endswith("."))):
            found[-1].append(part)
        elif part:
            found.append([part])
    return list(map(" ".join, found))


def _holds(text: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(folded(phrase))}(?!\w)", folded(text)) is not None


def _ungrounded(field: str, words: str) -> Fault:
    return Fault(words, where=field, kind="ungrounded")


def _brief(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _source(in_: str) -> str:
    return f"`{in_}`" if in_ else "the record"


_ALIKE: Final = str.maketrans(
    dict.fromkeys("‘’‚‛`´", "'") | dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‐‑‒–—−", "-")
)

STOP_WORDS: Final = {
    name: frozenset(words.split())
    for name, words in {
        "de": "der die das und ist nicht ein eine zu den mit von für auf dem des sich ich wir sie es im auch wird wurde",
        "en": "the and is not a an to of in that it for on with as was are be this by from have has we you they",
        "es": "el la los las y es no un una de que en para con por se del al lo como más pero su fue está",
        "fr": "le la les et est pas un une de des que en pour avec par du au ne se dans sur il elle ce été",
        "it": "il lo la gli le e è non un una di che in per con del della al si da sono nel come ma stato",
        "nl": "de het een en is niet van dat op te in voor met zijn aan er ik je wij om ook maar werd deze naar",
        "pt": "o a os as e é não um uma de que em para com por do da no na se ao como mais foi está",
    }.items()
}
"""The commonest function words; a language is told by them in texts of a sentence or more."""
