"""The process that a service lives in."""

import subprocess
import sys

SPARED = """
import gc, weakref
from roadworthy.run.loop import spare_collector

class Knot:
    def __init__(self):
        self.me = self

spare_collector()
assert gc.get_freeze_count() > 10_000, "what was loaded is looked at again and again"
knots = [weakref.ref(Knot()) for _ in range(100_000)]
print(sum(knot() is not None for knot in knots))
"""


def test_a_spared_collector_still_collects() -> None:
    """A service would keep every cycle of objects for ever, and its memory would grow."""
    line = [sys.executable, "-c", SPARED]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < 30_000
