"""The input of the killed runs and what the simulated models say to it: every way a record can go."""

import json
from pathlib import Path
from typing import Any

QUEUES = ("billing", "access", "shipping")
WAYS = (
    "good", "asked_again", "good", "escalated", "good", "malformed", "good", "reviewed", "truncated", "good",
)  # fmt: skip


def text_of(number: int) -> str:
    """The words of a ticket; no ticket's words are part of another's."""
    return (
        f"Ticket <{number:03d}>: the {QUEUES[number % 3]} page shows error {number * 7 + 100} since Monday."
    )


def rows(count: int) -> list[dict[str, object]]:
    """The recorded answers for the simulated provider."""
    return [
        {"id": f"T{number:03d}", "text": text_of(number), "answers": _answers(number)}
        for number in range(count)
    ]


def _answers(number: int) -> dict[str, object]:
    good = {"queue": QUEUES[number % 3], "urgency": number % 5 + 1, "quote": f"error {number * 7 + 100}"}
    ungrounded = {**good, "quote": "what nobody wrote"}
    cut = {"$reply": {"content": json.dumps(good)[:20], "finish_reason": "length"}}
    prose = {"$reply": {"content": f"I would say {good['queue']}.", "finish_reason": "stop"}}
    small: dict[str, object] = {
        "good": good,
        "asked_again": {"$turns": [ungrounded, good]},
        "escalated": ungrounded,
        "malformed": {"$turns": [prose, good]},
        "reviewed": ungrounded,
        "truncated": {"$turns": [cut, good]},
    }
    way = WAYS[number % len(WAYS)]
    large = ungrounded if way == "reviewed" else good
    return {"small": small[way], "large": large, "writer": {"words": f"See error {number * 7 + 100}."}}


def lines(count: int) -> list[str]:
    """The input: `count` tickets, and between them duplicates, a twin, a conflict and lines that cannot be used.

    A twin is another record with the same words: its request is another's, so it is never bought.
    """
    plain = [json.dumps({"id": f"T{number:03d}", "text": text_of(number)}) for number in range(count)]
    twin = json.dumps({"id": "TWIN", "text": text_of(0)})
    conflict = json.dumps({"id": "T001", "text": "Another ticket under a key that was used."})
    half = count // 2
    return [
        *plain[:half], plain[2], twin, '{"id": "broken", "text": ', *plain[half:], plain[3], plain[half],
        conflict, json.dumps({"id": "no text"}),
    ]  # fmt: skip


def write(place: Path, count: int) -> int:
    """Write the input; returns how many lines it has."""
    written = lines(count)
    place.write_text("\n".join(written) + "\n")
    return len(written)


def text_by_key(count: int) -> dict[str, str]:
    """Each usable record's words by its key."""
    return {f"T{number:03d}": text_of(number) for number in range(count)} | {"TWIN": text_of(0)}


def wrong(entry: str, key: str, value: Any, words: str) -> str:
    """What is wrong with an accepted value, "" for nothing. Judged apart from the code under test."""
    if entry == "handle":
        fits = isinstance(value, dict) and set(value) == {"booked", "quote", "words"}
        fits = fits and value["booked"].endswith(f"-{key}")
    else:
        fits = isinstance(value, dict) and set(value) == {"queue", "urgency", "quote"}
        fits = fits and value["queue"] in QUEUES and value["urgency"] in range(1, 6)
    if not fits:
        return f"the value {value!r} has not the declared form"
    return "" if value["quote"] in words else f"{value['quote']!r} is not in the ticket"
