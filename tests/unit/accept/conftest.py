"""Somebody who may not look everywhere: tests often run as root, who may."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_NOBODY = 65534


@dataclass(frozen=True)
class Stranger:
    """A user without rights of their own, and a folder that they may look into."""

    folder: Path

    @contextmanager
    def acts(self) -> Iterator[None]:
        """What is done inside is done as this user."""
        own = os.geteuid()
        if own == 0:
            os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(own)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A stranger's folder; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="roadworthy-"))
    folder.chmod(0o755)
    yield Stranger(folder)
    for place, folders, _ in os.walk(folder):
        for name in folders:
            Path(place, name).chmod(0o700)
    shutil.rmtree(folder)
