"""Where tests may break us: named points around every commit and every send.

`ROADWORTHY_FAILPOINT=name:count` kills the process with SIGKILL the `count`-th time the point is passed.
Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

_ARMED = os.environ.get("ROADWORTHY_FAILPOINT", "")
_NAME, _, _COUNT = _ARMED.partition(":")
_passes = 0


def failpoint(name: str) -> None:
    """Die here if this point is armed and its count is reached."""
    if _NAME and name == _NAME:
        global _passes  # noqa: PLW0603 - a process dies once
        _passes += 1
        if _passes >= int(_COUNT or "1"):
            os.kill(os.getpid(), signal.SIGKILL)
