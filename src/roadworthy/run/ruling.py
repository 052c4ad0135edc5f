"""The commands that bring people's judgement in: `review` and `label`."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.accept.intake import read_records
from roadworthy.accept.reason import shown
from roadworthy.accept.record import Json, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.keep.alarms import clear_alarms, standing_alarms
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.records import find_record
from roadworthy.keep.reviews import Label, Waiter, open_reviews, put_label
from roadworthy.keep.rulings import AUDIT, BATCH, CHOICES, GATE, choose, rule, undo
from roadworthy.keep.transaction import Transaction, as_int
from roadworthy.observe.certified import claims
from roadworthy.observe.visible import indented, json_line, shortened
from roadworthy.observe.watched import alarm_json, alarm_line
from roadworthy.run.app import App
from roadworthy.run.auditor import stamp_all
from roadworthy.run.choice import ask_choice, choose_one, heard, show_choice
from roadworthy.run.correction import fault_of, refusal
from roadworthy.run.load import load
from roadworthy.run.reading import reading

_KEYS = {"r": "right", "w": "wrong", "x": "reject", "s": "skip", "u": "undo", "q": "quit"}
_SHOWN_CHARS = 3_000
_PAGE = 100


@click.command()
@click.argument("app")
@click.option(
    "--as", "--by", "by", help="Who rules; default: the login name. A second reader is someone else."
)
@click.option("--id", "review_id", type=click.IntRange(1), help="Rule this one question, without a dialogue.")
@click.option(
    "--ruling",
    type=click.Choice(["right", "wrong", "reject", *CHOICES]),
    help="With --id: the ruling; of two answers a, b, both or neither.",
)
@click.option("--answer", help="With --ruling wrong: the right answer as JSON.")
@click.option(
    "--note",
    default="",
    help="Words that are kept: with --id of the ruling, with --clear-alarm of what was done.",
)
@click.option("--undo", "undone", is_flag=True, help="Take your last ruling back.")
@click.option("--clear-alarm", "step", help="Say that you have seen to what was raised of this step.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; alone: the queue.")
def review(app: str, by: str | None, *, undone: bool, as_json: bool, **given: Any) -> None:
    """Decide what waits for a person: one key a ruling. Audits and doubts stand in one queue."""
    loaded = load(app)
    by = by or getpass.getuser()
    with reading(loaded.app) as store:
        if undone:
            taken = store.write_now(lambda tx: undo(tx, loaded.app.name, by))
            said: dict[str, Any] = {"undone": taken and taken[1], "said": _taken_back(taken, by)}
        elif given["step"] is not None:
            said = _clear(loaded.app, store, by, given)
        elif given["review_id"] is not None:
            said = _rule_one(loaded.app, store, by, given)
        elif given["ruling"] or given["answer"] or given["note"]:
            raise WrongUse("--ruling, --answer and --note rule on one question. Name it: --id N.")
        elif as_json:
            queue = store.read(lambda tx: open_reviews(tx, loaded.app.name, 0, _PAGE * 100, by))
            said = {"waiting": [_shown(waiter) for waiter in queue]}
        else:
            said = {"ruled": _go_through(loaded.app, store, by)}
        if not as_json or "waiting" not in said:
            settings = loaded.app.start_settings()
            stamp_all(store, loaded.app.name, loaded.app.plan.promises, settings)
            found = store.read(lambda tx: claims(tx, loaded.app.name, loaded.app.plan.promises, settings))
            said["certificates"] = {claim.step: claim.as_json() for claim in found}
            said["alarms"] = [
                alarm_json(one) for one in store.read(lambda tx: standing_alarms(tx, loaded.app.name))
            ]
    if as_json:
        click.echo(json_line(said))
        return
    click.echo(said.get("said") or _closing(said["ruled"]))
    for claim in found:
        click.echo("\n".join(claim.lines()))
    for one in said["alarms"]:
        click.echo(alarm_line(one))


def _clear(app: App, store: Ledger, by: str, given: dict[str, Any]) -> dict[str, Any]:
    """Somebody has seen to a step.

    Raises:
        WrongUse: nothing stands of it.
    """
    step = given["step"]
    cleared = store.write_now(lambda tx: clear_alarms(tx, app.name, step, by, given["note"]))
    if not cleared:
        raise WrongUse(f"Nothing is raised of the step {step!r}. `roadworthy report APP` says what stands.")
    words = f"{cleared} cleared of {step}. The same run command accepts what waited because of an alarm; it costs nothing."
    return {"cleared": cleared, "step": step, "said": words}


def _closing(ruled: int) -> str:
    return f"{ruled} ruled." + (" The same run command applies them; it costs nothing." if ruled else "")


def _taken_back(taken: tuple[int, str] | None, by: str) -> str:
    if taken is None:
        return f"{by} has no ruling to take back."
    return f"The ruling on {indented(taken[1])} is taken back."


def _rule_one(app: App, store: Ledger, by: str, given: dict[str, Any]) -> dict[str, Any]:
    """One ruling from a script.

    Raises:
        WrongUse: there is no such open question for this person, or the ruling does not fit it.
    """
    number, ruling, answer, words = given["review_id"], given["ruling"], given["answer"], given["note"]
    page = store.read(lambda tx: open_reviews(tx, app.name, number - 1, 1, by))
    if not page or page[0].id != number:
        raise WrongUse(
            f"No open question {number} waits for {by}. `roadworthy review APP --json` lists them."
        )
    waiter = page[0]
    if waiter.kind == GATE:
        choose_one(store, waiter, ruling or "", by, words)
        return {"ruled": 1, "key": waiter.key}
    if ruling is None or ruling in CHOICES:
        raise WrongUse("Say what you decide: --ruling right, wrong or reject.")
    if (ruling == "wrong") != (answer is not None):
        raise WrongUse("A wrong answer needs the right one, and only that: --ruling wrong --answer JSON.")
    if ruling == "right" and waiter.suggestion is None:
        raise WrongUse("There is no suggested answer that could be right. Use --ruling wrong --answer JSON.")
    result = waiter.suggestion if ruling == "right" else answer
    fault = None if result is None else _fault(app, store, waiter, result)
    if fault is not None:
        raise WrongUse(refusal(ruling, fault))
    done = store.write_now(lambda tx: rule(tx, number, ruling, answer, by, words))
    if not done:
        raise WrongUse(f"Someone else has ruled on question {number} meanwhile.")
    return {"ruled": 1, "key": waiter.key}


def _go_through(app: App, store: Ledger, by: str) -> int:
    """Question after question; one that is taken back is asked again. How many rulings came of it."""
    ruled = after = 0
    while page := store.read(lambda tx: open_reviews(tx, app.name, after, 1, by)):  # noqa: B023 - read at once
        waiter = page[0]
        ruling = _decided(waiter)
        if ruling == "quit":
            break
        if ruling == "undo":
            taken = store.write_now(lambda tx: undo(tx, app.name, by))
            click.echo(_taken_back(taken, by))
            after, ruled = (after, ruled) if taken is None else (taken[0] - 1, ruled - 1)
            continue
        if ruling == "right" and waiter.kind != GATE and waiter.suggestion is not None:
            fault = _fault(app, store, waiter, waiter.suggestion)
            if fault is not None:
                click.echo(indented(refusal(ruling, fault)))
                continue
        after = waiter.id
        if waiter.kind == GATE:
            ruled += store.write_now(partial(choose, review_id=waiter.id, ruling=ruling, ruled_by=by))
            continue
        correction = _correction(app, store, waiter) if ruling == "wrong" else None
        if ruling == "wrong" and correction is None:
            continue
        change = partial(rule, review_id=waiter.id, ruling=ruling, correction=correction, ruled_by=by)
        ruled += store.write_now(change)
    return max(0, ruled)


def _decided(waiter: Waiter) -> str:
    """Show a question, and hear what a person says to it."""
    if waiter.kind == GATE:
        show_choice(waiter, _SHOWN_CHARS)
        return ask_choice(waiter)
    _show(waiter)
    return _ask(waiter)


def _show(waiter: Waiter) -> None:
    what = f"{waiter.kind}, " if waiter.kind in {AUDIT, BATCH} else ""
    click.echo(f"\n{indented(waiter.key)}  ({what}{waiter.step})")
    click.echo(f"why: {indented(waiter.grounds)}")
    click.echo(f"record:\n{indented(shortened(waiter.body or '', _SHOWN_CHARS))}")
    click.echo(f"suggested answer: {indented(waiter.suggestion or 'none')}")


def _ask(waiter: Waiter) -> str:
    """What a person says to a suggested answer; none can be right where there is none."""
    fitting = [word for word in _KEYS.values() if word != "right" or waiter.suggestion is not None]
    right = "r right, " if "right" in fitting else ""
    return heard(f"{right}w wrong, x reject, s skip, u undo the last, q quit", _KEYS, fitting)


def _correction(app: App, store: Ledger, waiter: Waiter) -> str | None:
    """The right answer as JSON, once it is valid; None when the person gives none."""
    while True:
        click.echo("right answer as JSON (empty: skip): ", nl=False)
        line = sys.stdin.readline().strip()
        if not line:
            return None
        fault = _fault(app, store, waiter, line)
        if fault is None:
            return line
        click.echo(f"not valid: {indented(fault)}")


def _fault(app: App, store: Ledger, waiter: Waiter, text: str) -> str | None:
    """Why an answer may not leave, by the step's schema and checks; an approval's subject need only be JSON."""
    if waiter.kind == "approval":
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return str(error)
        return None
    step = next((step for step in app.plan.steps if step.name == waiter.step), None)
    if step is None:
        return f"the app has no step {waiter.step!r} any more"
    return fault_of(step, waiter.entry, waiter.record_id, text, store, app.start_settings())


def _shown(waiter: Waiter) -> dict[str, object]:
    return {
        "id": waiter.id,
        "key": waiter.key,
        "step": waiter.step,
        "kind": waiter.kind,
        "grounds": waiter.grounds,
        "suggestion": None if waiter.suggestion is None else orjson.loads(waiter.suggestion),
        "confidence": waiter.confidence,
        "record": None if waiter.body is None else orjson.loads(waiter.body),
    }


@click.command()
@click.argument("app")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def label(app: str, file: str, *, as_json: bool) -> None:
    """Take right answers in from FILE: JSONL or CSV with `key` and `label`, or `correct`. `-` is standard input."""
    loaded = load(app)
    entry = loaded.entry().name
    settings = loaded.app.start_settings()
    taken, problems = 0, []
    with reading(loaded.app) as store:
        source = Source.from_standard_input(settings) if file == "-" else Source.from_path(file, settings)
        name = source.name if file == "-" else Path(file).name
        for item in read_records(source, schema=RecordSchema(dict), key="key", settings=settings):
            if isinstance(item, Unusable):
                problems.append(item.reason)
                continue
            found = _label(item.body, loaded.app.name, entry, name)
            if isinstance(found, Label):
                found = _judged(found, store)
            if isinstance(found, str):
                problems.append(f"{name}, {item.place} {item.line}: {found}")
                continue
            store.write_now(partial(put_label, label=found))
            taken += 1
    if as_json:
        click.echo(json_line({"labels": taken, "problems": problems}))
    else:
        for problem in problems:
            click.echo(indented(problem), err=True)
        click.echo(f"{taken} labels taken, {len(problems)} lines left out")
    sys.exit(1 if problems else 0)


def _judged(label: Label, store: Ledger) -> Label | str:
    """The label with the answer that it judges, where it says right or wrong; or why there is nothing that it is about."""
    known = store.read(partial(_stands, app=label.app, entry=label.entry, key=label.key))
    if known is None:
        return f"no record has the key {label.key!r}. Run the record first, or mend the key."
    if label.correct is None:
        return label
    if not known:
        return f"{label.key!r} has no answer that could be right or wrong. Give the right answer as `label`."
    return replace(label, judged=known)


def _stands(tx: Transaction, app: str, entry: str, key: str) -> str | None:
    """The answer that a label of this key judges, "" for none so far; None where no record has the key."""
    known = None
    for (record_id,) in tx.rows("records_by_key", app=app, key=key):
        record = find_record(tx, as_int(record_id))
        job = tx.row("job_of_record", record_id=as_int(record_id))
        if record is not None and job is not None:
            known = known or ""
            if job[1] == entry and record.value is not None:
                return record.value
    return known


def _label(body: Json, app: str, entry: str, source: str) -> Label | str:
    """The label in a line of the file, or what is wrong with it."""
    if not isinstance(body, dict) or not isinstance(body.get("key"), str | int):
        return "there is no `key`. Give the key of a record."
    key = str(body["key"])
    if "label" in body:
        return Label(app, entry, key, source, answer=_json(body["label"]))
    if "correct" not in body:
        return "there is neither `label` nor `correct`. Give the right answer as `label`, or `correct` as true or false."
    said = str(body["correct"]).strip().lower()
    if said in {"true", "1", "yes", "false", "0", "no"}:
        return Label(app, entry, key, source, correct=said in {"true", "1", "yes"})
    return f"`correct` is {shown(body['correct'])}. Say true or false."


def _json(value: Json) -> str:
    """A label as JSON text; text that is JSON itself, as a CSV cell may be, is taken for what it says."""
    if isinstance(value, str):
        try:
            orjson.loads(value)
        except orjson.JSONDecodeError:
            return orjson.dumps(value).decode()
        return value
    return orjson.dumps(value).decode()
