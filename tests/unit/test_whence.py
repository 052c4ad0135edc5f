"""Where an error came up, as whoever has to mend it is told."""

import json
from collections.abc import Callable

import pytest

from roadworthy._whence import whence
from roadworthy.accept.identity import canonical


def mine() -> object:
    """Raise in a library, on this file's account."""
    return json.loads("{")


def ours() -> object:
    """Raise in the package, on this file's account."""
    return canonical(object())  # type: ignore[arg-type] # what a bug would hand over


@pytest.mark.parametrize("broken", [mine, ours], ids=["in-a-library", "in-the-package"])
def test_the_place_is_in_the_teams_own_code(broken: Callable[[], object]) -> None:
    """Somebody would look for their mistake in a library's file."""
    with pytest.raises((ValueError, TypeError)) as caught:
        broken()
    assert whence(caught.value).startswith("test_whence.py, line ")
    assert whence(caught.value).endswith(f", in {broken.__name__}")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    """To tell of an error would raise another one."""
    assert whence(ValueError("x")) == ""
