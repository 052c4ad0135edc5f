"""The result of checking: a valid value, or the fault that says why not."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from roadworthy._errors import Fault
from roadworthy._quick import quick
from roadworthy.call.reply import Reply

T = TypeVar("T")

GRADED: Final = "the judge"
"""The name of a judge's grade among the scores of an answer."""


@quick(frozen=True, slots=True)
class Valid(Generic[T]):
    """An answer that finished, parsed, met its schema and passed its checks.

    Attributes:
        reply: where it came from.
        value: the answer, typed.
        body: the answer as canonical JSON.
        mended: the names of the deterministic mendings that were needed, in order.
        scores: what checks that doubt it without refusing it gave, from 0 to 1, by their names.
    """

    reply: Reply
    value: T
    body: bytes
    mended: tuple[str, ...] = ()
    scores: tuple[tuple[str, float], ...] = ()


@quick(frozen=True, slots=True)
class Invalid:
    """An answer that may not leave.

    Attributes:
        reply: where it came from.
        fault: why it is not valid, for the model and for a person. Its kind is `malformed`, `invalid` or
            `ungrounded` for an answer that came whole, else the reply's ending.
        suggestion: the answer as JSON where it parsed, for the reviewer; never accepted as it is.
    """

    reply: Reply
    fault: Fault
    suggestion: bytes | None = None


Checked = Valid[T] | Invalid
