"""The command line with something bent before it starts: `python -m tests.crash.child VARIANT run APP INPUT ...`.

`census` counts how often each failpoint is passed and writes that to `CRASH_CENSUS`; the other variants are in `wrong`.
Nothing of the product but the failpoints may be imported here: each module binds `failpoint` when it is loaded.
"""

import atexit
import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

from roadworthy import _failpoints


def census() -> None:
    """Count every pass of every point."""
    passes: Counter[str] = Counter()
    _failpoints.failpoint = lambda name: passes.update((name,))
    atexit.register(lambda: Path(os.environ["CRASH_CENSUS"]).write_text(json.dumps(passes)))


if __name__ == "__main__":
    variant = sys.argv.pop(1)
    if variant == "census":
        census()
    else:
        importlib.import_module("tests.crash.wrong").VARIANTS[variant]()
    importlib.import_module("roadworthy.__main__").main()
