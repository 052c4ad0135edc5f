"""`@quick` gives what `dataclass` gives, but for the second refusal of an assignment."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
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
    colours: list[str] = field(default_factory=list, compare=False, repr=False)
    socket: T | None = None


@dataclass(frozen=True, slots=True)
class StandardLamp(Generic[T]):
    """The same, as the standard library makes it."""

    kind: ClassVar[str] = "lamp"
    name: str
    watts: int = 5
    colours: list[str] = field(default_factory=list, compare=False, repr=False)
    socket: T | None = None


@quick(slots=True, kw_only=True)
class Counter:
    """What changes, and is made by name alone."""

    start: int = field(default=3, metadata={"unit": "steps"})
    seen: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.seen = self.start


@quick(slots=True, kw_only=True)
class Longer(Counter):
    """One more field."""

    more: str


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
    lambda kind: kind("desk") == kind("desk", 5, ["red"]),
    lambda kind: kind("desk") == kind("floor"),
    lambda kind: kind("desk") == object(),
    lambda kind: hash(kind("desk")) == hash(("desk", 5, None)),
    lambda kind: (kind.__match_args__, kind.kind, kind.__slots__),
    lambda kind: [(row.name, row.type, row.compare) for row in fields(kind)],
    lambda kind: repr(replace(kind("desk"), watts=7)).removeprefix("Standard"),
    lambda kind: kind("desk").colours is kind("desk").colours,
    lambda kind: copy.copy(kind("desk", 9)) == kind("desk", 9),
    lambda kind: copy.deepcopy(kind("desk", 9)) == kind("desk", 9),
    lambda kind: pickle.loads(pickle.dumps(kind("desk", 9))) == kind("desk", 9),
    lambda kind: pickle.loads(pickle.dumps(kind("desk", 9), protocol=0)) == kind("desk", 9),
]
IDS = ["repr", "equal", "unequal", "other", "hash", "names", "fields", "replace", "factory"]
IDS += ["copy", "deepcopy", "pickle", "pickle-0"]


@pytest.mark.parametrize("make", MAKES, ids=IDS)
def test_it_does_what_a_dataclass_does(
    make: Callable[[type[Lamp[int] | StandardLamp[int]]], object],
) -> None:
    """Values that travel between the rooms would not compare, copy or print as their declaration says."""
    assert make(Lamp) == make(StandardLamp)


@pytest.mark.parametrize("kind", [Lamp, StandardLamp], ids=["quick", "standard"])
def test_a_wrong_call_is_told_as_the_standard_library_tells_it(
    kind: type[Lamp[int] | StandardLamp[int]],
) -> None:
    """A missing or unknown argument would be taken in silence, or told of another class."""
    with pytest.raises(TypeError, match=rf"{kind.__name__}\.__init__\(\) missing 1 required .*'name'"):
        kind()  # type: ignore[call-arg] # the mistake that is tested
    with pytest.raises(TypeError, match="unexpected keyword argument 'volts'"):
        kind("desk", volts=3)  # type: ignore[call-arg] # the mistake that is tested


def test_what_is_derived_is_derived_for_subclasses_too() -> None:
    """A subclass would be made with the fields of its base alone, whichever of the two is made first."""
    assert repr(Longer(more="a")) == "Longer(start=3, seen=3, more='a')"
    assert Counter(start=4).seen == 4
    assert Longer(start=1, more="b").seen == 1
    with pytest.raises(TypeError, match="positional"):
        Counter(4)  # type: ignore[call-arg] # the mistake that is tested
    assert fields(Counter)[0].metadata == {"unit": "steps"}


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
    assert hash(Nothing()) == hash(())
    assert repr(Nothing()) == "Nothing()"


def test_one_that_holds_itself_can_be_shown() -> None:
    """A trace-back would end in another one."""
    lamp: Lamp[object] = Lamp("desk")
    lamp.colours.append("x")
    holder: Lamp[object] = Lamp("holder", socket=[lamp])
    assert isinstance(holder.socket, list)
    holder.socket.append(holder)
    assert repr(holder).endswith("socket=[Lamp(name='desk', watts=5, socket=None), ...])")
