"""What explains a failure in another stage, and what must have been observed before a stage may say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roadworthy.vet.road.finding import Clue

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench

INVENTED: Final = "endings/invented"
"""Nothing holds an answer against its record."""


def unchecked(bench: Bench) -> tuple[Clue, ...]:
    """Why an answer of the right form that is wrong was accepted, where no step of the app declares a check."""
    if any(step.checks for step in bench.declared.steps):
        return ()
    because = "No step declares a check: whatever has the right form is accepted, as made-up answers were."
    return (Clue(cause=INVENTED, because=because),)
