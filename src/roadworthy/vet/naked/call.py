"""One call of a function under test, and how it ended."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

import orjson

from roadworthy._quick import quick


class State(StrEnum):
    """How a call ended."""

    RETURNED = "returned"
    RAISED = "raised"
    REFUSED = "refused"  # the record does not fit the function's annotation; the function was not called
    HUNG = "hung"  # not back in time; its process was ended
    DIED = "died"  # the process ended under it


@quick(frozen=True)
class Call:
    """One call.

    Attributes:
        state: how it ended.
        value: what it returned, as JSON text.
        kind: the type of what it returned.
        error: the type of what it raised.
        message: its words.
        where: the file and line that raised.
        seconds: how long it took.
    """

    state: State
    value: str = ""
    kind: str = ""
    error: str = ""
    message: str = ""
    where: str = ""
    seconds: float = 0.0

    @cached_property
    def said(self) -> object:
        """What it returned, parsed; None where nothing was."""
        try:
            return orjson.loads(self.value) if self.value else None
        except orjson.JSONDecodeError:
            return self.value

    @property
    def gave_up(self) -> bool:
        """It ended without an answer and said so: raised, or returned nothing or an object with an `error`."""
        if self.state is not State.RETURNED:
            return True
        return self.said is None or (isinstance(self.said, dict) and bool(self.said.get("error")))

    def text(self) -> str:
        """One line for a person; the same for the same seed."""
        match self.state:
            case State.RETURNED:
                return f"returned {self.value[:120]}"
            case State.HUNG:
                return "did not come back and was ended"
            case State.DIED:
                return f"its process ended: {self.message}"
            case _:
                words = " ".join(self.message.split())
                return f"{self.state} {self.error}: {words[:120]}"
