"""LiteLLM's proxy at its newest version, in an environment of its own, before the same provider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.arrivals import Door
from benchmarks.child import Broke, note
from benchmarks.environment import _PLACE, _uv
from benchmarks.machine import CLIENT_CORE, PROVIDER_CORE

if TYPE_CHECKING:
    from benchmarks.service import Running

KEY = "sk-bench"
PROXY = "litellm proxy"
_CONFIG = """
model_list:
  - model_name: triage
    litellm_params:
      model: openai/tiny
      api_base: {url}/json/v1
      api_key: sk-test
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""
_START_S = 240


@cache
def install() -> Path:
    """Its interpreter.

    Raises:
        Broke: it cannot be installed.
    """
    place = _PLACE / "litellm_proxy"
    python = place / "bin" / "python"
    there = python.with_name("litellm").exists()
    if not python.exists():
        _uv("venv", "--python", sys.executable, str(place))
    try:
        _uv("pip", "install", "--upgrade", "--python", str(python), "litellm[proxy]")
    except Broke as broke:
        if not there:
            raise
        note(f"the proxy is the version that is installed, perhaps not the newest: {broke}")
    return python


@contextmanager
def start_proxy(url: str) -> Iterator[Running]:
    """The proxy on the client's core, one worker, logging errors only, as its own guide to production has it."""
    from benchmarks.service import Running  # noqa: PLC0415 - that module starts this one

    python = install()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as place, tempfile.TemporaryFile() as said:
        config = Path(place) / "config.yaml"
        config.write_text(_CONFIG.format(url=url, key=KEY))
        process = subprocess.Popen(  # noqa: S603 - the environment that was made above
            [
                "/usr/bin/taskset",
                "-c",
                str(CLIENT_CORE),
                str(python.with_name("litellm")),
                "--config",
                str(config),
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--num_workers",
                "1",
            ],
            cwd=place,
            env={
                "PATH": os.environ["PATH"],
                "HOME": place,
                "LITELLM_LOG": "ERROR",
                "LITELLM_MODE": "PRODUCTION",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
            stdout=said,
            stderr=said,
        )
        try:
            _wait(port, process, said)
            door = Door(
                port, "/v1/chat/completions", "chat", PROVIDER_CORE, key=KEY, model="triage", schema=True
            )
            yield Running(PROXY, port, process.pid, door)
        finally:
            process.kill()
            process.communicate()


def _wait(port: int, process: subprocess.Popen[bytes], said: object) -> None:
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    said.seek(0)  # type: ignore[attr-defined] # a file
    words = said.read()[-2000:].decode("utf-8", "replace")  # type: ignore[attr-defined] # a file
    raise Broke(f"the proxy did not start: {words}")
