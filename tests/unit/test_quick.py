"""`@quick` gives what `dataclass` gives."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import ClassVar, Generic, TypeVar

import pytest

from roadworthy._quick import quick

T = TypeVar("T")


@quick(frozen=True, slots=True)
class Lamp(Generic[T]):
    """A lamp."""

    kind: ClassVar[str] = "lamp"
    name: str
    watts: int = 5
    colours: tuple[str, ...] = field(default_factory=tuple)
    socket: T | None = None


@dataclass(frozen=True, slots=True)
class StandardLamp(Generic[T]):
    """The same, as the standard library makes it."""

    kind: ClassVar[str] = "lamp"
    name: str
    watts: int = 5
    colours: tuple[str, ...] = field(default_factory=tuple)
    socket: T | None = None


@quick(slots=True, kw_only=True)
class Counter:
    """What changes, and is made by name alone."""

    start: int = field(default=3, metadata={"unit": "steps"})
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen.append(self.start)


@quick(frozen=True, slots=True)
class Own:
    """What it says of itself stays."""

    value: int

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.value % 10 == self.value % 10

    def __hash__(self) -> int:
        return self.value % 10


@quick(frozen=True, slots=True)
class Nothing:
    """No field at all."""


MAKES: list[Callable[[type[Lamp[int] | StandardLamp[int]]], object]] = [
    lambda kind: repr(kind("desk", socket=3)).removeprefix("Standard"),
    lambda kind: kind("desk") == kind("desk", 5, ()),
    lambda kind: kind("desk") == kind("floor"),
    lambda kind: kind("desk") == object(),
    lambda kind: hash(kind("desk")) == hash(kind("desk", 5)),
    lambda kind: (kind.__match_args__, kind.kind, hasattr(kind("desk"), "__dict__")),
    lambda kind: asdict(kind("desk", 9)),
    lambda kind: [(row.name, row.type, row.compare) for row in fields(kind)],
    lambda kind: repr(replace(kind("desk"), watts=7)).removeprefix("Standard"),
    lambda kind: kind("desk").colours is kind("desk").colours,
    lambda kind: copy.copy(kind("desk", 9)) == kind("desk", 9),
    lambda kind: copy.deepcopy(kind("desk", 9)) == kind("desk", 9),
    lambda kind: pickle.loads(pickle.dumps(kind("desk", 9))) == kind("desk", 9),
    lambda kind: pickle.loads(pickle.dumps(kind("desk", 9), protocol=0)) == kind("desk", 9),
]
IDS = ["repr", "equal", "unequal", "other", "hash", "names", "asdict", "fields", "replace", "factory"]
IDS += ["copy", "deepcopy", "pickle", "pickle-0"]


@pytest.mark.parametrize("make", MAKES, ids=IDS)
def test_it_does_what_a_dataclass_does(
    make: Callable[[type[Lamp[int] | StandardLamp[int]]], object],
) -> None:
    """Values that travel between the rooms would not compare, copy or print as their declaration says."""
    assert make(Lamp) == make(StandardLamp)


def test_a_wrong_call_is_refused() -> None:
    """A missing or unknown argument would be taken in silence."""
    with pytest.raises(TypeError, match="Missing required argument 'name'"):
        Lamp()  # type: ignore[call-arg] # the mistake that is tested
    with pytest.raises(TypeError, match="Unexpected keyword argument 'volts'"):
        Lamp("desk", volts=3)  # type: ignore[call-arg] # the mistake that is tested
    with pytest.raises(TypeError, match="positional"):
        Counter(4)  # type: ignore[call-arg] # the mistake that is tested


def test_what_is_frozen_stays_as_it_is_at_run_time_too() -> None:
    """What travels between the rooms could be changed on its way by code that no type checker has seen."""
    lamp: Lamp[int] = Lamp("desk")
    with pytest.raises(AttributeError, match="immutable"):
        lamp.watts = 3  # type: ignore[misc] # the mistake that is tested
    assert lamp.watts == 5


def test_what_is_made_by_default_is_its_own() -> None:
    """Two records would share a list, and what is derived when one is made would be missing."""
    assert Counter(start=4).seen == [4]
    assert Counter().seen == [3]
    assert fields(Counter)[0].metadata == {"unit": "steps"}


def test_what_a_struct_cannot_do_is_refused_where_it_is_declared() -> None:
    """A field that is not compared would be compared in silence, and a base's fields be lost."""
    with pytest.raises(TypeError, match="not compared, shown or given"):

        @quick(frozen=True)
        class Hidden:
            secret: str = field(repr=False)

    with pytest.raises(TypeError, match="inherits fields"):

        @quick(slots=True, kw_only=True)
        class Longer(Counter):
            more: str


def test_what_changes_has_no_hash() -> None:
    """It would be lost in a set once it has changed."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_what_a_class_says_itself_stays() -> None:
    """A class that says what makes two of it equal would be compared by its fields."""
    assert Own(1) == Own(11)
    assert hash(Own(1)) == hash(Own(11))
    assert repr(Own(1)) == "own"


def test_a_class_without_fields_equals_itself() -> None:
    """Two of a verdict without fields would be two verdicts."""
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert repr(Nothing()) == "Nothing()"


def test_one_that_holds_itself_can_be_shown() -> None:
    """A trace-back would end in another one."""
    holder: Lamp[object] = Lamp("holder", socket=[])
    assert isinstance(holder.socket, list)
    holder.socket.append(holder)
    assert repr(holder).endswith("socket=[...])")
