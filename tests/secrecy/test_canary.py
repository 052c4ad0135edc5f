"""A key and another namespace's words get nowhere, whatever goes wrong.

Every fault of the simulated provider, and a provider that says everything back, before a service and before batch runs;
everything that leaves is looked through.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.monitor.collector import Collector, collector
from tests.secrecy.canary import KEY, OTHERS, OWN, leaks, shapes
from tests.secrecy.gossip import MODES, gossip
from tests.serve.counter import Counter

from roadworthy.observe.sink import redacted
from roadworthy.vet.kind import Kind
from roadworthy.vet.process import start_simulator

pytestmark = pytest.mark.timeout(900)  # for the scene, which the first test to come sets up

APP = """
import os
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop", budget_usd=5, settings={settings})

class Note(BaseModel):
    id: str
    text: str

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

def declare(name, model, stream):
    def ask(note: Note) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)
    ask.__name__ = name
    made = Model(model, price=Price(input="0.1", output="0.4"), max_output_tokens=64, stream=stream)
    globals()[name] = app.step(models=[made], review_below=0.5, confidence="field:sure")(ask)

for name, model, stream in {steps}:
    if os.environ.get("ONLY", name) == name:
        declare(name, model, stream)

@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
def bug(note: Note) -> Prompt[Mood]:
    raise ValueError(f"cannot word {{note.text!r}}")
"""
SETTINGS = {
    "attempt_timeout_s": 0.6,
    "stream_idle_s": 0.4,
    "record_deadline_s": 2.5,
    "patience_s": 0.5,
    "throttle_floor_s": 0.05,
    "backoff_base_s": 0.02,
    "backoff_cap_s": 0.1,
    "retry_after_cap_s": 0.2,
    "breaker_open_s": 0.1,
    "park_pause_s": 0.05,
    "park_rounds_max": 1,
    "serve_again_s": 600,
    "serve_drain_s": 3,
    "telemetry_every_s": 0.5,
}
PAGES = (
    "/",
    "/runs",
    "/records",
    "/desk",
    "/quality",
    "/cost",
    "/versions",
    "/metrics",
    "/openapi.json",
    "/v1/models",
)


def _name(kind: Kind) -> str:
    return "k_" + re.sub(r"\W", "_", kind.value)


@dataclass
class Scene:
    """Everything that left, by where it was found."""

    counter: Counter
    own_key: str = ""
    others_key: str = ""
    operator_key: str = ""
    logs: dict[str, bytes] = field(default_factory=dict)
    to_own: dict[str, bytes] = field(default_factory=dict)
    to_all: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """Every step of the app."""
        return [*map(_name, Kind), *MODES, "bug"]


def _write_app(counter: Counter, url: str) -> None:
    steps = [(_name(kind), f"openai:m-{kind.value}", index % 2 == 1) for index, kind in enumerate(Kind)]
    steps += [(mode, f"{mode}@{url}", False) for mode in MODES]
    (counter.folder / "shop.py").write_text(APP.format(settings=SETTINGS, steps=steps))


def _serve(scene: Scene) -> None:
    """Every step, for two namespaces, over HTTP; then every page, with and without a role."""
    counter = scene.counter
    jobs = [(step, who) for step in scene.steps for who in ("others", "own")]

    def submit(job: tuple[str, str]) -> None:
        step, who = job
        text, key = (OTHERS, scene.others_key) if who == "others" else (OWN, scene.own_key)
        body = {"id": f"{who}-{step}", "text": f"{text} {step}"}
        said = counter.call("POST", f"/v1/records/{step}", body, key=key, Prefer="wait=5")
        scene.outcomes[f"{who} {step}"] = f"{said.status} {said.body[:200]!r}"
        if who == "own":
            scene.to_own[f"POST {step}"] = said.body + json.dumps(dict(said.headers)).encode()
        scene.to_all[f"POST {step} for {who}"] = said.body + json.dumps(dict(said.headers)).encode()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(submit, jobs))
    chat = {"model": "g401", "messages": [{"role": "user", "content": OWN}]}
    everybody = {
        "own": scene.own_key,
        "nobody": "",
        "wrong": KEY,
        "operator": scene.operator_key,
    }
    asked: list[tuple[str, str, str, object]] = [
        *(
            (name, "GET", f"/v1/records/{who}-{step}", None)
            for step in scene.steps
            for who in ("own", "others")
            for name in ("own", "operator")
        ),
        *(
            ("operator", "GET", f"/records/{who}-{step}", None)
            for step in scene.steps
            for who in ("own", "others")
        ),
    ]
    for name in everybody:
        asked += [
            (name, "POST", "/v1/chat/completions", chat),
            (name, "POST", "/v1/records/nothing", {"id": OWN}),
            (name, "POST", "/v1/records/bug", {"wrong": OWN}),
            *(
                (name, "GET", f"/v1/jobs/{number}{rest}", None)
                for number in range(1, 4)
                for rest in ("", "/rows")
            ),
            *((name, "GET", page, None) for page in PAGES),
        ]

    def look(one: tuple[str, str, str, object]) -> None:
        name, method, path, body = one
        said = counter.call(method, path, body, key=everybody[name])
        content = said.body + json.dumps(dict(said.headers)).encode()
        scene.to_all[f"{method} {path} by {name}"] = content
        if name != "operator":
            scene.to_own[f"{method} {path} by {name}"] = content

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, asked))


def _batch(scene: Scene) -> None:
    """The steps as batch runs, one after the other in one process, with both ways of telling; then every export."""
    counter = scene.counter
    place = counter.folder / "in.jsonl"
    place.write_text(json.dumps({"id": "b", "text": f"{OWN} batch"}) + "\n")
    code = f"""
import os, sys
from roadworthy.__main__ import commands
for step in sys.argv[2:]:
    os.environ["ONLY"] = step
    try:
        commands(["run", f"shop.py:{{step}}", {str(place)!r}, "--job", step, "--json", "--log", sys.argv[1], "-o", step + ".jsonl"])
    except (SystemExit, Exception) as error:
        if not isinstance(error, SystemExit):
            print(type(error).__name__, error)
"""

    def run(number: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", code, ("json", "text")[number % 2], *scene.steps[number::4]],
            cwd=counter.folder,
            env={
                **counter.surroundings,
                "ROADWORTHY_PATIENCE_S": "0.2",
                "ROADWORTHY_RECORD_DEADLINE_S": "2",
            },
            capture_output=True,
            timeout=300,
            check=False,
        )

    with ThreadPoolExecutor(4) as pool:
        for number, done in enumerate(pool.map(run, range(4))):
            assert done.returncode == 0, done.stderr[-2000:]
            if number % 2 == 0:
                scene.logs[f"log of the runs {number}"] = done.stderr
            scene.to_all[f"standard error of the runs {number}"] = done.stderr
            scene.to_all[f"standard output of the runs {number}"] = done.stdout
    for what in ("records", "attempts", "reviews", "runs"):
        counter.command("export", "shop.py", "-o", f"{what}.csv", "--what", what)
    scene.to_all["doctor"] = counter.command("doctor", "shop.py").encode()
    for step in ("g401", "ganswer", "g500"):
        scene.to_all[f"why {step}"] = counter.command("why", "shop.py", f"own-{step}").encode()
    scene.to_all["report"] = counter.command("report", "shop.py").encode()
    for path in counter.folder.iterdir():
        if path.suffix in {".jsonl", ".csv"} and path != place:
            scene.to_all[path.name] = path.read_bytes()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The whole of it, once: the ledger's bytes are read when everything has ended."""
    folder = tmp_path_factory.mktemp("canary")
    began = time.monotonic()
    with ExitStack() as running:
        receiver: Collector = running.enter_context(collector())
        url = running.enter_context(gossip())
        models = [f"m-{kind.value}" for kind in Kind]
        sim = running.enter_context(
            start_simulator(stand_in="copied", prices=dict.fromkeys([*models, "small"], "0.1,0.4"))
        )
        sim.script(
            {"in_a_row_max": 0, "models": {f"m-{kind.value}": {"faults": {kind.value: 1.0}} for kind in Kind}}
        )
        environ = {
            "OPENAI_API_KEY": KEY,
            "ROADWORTHY_API_KEY": KEY,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=one",
        }
        counter = Counter(folder, str(folder / "shop.db"), sim, environ)
        running.callback(counter.stop)
        _write_app(counter, url)
        made = Scene(counter)
        made.own_key = counter.new_key("own", "--role", "admin", "--namespace", "own")
        made.others_key = counter.new_key("others", "--role", "submit", "--namespace", "others")
        made.operator_key = counter.new_key("operator", "--role", "admin")
        made.logs["log of the service"] = _served(made, folder / "stderr")
        print("served", time.monotonic() - began)
        _batch(made)
        print("all", time.monotonic() - began)
        made.logs |= {f"telemetry {number}": body for number, body in enumerate(receiver.raw)}
        made.to_all |= {path.name: path.read_bytes() for path in folder.glob("shop.db*") if path.is_file()}
        assert receiver.spans
        yield made


def _served(scene: Scene, said: Path) -> bytes:
    """A service with its log in a file: a pipe that nobody reads would stop it."""
    counter = scene.counter
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "roadworthy",
                "serve",
                "shop.py",
                "--port",
                "0",
                "--json",
                "--log",
                "json",
            ],
            cwd=counter.folder,
            env=counter.surroundings,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, said.read_text()[-2000:]
            counter.port = int(json.loads(line)["url"].rpartition(":")[2])
            _serve(scene)
            process.terminate()
            scene.to_all["standard output of the service"] = process.communicate(timeout=60)[0].encode()
        finally:
            process.kill()
            process.wait()
    return said.read_bytes()


def _report(found: list[object]) -> str:
    return "\n".join(map(str, found[:12]))


@pytest.mark.fault("E13")
def test_a_key_is_nowhere(scene: Scene) -> None:
    """A provider's key, or a caller's, would stand in a log, a trace, a page, an export, an error or the ledger's file."""
    words = [KEY, scene.own_key, scene.others_key, scene.operator_key]
    places = {**scene.logs, **scene.to_all, **scene.to_own}
    found: list[object] = list(leaks(words, places))
    assert not found, _report(found)


@pytest.mark.fault("D12", "E24")
def test_another_namespaces_words_reach_nobody_else(scene: Scene) -> None:
    """One customer would read what another one's record says, where an error of theirs closed a lane for both."""
    found: list[object] = list(leaks([OTHERS], scene.to_own))
    assert not found, _report(found)
    told = json.loads(scene.to_own["GET /v1/records/others-g401 by own"].partition(b"}{")[0] + b"}")
    assert told["status"] == 404


@pytest.mark.fault("E14")
def test_no_log_and_no_trace_holds_what_a_record_says(scene: Scene) -> None:
    """What people wrote would lie in log stores and trace stores that nobody counts among the places to protect."""
    found: list[object] = list(leaks([OWN, OTHERS], scene.logs))
    assert not found, _report(found)


def test_the_faults_did_happen(scene: Scene) -> None:
    """Nothing would be found where nothing happened."""
    counter = scene.counter
    endings = {str(ending) for (ending,) in counter.ask("SELECT DISTINCT ending FROM attempt")}
    wanted = {"ok", "throttled", "transient", "quota", "auth", "gone", "too_long", "bad_request", "truncated"}
    assert wanted | {"refused", "filtered", "empty", "unknown"} <= endings
    asked = {row.model for row in counter.sim.requests()}
    assert asked >= {f"m-{kind.value}" for kind in Kind}
    log = scene.logs["log of the service"].decode()
    rows = [json.loads(line) for line in log.splitlines()]
    assert {"record", "attempt", "retry", "lane", "request"} <= {row["event"] for row in rows}
    assert all(re.fullmatch(r"[0-9a-f]{32}", row["trace"]) for row in rows if row["event"] == "attempt")
    stored = scene.to_all["attempts.csv"].decode()
    assert "You sent" in stored, "what the provider said is kept for whoever may see it"
    assert "süß" in scene.to_own["GET /v1/records/own-ganswer by own"].decode()


@pytest.mark.parametrize("shape", range(len(shapes(KEY))))
def test_the_search_finds_each_way_of_writing(shape: int) -> None:
    """A search that finds nothing would pass for a system that leaks nothing."""
    written = list(shapes(KEY))[shape]
    assert next(leaks([KEY], {"here": b"before " + written + b" after"})).where == "here"


@pytest.mark.fault("E13")
@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer abcdef123456",
        '{"authorization": "Basic dXNlcjpwYXNz"}',
        "GET /v1?key=AIzaSyA1234567890abc&x=1",
        "postgresql://me:hunter22@db/x",
        "postgresql://me:hun@ter@22@db/x",
        "https://user:pa@ss@host and a@b",
        "bad key sk-proj-12345678",
        "x-api-key=topsecretvalue",
        "rw_0123456789abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
    ],
    ids=["bearer", "basic", "query", "url", "two marks", "a mark", "openai", "header", "ours", "aws"],
)
def test_what_looks_like_a_secret_is_struck_out(line: str) -> None:
    """A library's line would hold a key that this process never read."""
    secrets = [
        "abcdef123456",
        "dXNlcjpwYXNz",
        "AIzaSyA1234567890abc",
        "hunter22",
        "sk-proj-12345678",
        "topsecretvalue",
        "22@db",
        "ss@host",
    ]
    secrets += ["rw_0123456789abcdefghijklmnop", "AKIAIOSFODNN7EXAMPLE"]
    assert not any(secret in redacted(line) for secret in secrets)
    assert "***" in redacted(line)
