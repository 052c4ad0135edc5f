"""The provider that everything is measured against: fixed answers, almost no CPU, on a core of its own.

`provider.c` where there is a C compiler, `stand_in.py` elsewhere; the results say which. What it answers is chosen
by the first part of the path, so a client that calls tools and one that reads text fields ask the same server.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import PROVIDER_CORE, ROOT
from benchmarks.task import ANSWER

SOURCE = Path(__file__).with_name("provider.c")
_HEADERS = {
    "content-type": "application/json",
    "x-request-id": "req_0123456789abcdef0123456789abcdef",
    "openai-processing-ms": "1",
    "openai-version": "2020-10-01",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that listens.

    Attributes:
        kind: `C` or `Python`.
    """

    kind: str
    port: int
    process: subprocess.Popen[bytes]

    def url(self, shape: str = "json") -> str:
        """The base URL for an OpenAI client; `shape`: one of `SHAPES`."""
        return f"http://127.0.0.1:{self.port}/{shape}/v1"

    def cpu_s(self) -> float:
        """The CPU that it has used so far, from /proc."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def completion(message: Mapping[str, Any], finish: str = "stop") -> dict[str, Any]:
    """The body of a chat completion."""
    return {
        "id": "chatcmpl-ABCDEFGHIJKLMNOPQRSTUVWXYZ012",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "refusal": None, "annotations": [], **message},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": 182,
            "completion_tokens": 19,
            "total_tokens": 201,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }


def tool_call(name: str) -> dict[str, Any]:
    """The body of a completion that calls a tool with the answer."""
    function = {"name": name, "arguments": ANSWER}
    call = {"id": "call_0123456789abcdefghijklmn", "type": "function", "function": function}
    return completion({"content": None, "tool_calls": [call]}, "tool_calls")


def text_fields() -> dict[str, Any]:
    """The body of a completion in DSPy's marked fields."""
    values = json.loads(ANSWER)
    fields = [f"[[ ## {name} ## ]]\n{value}\n" for name, value in values.items()]
    return completion({"content": "\n".join([*fields, "[[ ## completed ## ]]"])})


SHAPES = {
    "json": completion({"content": ANSWER}),
    "tool": tool_call("Triage"),
    "final": tool_call("final_result"),
    "fields": text_fields(),
}


def response(body: Mapping[str, Any]) -> bytes:
    """The whole HTTP response."""
    content = json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{name}: {value}" for name, value in {**_HEADERS, "content-length": len(content)}.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + content


@contextmanager
def start_provider(delay_ms: float = 0) -> Iterator[Provider]:
    """A provider in a process of its own, pinned to its core; it ends with the block or with this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard))
    with tempfile.TemporaryDirectory() as folder:
        kind, command = _program(Path(folder))
        pairs = []
        for name, body in SHAPES.items():
            place = Path(folder) / name
            place.write_bytes(response(body))
            pairs.append(f"{name}={place}")
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, str(delay_ms), *pairs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        try:
            os.sched_setaffinity(process.pid, {PROVIDER_CORE})
            assert process.stdout is not None
            yield Provider(kind, int(process.stdout.readline()), process)
        finally:
            process.kill()
            process.communicate()


def _program(folder: Path) -> tuple[str, list[str]]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler and not os.environ.get("BENCH_NO_COMPILER"):
        made = folder / "provider"
        line = [compiler, "-O2", "-o", str(made), str(SOURCE)]
        if subprocess.run(line, capture_output=True, check=False).returncode == 0:  # noqa: S603 - the compiler
            return "C", [str(made)]
    return "Python", [sys.executable, "-m", "benchmarks.stand_in"]
