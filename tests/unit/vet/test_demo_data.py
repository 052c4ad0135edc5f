"""The demo's data: that the inbox is as broken as its README says, and that the recorded answers fit it."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ftfy import fix_encoding
from pydantic import ValidationError

from roadworthy import Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record
from roadworthy.accept.source import Source
from roadworthy.ask.build import build_question
from roadworthy.vet import demo
from roadworthy.vet.demo.triage import POLICIES, POLICY_IDS, Ticket, Triage, triage
from roadworthy.vet.recording import Recording, read_rows

FOLDER = Path(str(demo.__file__)).parent
INBOX = FOLDER / "inbox.jsonl"
ANSWERS = FOLDER / "answers.jsonl"
README = (FOLDER / "README.md").read_text(encoding="utf-8")

ID = re.compile(r"T-\d{4}")
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
SURROGATE = re.compile("[\ud800-\udfff]")
GOOD = frozenset({"right", "right, in a fence", "wrong queue"})

# Long numbers that belong to nobody: telephone ranges kept for fiction, the payment industry's test cards, an IBAN
# from the textbooks, gift cards and receipts of the shop itself.
HARMLESS = re.compile(
    r"(0|\+44)?7700900\d{3}|02079460\d{3}|03023125\d{3}|01713920\d{3}|019900\d{4}"
    r"|4242424242424242|4111111111111111|5555555555554444|12345698765432|9921\d{8}|0099447120"
)


@cache
def tables() -> dict[str, list[str]]:
    """The cells behind each row's first one, by that one."""
    lines = [line.strip("|").split("|") for line in README.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def counted(begins: str) -> tuple[int, list[str]]:
    """The count in the one row that begins so, and the ids it lists."""
    [cells] = [cells for what, cells in tables().items() if what.startswith(begins)]
    return int(cells[0]), ID.findall(cells[1]) if len(cells) > 1 else []


@cache
def raw_lines() -> list[bytes]:
    """The lines as bytes, the mark at the start apart."""
    return INBOX.read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")


def spelled(raw: bytes) -> str:
    """A line as text: UTF-8, else Windows-1252."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252")


@cache
def objects() -> list[tuple[bytes, dict[str, Any]]]:
    """Every line that is JSON, as bytes and as an object."""
    found = []
    for raw in raw_lines():
        try:
            found.append((raw, json.loads(spelled(raw))))
        except json.JSONDecodeError:
            continue
    return found


def is_usable(body: object) -> bool:
    """The same limits as the app's `Ticket`."""
    return isinstance(body, str) and 0 < len(body) <= 20_000


@cache
def messages() -> dict[str, tuple[bytes, str]]:
    """The first usable body under each id, with its line."""
    found: dict[str, tuple[bytes, str]] = {}
    for raw, record in objects():
        if is_usable(record.get("body")):
            found.setdefault(record["id"], (raw, record["body"]))
    return found


def cleaned(body: str) -> str:
    """What the door makes of a body, said a second time."""
    return fix_encoding(SURROGATE.sub("\ufffd", body.replace("\0", "\ufffd")))


@cache
def rows() -> list[dict[str, Any]]:
    """The recorded answers."""
    return [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]


def turns(row: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """What a model says about a row's text, first and when it is asked again."""
    answer: dict[str, Any] = row["answers"][model]
    successive: list[dict[str, Any]] = answer.get("$turns", [answer])
    return successive


def kind(said: dict[str, Any], row: dict[str, Any]) -> str:
    """What is to be said of one answer, in the words of the README."""
    if "$reply" not in said:
        return judged(said, row)
    reply = said["$reply"]
    if reply.get("refusal") or reply["finish_reason"] == "content_filter":
        return "refused or filtered"
    if reply["finish_reason"] == "length":
        return "cut off"
    content = reply["content"]
    try:
        verdict = judged(json.loads(content.strip("`").removeprefix("json")), row)
    except json.JSONDecodeError:
        return "broken JSON"
    return f"{verdict}, in a fence" if content.startswith("```") else verdict


def judged(said: object, row: dict[str, Any]) -> str:
    """The same for an answer that is JSON."""
    try:
        answer = Triage.model_validate(said, strict=True)
    except ValidationError:
        return "outside the schema"
    if answer.quote not in row["text"]:
        return "quote not in the ticket"
    if answer.policy is not None and answer.policy not in POLICY_IDS:
        return "unknown policy"
    if answer.certainty < 0.6:
        return "not certain"
    return "right" if answer.queue == row["label"]["queue"] else "wrong queue"


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Every eight words that stand in a row."""
    words = text.lower().split()
    return frozenset(tuple(words[at : at + 8]) for at in range(len(words) - 7))


def repeats() -> Iterator[tuple[str, str]]:
    """Each line whose id came before: `same` or `other`, and the id."""
    first: dict[str, bytes] = {}
    for raw, record in objects():
        if record["id"] in first:
            yield ("same" if first[record["id"]] == raw else "other"), record["id"]
        first.setdefault(record["id"], raw)


def test_the_inbox_has_the_lines_that_the_readme_counts() -> None:
    """The first numbers that a newcomer compares would not agree."""
    lines = [raw for raw in raw_lines() if raw.strip()]
    assert counted("lines that are not blank")[0] == len(lines) >= 420
    assert counted("blank lines")[0] == len(raw_lines()) - len(lines)
    assert counted("usable messages")[0] == len(messages())
    assert counted("not a line of JSON")[0] == len(lines) - len(objects()) == 2
    assert INBOX.read_bytes().startswith(b"\xef\xbb\xbf")


def test_what_never_reaches_a_model_is_what_the_readme_lists() -> None:
    """The demo would claim rejections that its data does not cause."""
    again = list(repeats())
    assert counted("exact duplicates") == (12, [key for how, key in again if how == "same"])
    assert counted("the id of an earlier line") == (3, [key for how, key in again if how == "other"])
    assert {key for _, key in again} <= messages().keys()
    assert counted("body missing") == (6, [record["id"] for _, record in objects() if not record.get("body")])
    giants = [record["id"] for _, record in objects() if len(record.get("body") or "") > 20_000]
    assert counted("body over 20,000") == (1, giants)


def test_what_is_cleaned_is_what_the_readme_lists() -> None:
    """An editor would have repaired the file on saving, and the demo would no longer show the damage."""
    damage: dict[str, list[str]] = {
        "lines in Windows-1252": [],
        "mojibake": [],
        "NUL": [],
        "half an emoji": [],
    }
    for key, (raw, body) in messages().items():
        whole = SURROGATE.sub("\ufffd", body)
        signs = (
            raw.decode("utf-8", "replace") != spelled(raw),
            fix_encoding(whole) != whole,
            "\0" in body,
            whole != body,
        )
        for what, sign in zip(damage, signs, strict=True):
            damage[what] += [key] * sign
    assert all(damage.values())
    for what, listed in damage.items():
        assert counted(what) == (len(listed), listed), what


@pytest.mark.parametrize(
    ("begins", "least"),
    [
        ("other languages", 35),
        ("pasted logs", 18),
        ("prompt injections", 12),
        ("two or more", 10),
        ("angry", 8),
        ("a person should", 8),
        ("spam", 8),
        ("automatic replies", 5),
        ("a word or", 10),
    ],
)
def test_what_only_a_reader_can_tell_is_listed_and_counted(begins: str, least: int) -> None:
    """The README would name messages that are not there, or count them wrong."""
    count, listed = counted(begins)
    assert count == len(listed) == len(set(listed)) >= least
    assert set(listed) <= messages().keys()


def test_every_message_that_the_readme_names_is_in_the_inbox() -> None:
    """A newcomer would ask `why` about a message that does not exist."""
    assert set(ID.findall(README)) <= {record["id"] for _, record in objects()}
    app_file = (FOLDER / "triage.py").read_text(encoding="utf-8")
    assert set(ID.findall(app_file)) <= messages().keys()


def test_emoji_and_right_to_left_script_are_where_the_readme_says() -> None:
    """Text that breaks terminals and tables would be gone from the demo."""
    emoji = [row["id"] for row in rows() if EMOJI.search(row["text"])]
    leftward = [
        row["id"]
        for row in rows()
        if not {"R", "AL"}.isdisjoint(unicodedata.bidirectional(character) for character in row["text"])
    ]
    assert counted("emoji") == (len(emoji), emoji)
    assert counted("right-to-left") == (len(leftward), leftward)
    assert emoji
    assert leftward


def test_each_recorded_text_is_the_cleaned_body_of_its_message() -> None:
    """The simulated provider would not know the question and make an answer up."""
    expected = {key: cleaned(body) for key, (_, body) in messages().items()}
    assert {row["id"]: row["text"] for row in rows()} == expected
    assert len(rows()) == len(expected)


def test_every_question_that_the_app_asks_finds_its_own_answers() -> None:
    """A short message would be answered with what was recorded for another one."""
    recording = Recording(read_rows(ANSWERS))
    texts = {row["id"]: row["text"] for row in rows()}
    prompt: Callable[..., Prompt[Triage]] = triage.prompt
    asked = Counter[str]()
    for record in read_records(
        Source.from_path(INBOX, DEFAULTS), schema=triage.record_schema, settings=DEFAULTS
    ):
        if isinstance(record, Record) and isinstance(record.value, Ticket) and not asked[record.key]:
            asked[record.key] += 1
            question = build_question(prompt(record.value), triage.prepared.schema)
            found = recording.find(question.messages[-1].text)
            assert found is not None, record.key
            assert texts[recording.ids[found]] == texts[record.key] == record.value.body
    assert asked.keys() == texts.keys()


@pytest.mark.parametrize(("model", "column"), [("gpt-5-nano", 0), ("gpt-5", 1)])
def test_the_models_make_the_mistakes_that_the_readme_counts(model: str, column: int) -> None:
    """A quote that is no longer in its ticket would turn a right answer into a fault."""
    kinds = Counter(kind(turns(row, model)[0], row) for row in rows())
    table = README[README.index("| the first answer is") :].partition("\n\n")[0].splitlines()[2:]
    told = {line.split("|")[1].strip(): int(line.split("|")[2 + column]) for line in table}
    assert {what: count for what, count in told.items() if count} == dict(kinds)


def test_an_answer_that_comes_on_asking_again_is_right() -> None:
    """The demo would show no repair that works."""
    again = [kind(said, row) for row in rows() for model in row["answers"] for said in turns(row, model)[1:]]
    assert len(again) >= 15
    assert set(again) == {"right"}


def test_injections_that_work_on_the_small_model_are_caught() -> None:
    """An injection would spoil an answer that is accepted."""
    _, listed = counted("prompt injections")
    chosen = [row for row in rows() if row["id"] in listed]
    small = Counter(kind(turns(row, "gpt-5-nano")[0], row) for row in chosen)
    assert small == {"right": 9, "quote not in the ticket": 2, "unknown policy": 1}
    assert {kind(turns(row, "gpt-5")[0], row) for row in chosen} == {"right"}


def test_the_outcomes_are_what_the_readme_promises() -> None:
    """The summary of a run would surprise who has read the README."""
    settled = sum(
        any(kind(turns(row, model)[-1], row) in GOOD for model in ("gpt-5-nano", "gpt-5")) for row in rows()
    )
    lines = sum(bool(raw.strip()) for raw in raw_lines())
    twice = counted("exact duplicates")[0]
    assert counted("accepted")[0] == settled + twice
    assert counted("waiting for review")[0] == len(rows()) - settled
    assert counted("rejected")[0] == lines - len(rows()) - twice


def test_labels_and_policies_fit_the_app() -> None:
    """A label would name a queue or a paragraph that the app does not know."""
    assert len(POLICIES) < 3_000
    assert f"in {len(POLICY_IDS)} numbered paragraphs" in README
    for row in rows():
        label = Triage.model_validate({**row["label"], "quote": "", "certainty": 1.0}, strict=True)
        assert label.policy is None or label.policy in POLICY_IDS, row["id"]


def test_the_messages_are_different_from_each_other() -> None:
    """The inbox would read like a form letter."""
    texts = {row["id"]: row["text"] for row in rows()}
    assert len(set(texts.values())) >= 380
    cut = [(key, found) for key, text in texts.items() if (found := shingles(text))]
    alike = {
        frozenset({one, other})
        for (one, a), (other, b) in itertools.combinations(cut, 2)
        if not a.isdisjoint(b) and len(a & b) >= min(len(a), len(b)) / 2
    }
    [cells] = [cells for what, cells in tables().items() if what.startswith("asked twice")]
    meant = {frozenset(ID.findall(pair)) for pair in cells[1].split(";")}
    assert alike == meant
    assert len(meant) == int(cells[0])


def test_nobody_real_is_in_the_inbox() -> None:
    """An address, a telephone or a card of a real person would be shipped."""
    for _, record in objects():
        text = f"{record.get('subject')}\n{record.get('body')}"
        for found in re.findall(r"@([\w.-]+\.\w+)|https?://([\w.-]+)", text):
            assert re.search(r"(^|[.-])example\.(com|org|net)$", "".join(found)), record["id"]
        for number in re.findall(r"(?<![\w.:+-])\+?\d[\d ]{8,}\d(?![\w-])", text):
            assert HARMLESS.fullmatch(number.replace(" ", "")), (record["id"], number)


def test_the_whole_is_small() -> None:
    """The package would grow by what an example should not weigh."""
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_500_000
