"""What is watched of an app's steps, as the ledger stands: readings, and what nobody has cleared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.keep.alarms import ALARM, Alarm, readings, standing_alarms
from roadworthy.keep.transaction import Transaction, as_text

_NEWEST = 100


def share_now(share: float, alarms: Sequence[Alarm], settings: Settings) -> float:
    """The share of a step that is audited by now: more while something stands of it."""
    return min(1.0, share * max(1.0, settings.warning_share_factor)) if alarms else share


def alarm_json(alarm: Alarm) -> dict[str, object]:
    """One of them as flat JSON; the moment in ISO 8601, UTC."""
    return {
        "step": alarm.step,
        "kind": alarm.kind,
        "what": alarm.what,
        "words": alarm.words,
        "raised_at": f"{dt.datetime.fromtimestamp(alarm.raised_at, dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def alarm_line(alarm: Mapping[str, object]) -> str:
    """What a person reads of it."""
    kind = str(alarm["kind"]).upper() if alarm["kind"] == ALARM else alarm["kind"]
    return f"{kind} of {alarm['step']}: {alarm['words']} (since {alarm['raised_at']}; review --clear-alarm {alarm['step']})"


def watched_lines(step: str, seen: Mapping[str, object]) -> Iterator[str]:
    """What the report says of a step that is watched: nothing while nothing stands."""
    alarms = seen["alarms"]
    assert isinstance(alarms, list)
    if alarms and seen["audit_share_now"] != seen["audit_share"]:
        yield (
            f"{step}: {seen['audit_share_now']:.1%} of accepted answers are audited instead of {seen['audit_share']:.1%} "
            "while this stands (setting warning_share_factor):"
        )
    yield from map(alarm_line, alarms)


def watched(
    tx: Transaction, app: str, promises: Mapping[str, Promise], settings: Settings
) -> dict[str, dict[str, object]]:
    """By step: how many answers the newest readings hold, how many are accepted, the audit share, what stands."""
    standing = standing_alarms(tx, app)
    steps = {as_text(row[0]) for row in tx.rows("read_steps", app=app)}
    found: dict[str, dict[str, object]] = {}
    for step in sorted(steps | promises.keys() | {alarm.step for alarm in standing}):
        newest = readings(tx, app, step, _NEWEST)
        own = [alarm for alarm in standing if alarm.step == step]
        promise = promises.get(step)
        share = None if promise is None else promise.share(settings.audit_share)
        found[step] = {
            "readings": len(newest),
            "answers": sum(reading.answers for reading in newest),
            "accepted": sum(reading.accepted for reading in newest),
            "audit_share": share,
            "audit_share_now": None if share is None else share_now(share, own, settings),
            "alarms": [alarm_json(alarm) for alarm in own],
        }
    return found
