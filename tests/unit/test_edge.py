"""The edge at which what somebody's code raises ends, and is told."""

from __future__ import annotations

import traceback

import pytest

from roadworthy._edge import told_to
from roadworthy._errors import Waiting, WrongUse


def test_what_is_raised_is_told_and_what_follows_goes_on() -> None:
    """Otherwise a bug over one document would end the process that reads the others, or nobody would hear of it."""
    heard: list[BaseException] = []
    with told_to(heard.append):
        raise KeyError("a slip")
    with told_to(heard.append):
        pass
    assert [repr(one) for one in heard] == ["KeyError('a slip')"]


@pytest.mark.parametrize(
    "raised", [KeyboardInterrupt(), Waiting("review", "a person is asked"), WrongUse("ours")]
)
def test_what_does_not_end_here_goes_on_outwards_untold(raised: BaseException) -> None:
    """Otherwise Ctrl-C, a record that waits, or our own word to the user would end as somebody's bug."""
    heard: list[BaseException] = []
    with pytest.raises(type(raised)), told_to(heard.append, but=(WrongUse,)):
        raise raised
    assert heard == []


def test_what_waits_ends_where_it_is_named() -> None:
    """Otherwise the first part of a record that waits would leave the others on the wire."""
    heard: list[BaseException] = []
    with told_to(heard.append, kinds=(Waiting, Exception)):
        raise Waiting("review", "a person is asked")
    assert [type(one) for one in heard] == [Waiting]


def test_who_hears_may_raise_something_else_with_its_cause() -> None:
    """Otherwise a file that cannot be loaded would be told of without what it raised."""

    def hear(error: BaseException) -> None:
        raise WrongUse("app.py cannot be loaded") from error

    with pytest.raises(WrongUse) as found, told_to(hear):
        raise KeyError("a slip")
    assert isinstance(found.value.__cause__, KeyError)


def test_the_edge_stands_in_no_traceback() -> None:
    """Otherwise the place of a bug would be ours, and the team would look for it in the wrong file."""
    heard: list[BaseException] = []
    with told_to(heard.append):
        raise KeyError("a slip")
    frames = traceback.extract_tb(heard[0].__traceback__)
    assert [frame.name for frame in frames] == ["test_the_edge_stands_in_no_traceback"]
