"""Where an error came up, for whoever has to mend it: the innermost place in code that is neither ours nor a library's."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import Final

from roadworthy._errors import RoadworthyError

_OURS: Final = str(Path(__file__).parent) + "/"
_LIBRARIES: Final = tuple(
    {str(Path(sysconfig.get_path(name))) + "/" for name in ("stdlib", "purelib", "platlib")}
)


def whence(error: BaseException) -> str:
    """`app.py, line 12, in feel`; the innermost place at all where every one is ours or a library's; "" without any.

    What we raise on purpose says in its own words what to mend, and a line of ours would send whoever mends it there.
    """
    if isinstance(error, SyntaxError) and error.filename and not _is_foreign(error.filename):
        return f"{Path(error.filename).name}, line {error.lineno}"  # no code of it ever ran
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_foreign(frame.filename)]
    if not own and not isinstance(error, RoadworthyError):
        own = list(frames)
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}, in {own[-1].name}" if own else ""


def kind_and_place(error: BaseException) -> str:
    """`KeyError at app.py, line 12, in feel`; the kind alone where it has no place."""
    place = whence(error)
    return type(error).__name__ + (f" at {place}" if place else "")


def _is_foreign(place: str) -> bool:
    return place.startswith((_OURS, "<", *_LIBRARIES))
