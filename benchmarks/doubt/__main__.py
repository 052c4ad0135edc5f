"""Run pieces of the benchmark and write their sections of docs/doubt.md.

make bench-doubt                   all of them
make bench-doubt PIECE=validity    one: validity, cost, gate, bargain, clinc or banking
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import warnings

# Two processes share two cores: threads of a linear algebra library, which spin while they wait, would take them away.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.doubt.page import write

# piece: module, packages whose versions matter
PIECES = {
    "cost": ("validity", ()),
    "gate": ("gate", ()),
    "validity": ("validity", ()),
    "bargain": ("peel", ("bargain", "numpy")),
    "clinc": ("clinc", ("scikit-learn", "numpy")),
    "banking": ("banking", ("scikit-learn",)),
}


def main(wanted: list[str]) -> None:
    """The named pieces, or all."""
    strange = set(wanted) - set(PIECES)
    if strange:
        raise SystemExit(f"There is no piece {', '.join(sorted(strange))}. Choose from {', '.join(PIECES)}.")
    warnings.simplefilter("ignore")
    for piece in wanted or PIECES:
        module, packages = PIECES[piece]
        began, used = time.monotonic(), sum(os.times()[:4])
        text = getattr(importlib.import_module(f"benchmarks.doubt.{module}"), piece)()
        write(piece, text, (time.monotonic() - began, sum(os.times()[:4]) - used), *packages)


if __name__ == "__main__":
    main(sys.argv[1:])
