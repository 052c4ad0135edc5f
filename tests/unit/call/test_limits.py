"""Headers: what a provider says about waiting and about its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.call.limits import Limits, read_limits, retry_after_s, span_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("20ms", 0.02),
        ("8.64s", 8.64),
        ("1h2m3s", 3_723.0),
        ("2d1h", 176_400.0),
        ("1m30.5s", 90.5),
        ("0s", 0.0),
        ("", None),
        ("6", None),
        ("s", None),
        ("-1s", None),
        ("1s6m", None),
        ("soon", None),
        (None, None),
    ],
)
def test_spans_are_read(text: str | None, seconds: float | None) -> None:
    """A reset time would be taken for another, or crash the reader."""
    found = span_s(text)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_limits_are_read_and_their_absence_too() -> None:
    """A lane would not learn its limits, or learn zeros where a provider says nothing."""
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert read_limits(headers) == Limits(500, 30_000, 499, 0, 0.12, 360.0)
    assert read_limits({"x-ratelimit-limit-tokens": "many"}) == Limits(None, None, None, None, None, None)
    assert read_limits({"content-type": "text/html", "retry-after": "3"}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 10.0),
        ("Sun Nov  6 08:49:37 1994", 10.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 10.0),
        ("Sun, 06 Nov 1994 08:49:27 GMT", None),
        ("-1", None),
        ("nan", None),
        ("1e999", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_retry_after_in_each_of_its_forms(
    text: str, seconds: float | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date (RFC 9110 section 5.6.7) would be read in this machine's zone, or a hostile number be slept."""
    import time  # noqa: PLC0415 - only for the zone

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after_s({"retry-after": text}, 784_111_767.0) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(), st.text(), st.floats(0, 4e9))
def test_no_header_breaks_the_reader(seconds: str, milliseconds: str, now: float) -> None:
    """A provider could stop a run with one header."""
    found = retry_after_s({"retry-after": seconds, "retry-after-ms": milliseconds}, now)
    assert found is None or 0 <= found < float("inf")
    read_limits({"x-ratelimit-limit-requests": seconds, "x-ratelimit-reset-tokens": milliseconds})
