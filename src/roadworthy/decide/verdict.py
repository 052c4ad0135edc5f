"""A verdict: accept, escalate, review, hold or fail, with its grounds."""

from __future__ import annotations

from typing import Generic, TypeVar

from roadworthy._quick import quick
from roadworthy.check.checked import Valid

T = TypeVar("T")


@quick(frozen=True, slots=True)
class Accept(Generic[T]):
    """The answer leaves. `confidence` is None where the step names no source of it."""

    valid: Valid[T]
    confidence: float | None
    grounds: str


@quick(frozen=True, slots=True)
class Escalate:
    """The next model is asked."""

    grounds: str


@quick(frozen=True, slots=True)
class Review:
    """A person decides. `suggestion` is the best answer so far as JSON, where there is one."""

    grounds: str
    suggestion: bytes | None
    confidence: float | None = None


@quick(frozen=True, slots=True)
class Hold:
    """The answer is good enough and stands back until its step is certified; nobody is asked for its sake."""

    grounds: str


@quick(frozen=True, slots=True)
class Fail:
    """No acceptable answer, and nobody is asked."""

    grounds: str


Verdict = Accept[T] | Escalate | Review | Hold | Fail
