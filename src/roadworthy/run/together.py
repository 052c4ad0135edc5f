"""Several pieces of work at the same time, none of which is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """What each of them comes to; where one stops, the others come to their end first, and then it is raised."""
    found = await asyncio.gather(*work, return_exceptions=True)
    answers: list[T] = []
    for one in found:
        if isinstance(one, BaseException):
            raise one
        answers.append(one)
    return answers
