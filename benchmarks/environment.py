"""A peer's environment: its newest versions, apart from everything else, under `.bench`."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from benchmarks.child import Broke
from benchmarks.machine import ROOT

PEERS = (
    "openai_httpx2",
    "openai_aiohttp",
    "instructor",
    "pydantic_ai",
    "litellm",
    "langchain",
    "dspy",
    "tensorzero",
    "curator",
)
_PLACE = ROOT / ".bench" / "peers"
_INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Environment:
    """A peer with its interpreter."""

    peer: str
    python: Path


def adapter(peer: str) -> ModuleType:
    """The peer's adapter; importing it imports nothing of the peer."""
    return importlib.import_module(f"benchmarks.peers.{peer}")


def prepare(peer: str) -> Environment:
    """Install the newest versions of a peer.

    Raises:
        Broke: it cannot be installed.
    """
    place = _PLACE / peer
    python = place / "bin" / "python"
    if not python.exists():
        _uv("venv", "--python", sys.executable, str(place))
    _uv("pip", "install", "--upgrade", "--python", str(python), *adapter(peer).REQUIREMENTS, "pydantic")
    return Environment(peer, python)


def _uv(*words: str) -> None:
    line = [str(Path(sys.executable).with_name("uv")), "--quiet", *words]
    try:
        done = subprocess.run(  # noqa: S603 - uv, of the development environment
            line, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Broke(f"uv {words[0]} took longer than {_INSTALL_TIMEOUT_S} s") from late
    if done.returncode != 0:
        raise Broke(f"uv {' '.join(words[:2])} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
