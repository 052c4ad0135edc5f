"""The operators that make an input messier: pure, seeded, and honest about what they change."""

import json
import random
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy._settings import DEFAULTS
from roadworthy.accept.clean import clean_body
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Json, Record
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.vet.road.mess import lines, words
from roadworthy.vet.road.mess.body import free_texts, main_text, messed
from roadworthy.vet.road.mess.injection import ASKED, DISGUISES, injections
from roadworthy.vet.road.mess.operator import FileOperator, TextOperator, chance_of, named
from roadworthy.vet.road.mess.words import around_limit

TEXT = 'Where is my "parcel"? It\'s order 4711 & I paid for the d\u00e9livery on Monday.'
TEXT_OPERATORS = (*words.KEEPING, *words.CHANGING, *injections("ZQX"))
FILE_OPERATORS = (*lines.KEEPING, *lines.CHANGING)
BODIES = [json.dumps({"id": f"r{n}", "text": f"{TEXT} {n}"}, ensure_ascii=False).encode() for n in range(12)]


def _name(operator: TextOperator | FileOperator) -> str:
    return operator.name


def test_every_operator_has_a_name_of_its_own_and_says_what_it_does() -> None:
    """A report would name two things by one name, or nothing at all."""
    for operators in (TEXT_OPERATORS, FILE_OPERATORS):
        assert max(Counter(operator.name for operator in operators).values()) == 1
        assert all(operator.says and operator.name == operator.name.lower() for operator in operators)
    assert len(injections("ZQX")) == len(ASKED) * len(DISGUISES)


@pytest.mark.parametrize("operator", TEXT_OPERATORS, ids=_name)
def test_an_operator_on_text_changes_it_and_repeats_itself(operator: TextOperator) -> None:
    """A finding could not be reproduced, or an operator would do nothing and its records pass for it."""
    assert operator.on(TEXT, 7, "r1") == operator.on(TEXT, 7, "r1") != TEXT


@pytest.mark.parametrize("operator", FILE_OPERATORS, ids=_name)
def test_an_operator_on_a_file_changes_it_and_repeats_itself(operator: FileOperator) -> None:
    """The same, for files."""
    assert operator.on(BODIES, 7) == operator.on(BODIES, 7) != b"".join(line + b"\n" for line in BODIES)
    assert isinstance(operator.on([], 7), bytes)


def test_chance_is_the_same_in_every_process_and_differs_by_seed_and_record() -> None:
    """Two runs of one seed would find different things; or every record would get the same mess."""
    code = (
        "from roadworthy.vet.road.mess.operator import chance_of; print(chance_of(7, 'typos', 'r1').random())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for _ in range(2)
    }
    assert said == {f"{chance_of(7, 'typos', 'r1').random()}\n"}
    draws = [
        chance_of(*given).random() for given in ((7, "typos", "r1"), (8, "typos", "r1"), (7, "typos", "r2"))
    ]
    assert len(set(draws)) == 3


def _bare(text: str) -> str:
    """What is left when case, white space, marks, quotes and what stands around are taken away, letters sorted by word."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sorted(letter for letter in plain if letter.isalnum()))


@pytest.mark.parametrize(
    "operator",
    [one for one in words.KEEPING if one.name not in {"greeting", "footer", "entities", "misread"}],
    ids=_name,
)
@given(text=st.text(st.characters(codec="ascii"), max_size=200))
def test_what_keeps_the_meaning_loses_no_letter_and_no_digit(operator: TextOperator, text: str) -> None:
    """An operator that drops an order number would be called harmless, and the app blamed for another answer."""
    assert _bare(operator.on(text, 1, "k")) == _bare(text)


@pytest.mark.parametrize("name", ["greeting", "footer"])
def test_what_is_put_around_a_text_leaves_it_whole(name: str) -> None:
    """A greeting would eat the message."""
    (operator,) = named(words.KEEPING, [name])
    assert all(TEXT in operator.on(TEXT, seed, "k") for seed in range(20))


def test_a_text_that_was_misread_once_is_put_right_at_the_door() -> None:
    """The operator would make something that nobody can read, and call its meaning kept."""
    (operator,) = named(words.KEEPING, ["misread"])
    cleaned, _ = clean_body(operator.on(TEXT, 1, "k"))
    assert cleaned == TEXT


@given(st.text(max_size=80), st.integers(0, 500))
def test_sizes_are_exact(text: str, limit: int) -> None:
    """A limit would be tried beside its edge."""
    sizes = [len(operator.on(text, 1, "k")) for operator in around_limit(limit)]
    assert sizes == [size for size in (limit - 1, limit, limit + 1) if size >= 0]


@given(st.text(), st.integers(0, 2**32))
def test_no_operator_breaks_on_any_text(text: str, seed: int) -> None:
    """A stage would break on the team's own data."""
    for operator in (*words.KEEPING, *words.CHANGING):
        assert isinstance(operator.act(text, random.Random(seed)), str)


def test_free_text_is_messed_up_and_codes_are_not() -> None:
    """A key, a date or a code would be changed: another record, not the same one said differently."""
    body: dict[str, Json] = {
        "id": "a b c d",
        "day": "2026-03-02",
        "channel": "email",
        "subject": "",
        "text": TEXT,
        "n": 3,
    }
    (upper,) = named(words.KEEPING, ["upper-case"])
    changed = messed(body, upper, 1, "k")
    assert changed is not None
    assert changed.fields == ("text",)
    assert changed.body == {**body, "text": TEXT.upper()}
    assert free_texts({"id": "x", "word": "returns", "code": "A1"}) == ("word",)
    assert messed({"id": "A B C D"}, upper, 1, "k") is None
    assert messed("ALL CAPITALS", upper, 1, "k") is None
    assert messed("a line", upper, 1, "k") is not None
    assert main_text({"id": "x", "title": "one two three", "text": TEXT}) == ("text", TEXT)
    assert main_text("plain") == ("", "plain")
    assert main_text({"id": "x", "n": 1}) is None


def test_an_unknown_operator_is_wrong_use() -> None:
    """A misspelt name would test nothing."""
    with pytest.raises(WrongUse, match="There is no operator 'caps'"):
        named(words.KEEPING, ["caps"])


def _read(path: str) -> list[str]:
    schema = RecordSchema(dict)
    source = Source.from_path(path, DEFAULTS)
    units = list(read_records(source, schema=schema, settings=DEFAULTS))
    return [unit.key if isinstance(unit, Record) else "?" for unit in units]


@pytest.mark.parametrize("operator", lines.KEEPING, ids=_name)
def test_from_a_file_whose_meaning_is_kept_the_same_records_are_read(
    operator: FileOperator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file that lost a record would be called harmless."""
    path = tmp_path_factory.mktemp("mess") / "in.jsonl"
    path.write_bytes(operator.on(BODIES, 3))
    assert set(_read(str(path))) == {f"r{n}" for n in range(12)}


@pytest.mark.parametrize("operator", lines.CHANGING, ids=_name)
def test_a_broken_file_costs_at_most_the_broken_line(
    operator: FileOperator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One bad line would take the good ones with it."""
    path = tmp_path_factory.mktemp("mess") / "in.jsonl"
    path.write_bytes(operator.on(BODIES, 3))
    assert len({f"r{n}" for n in range(12)} - set(_read(str(path)))) <= 1


@pytest.mark.parametrize("operator", injections("ZQX"), ids=_name)
def test_an_injection_holds_the_text_and_its_mark(operator: TextOperator) -> None:
    """Obedience could not be seen, or the record would be lost under the instruction."""
    said = operator.on(TEXT, 1, "k")
    assert TEXT in said
    assert "ZQX" in said
