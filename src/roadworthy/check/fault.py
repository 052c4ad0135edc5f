"""A fault's words: what pydantic found wrong, said to the model so that it can mend it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from roadworthy._errors import Fault
from roadworthy.ask.part import storable

MESSAGE_CHARS_MAX = 1_000
KEY_CHARS_MAX = 64


def storable_fault(fault: Fault) -> Fault:
    """The same with words that every ledger can hold: a check may quote whatever it was given."""
    found = Fault(storable(str(fault.message)), where=storable(fault.where), kind=storable(fault.kind))
    found.check = fault.check
    return found


def validation_fault(error: ValidationError) -> Fault:
    """All of pydantic's errors as one fault; `where` is the first place. Values of the answer are not quoted."""
    details = error.errors(include_url=False, include_input=False)
    return summed([(_place(detail["loc"]), _words(detail)) for detail in details])


def summed(findings: Sequence[tuple[str, str]]) -> Fault:
    """One fault that lists `(where, what)` findings, as many as fit into 1,000 characters."""
    lines = [f"`{where}` {what}." if where else f"The answer {what}." for where, what in findings]
    kept: list[str] = []
    room = MESSAGE_CHARS_MAX - 30
    for line in lines:
        room -= len(line) + 1
        if room < 0 and kept:
            kept.append(f"And {len(lines) - len(kept)} more.")
            break
        kept.append(line)
    return Fault(" ".join(kept)[:MESSAGE_CHARS_MAX], where=findings[0][0], kind="invalid")


def _place(steps: tuple[int | str, ...]) -> str:
    return ".".join(storable(str(step)[:KEY_CHARS_MAX]) for step in steps)


def _words(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is required and was left out"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return "is not a field of the answer: leave it out"
    if kind == "union_tag_invalid":
        context = detail.get("ctx", {})
        return f"must have {context.get('discriminator')} as one of {context.get('expected_tags')}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    _, should, rule = message.partition(" should ")
    if should and kind not in {"value_error", "assertion_error"}:
        return f"must {rule}"
    return f"is not right: {storable(message)}"
