"""Repair: what is worth asking again, and how often. The policy decides; the spine acts.

At most one re-ask and at most one answer with more room, so an answer costs two further requests of one model at
the most: `truncated -> MoreRoom -> malformed -> AskAgain -> Stop` is the longest way. The same fault twice stops.
"""

from __future__ import annotations

from roadworthy._errors import Fault
from roadworthy._quick import quick
from roadworthy.ask.build import again_message

REASKABLE = frozenset({"malformed", "invalid", "ungrounded", "empty"})
TRUNCATED = "truncated"


@quick(frozen=True, slots=True)
class AskAgain:
    """Ask the original question with `words` added to it; the wrong answer is not shown."""

    words: str


@quick(frozen=True, slots=True)
class MoreRoom:
    """Ask the same question with an output cap `factor` times as large; never the same bytes again."""

    factor: int = 2


@quick(frozen=True, slots=True)
class Stop:
    """This model is not asked again for this answer."""


Repair = AskAgain | MoreRoom | Stop


def reask(fault: Fault, previous: Fault | None) -> Repair:
    """What to do about `fault`, given the fault of the answer before it by the same model, if there was one.

    A refusal or a filtered answer is final for its model; trying again would buy the same (DESIGN, section 6).
    """
    if previous is None and fault.kind == TRUNCATED:
        return MoreRoom()
    if fault.kind in REASKABLE and (previous is None or previous.kind == TRUNCATED):
        return AskAgain(again_message(fault))
    return Stop()
