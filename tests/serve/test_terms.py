"""What the headers of a request ask for."""

import pytest

from roadworthy.serve.terms import Terms

MOST = 60.0


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([], MOST),
        (["respond-async"], 0.0),
        (["wait=5"], 5.0),
        (["respond-async, wait=5"], 5.0),
        (["wait=5", "respond-async"], 5.0),
        (["return=minimal", "respond-async"], 0.0),
        (['WAIT = "7"; foo="a"'], 7.0),
        (["wait=3, wait=9"], 3.0),
        (["wait=900"], MOST),
        (["wait=soon"], MOST),
        (["wait=-1"], MOST),
    ],
)
def test_how_long_a_caller_waits_is_said_as_in_rfc_7240(lines: list[str], seconds: float) -> None:
    """A caller who asked to be let go after five seconds would be let go at once, or kept for a minute."""
    scope = {"headers": [(b"prefer", line.encode()) for line in lines]}
    assert Terms.of(scope, MOST).wait_s == seconds
