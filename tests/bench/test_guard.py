"""The guard of speed: CPU a call against aiohttp + pydantic in the same run."""

import pytest
from benchmarks.cpu import YARDSTICK, compare, ratio, recorded_ratio

SLACK = 1.25
SUBJECT = "roadworthy"


def measured_ratio() -> float:
    """The median over eleven interleaved rounds of a second or less."""
    rows = compare([YARDSTICK, SUBJECT], count=11, calls=500, in_flight=64, loop="asyncio")
    return ratio(rows, SUBJECT)


@pytest.mark.timeout(300)
def test_a_call_costs_no_more_cpu_than_recorded() -> None:
    """A change would make every call dearer by a quarter or more without anybody noticing."""
    most = SLACK * recorded_ratio()
    found = measured_ratio()
    if found > most:
        found = min(found, measured_ratio())  # a busy machine can spoil one run
    print(
        f"CPU a call: {found:.2f} x aiohttp + pydantic; recorded {recorded_ratio():.2f}, at most {most:.2f}"
    )
    assert found <= most, (
        f"A validated call takes {found:.2f} times the CPU of aiohttp + pydantic; {recorded_ratio():.2f} is recorded in "
        "benchmarks/recorded.json. See where it goes with `python -m benchmarks.profile`; if it is worth it, record "
        "the new ratio with `python -m benchmarks.cpu --record`."
    )
