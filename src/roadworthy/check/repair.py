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
TO_REASON = 64
"""How much more room a model gets that reasoned up to its cap. The smallest caps are some 64 tokens; GPT-5's smaller
models reason for hundreds of tokens about a label and for some 1,200 about a paragraph."""


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


def reask(fault: Fault, previous: Fault | None, *, silent: bool = False) -> Repair:
    """What to do about `fault`, given the fault of the answer before it by the same model, if there was one.

    Args:
        silent: not a character of an answer came, not even white space: where it was cut off, its reasoning used up the
            room.

    A refusal or a filtered answer is final for its model; trying again would buy the same (DESIGN, section 6).
    """
    if previous is None and fault.kind == TRUNCATED:
        return MoreRoom(TO_REASON) if silent else MoreRoom()
    if fault.kind in REASKABLE and (previous is None or previous.kind == TRUNCATED):
        return AskAgain(again_message(fault))
    return Stop()
