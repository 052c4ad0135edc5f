"""The edge: where what somebody's code raises ends, and is told to somebody.

A team's file, its function in a model's place, a parser over one document: each may raise anything, and one record, one
document or one stage is all that may come of it. Every such place is behind `told_to`, which cannot be opened without
saying who hears of it; `tests/law/test_edges.py` names them all.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


def is_interrupted() -> bool:
    """Whether somebody has asked the task that runs to stop.

    A `CancelledError` without that is nobody's interrupt: somebody's code cancelled a task or a future of its own and
    awaited it.
    """
    from asyncio import current_task  # noqa: PLC0415 - heavy, and there by now where somebody awaits

    task = current_task()
    return task is None or task.cancelling() > 0


class told_to:  # noqa: N801 - read as a verb, like `contextlib.suppress`
    """Whatever is raised inside ends here and is told to `hear`; what follows goes on.

    A class and no generator, whose frame would stand in every traceback that is told.

    Args:
        hear: is given what was raised. It may raise something of its own, which goes on outwards instead.
        kinds: what ends here. An interrupt, and a record that waits, are no `Exception` and go on outwards.
        but: what goes on outwards although it is one of these kinds.
    """

    def __init__(
        self,
        hear: Callable[[BaseException], object],
        *,
        kinds: tuple[type[BaseException], ...] = (Exception,),
        but: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._hear = hear
        self._kinds = kinds
        self._but = but

    def __enter__(self) -> None:
        """Nothing is raised yet."""

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Tell what was raised, where it ends here."""
        del kind, trace
        if not isinstance(raised, self._kinds) or isinstance(raised, self._but):
            return False
        self._hear(raised)
        return True
