"""A shop counter: an app served by a process, and somebody who calls it over HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ledgers import Rows, ask

from roadworthy.vet.process import RunningSimulator

APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop", budget_usd=1, settings={settings})
small = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=64)

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

@app.step(models=[small], confidence="field:sure", review_below=0.5)
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)

@app.workflow
async def twice(note: Note) -> Mood:
    return await feel(note)
"""


def answers(texts: Mapping[str, str]) -> list[dict[str, object]]:
    """What the provider says of each text; `?` before a mood: it is not sure."""
    return [
        {
            "id": f"A{number}",
            "text": text,
            "answers": {
                "small": {"mood": mood.removeprefix("?"), "sure": 0.2 if mood.startswith("?") else 0.9}
            },
        }
        for number, (text, mood) in enumerate(texts.items())
    ]


@dataclass(frozen=True)
class Said:
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Counter:
    """A folder with an app, a ledger, a simulated provider, and the service in front of it."""

    folder: Path
    ledger: str
    sim: RunningSimulator
    environ: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def write_app(self, settings: Mapping[str, float]) -> None:
        """Write the app's file."""
        (self.folder / "shop.py").write_text(APP.format(settings=dict(settings)))

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of a command."""
        return {
            **os.environ,
            "OPENAI_BASE_URL": self.sim.url,
            "ROADWORTHY_LEDGER": self.ledger,
            "ROADWORTHY_SERVE_LOOK_S": "0.1",
            "ROADWORTHY_SERVE_AGAIN_S": "0.3",
            "ROADWORTHY_SERVE_KEYS_S": "0",
            "ROADWORTHY_LEASE_S": "1",
            **self.environ,
        }

    def command(self, *words: str, status: int = 0) -> str:
        """What another command says, once it ended as expected."""
        done = subprocess.run(
            [sys.executable, "-m", "roadworthy", *words],
            cwd=self.folder,
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, (done.stdout[-500:], done.stderr[-2000:])
        return done.stdout if status == 0 else done.stderr

    def start(self, *words: str) -> None:
        """Start the service; returns once it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "roadworthy", "serve", "shop.py", "--port", "0", "--json", *words],
            cwd=self.folder,
            env=self.surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=20)[1][-2000:]
        self.port = int(json.loads(line)["url"].rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End the service; what it said on standard error."""
        if self.process is None:
            return ""
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.communicate(timeout=40)[1]
        finally:
            process.kill()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        /,
        raw: bytes | None = None,
        key: str = "",
        **headers: str,
    ) -> Said:
        """One request; header names are given with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Said(response.status, names, response.read())

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(self.ledger, query)

    def new_key(self, name: str, *words: str) -> str:
        """Make a key."""
        found: str = json.loads(self.command("keys", "shop.py", "add", name, *words, "--json"))["key"]
        return found


def lines(body: bytes) -> Iterator[Any]:
    """JSONL, parsed."""
    return map(json.loads, body.splitlines())


def until(counter: Counter, key: str, outcome: str) -> dict[str, object]:
    """Look until a record stands so; at most 20 s."""
    for _ in range(200):
        found: dict[str, object] = counter.call("GET", f"/v1/records/{key}").json
        if found["outcome"] == outcome:
            return found
        time.sleep(0.1)
    raise AssertionError(found)
