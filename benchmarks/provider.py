"""The provider that everything is measured against: fixed answers, little CPU, a core of its own.

An `asyncio.Protocol` on uvloop takes about 17 us a request; a C server with epoll took 15 in the same minutes, because
what is left is the kernel's share, so there is none here. What it answers is chosen by the first part of the path, so
a client that calls tools and one that reads text fields ask the same server.

python -m benchmarks.provider DELAY_MS
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.machine import PROVIDER_CORE, ROOT
from benchmarks.task import ANSWER

_HEADERS = {
    "content-type": "application/json",
    "x-request-id": "req_0123456789abcdef0123456789abcdef",
    "openai-processing-ms": "1",
    "openai-version": "2020-10-01",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that listens."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it is; `/SHAPE/v1` behind it makes the base URL for an OpenAI client, with one of `SHAPES`."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """The CPU that it has used so far, from /proc."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


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


class Connection(asyncio.Protocol):
    """One client of the provider: keep-alive, pipelining, bodies of a stated length."""

    def __init__(self, delay_s: float, replies: Mapping[bytes, bytes]) -> None:
        self._delay_s = delay_s
        self._replies = replies
        self._buffer = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            reply = self._replies.get(head.split(b"/", 2)[1], MISSING)
            if self._delay_s:
                self._loop.call_later(self._delay_s, self._transport.write, reply)
            else:
                self._transport.write(reply)


async def serve(delay_s: float) -> None:
    """Serve until standard input ends, which it does when the parent does."""
    loop = asyncio.get_running_loop()
    replies = {name.encode(): response(body) for name, body in SHAPES.items()}
    server = await loop.create_server(lambda: Connection(delay_s, replies), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gc.freeze()
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def start_provider(delay_ms: float = 0) -> Iterator[Provider]:
    """A provider in a process of its own, pinned to its core; it ends with the block or with this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard))
    process = subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, "-m", "benchmarks.provider", str(delay_ms)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        os.sched_setaffinity(process.pid, {PROVIDER_CORE})
        assert process.stdout is not None
        yield Provider(int(process.stdout.readline()), process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve on uvloop where it is installed."""
    work = serve(float(sys.argv[1]) / 1000)
    try:
        import uvloop  # noqa: PLC0415 - where it is installed
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
