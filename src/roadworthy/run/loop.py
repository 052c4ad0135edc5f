"""The event loop that commands run in: uvloop's, where there is one for this Python and machine, else asyncio's own."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

R = TypeVar("R")
_YOUNG: Final = 10_000
"""Objects that are made before the collector looks at them. Python's own 700 are less than ten records under way."""


def run_to_end(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` in an event loop of its own."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop; None for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - with the first loop
    except ImportError:
        return None
    return uvloop.new_event_loop


def spare_collector() -> None:
    """For a process of ours that has loaded what it needs: the collector of cycles looks at that no more, and less often.

    Records under way are many objects and make hardly any cycles: it took a fifth of a service's CPU to find that out, and a
    tenth of a run's.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG)


def first_error(error: BaseException) -> BaseException:
    """What went wrong, out of the groups that tasks wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
