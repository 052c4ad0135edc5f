"""What several processes say to the same code, each with a hash seed of its own."""

import os
import subprocess
import sys

TIMEOUT_S = 60


def said_with_seeds(code: str) -> set[str]:
    """What `code` prints in processes that differ in the order of a set alone; one text where that shows nowhere."""
    return {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        ).stdout
        for seed in ("1", "2", "3")
    }
