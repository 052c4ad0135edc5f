"""Traces and metrics, as a real receiver gets them."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating import attributes as incubating
from opentelemetry.semconv._incubating import metrics as metric_names
from tests.monitor.collector import Collector, Heard
from tests.monitor.conftest import Build
from tests.serve.counter import Counter

from roadworthy._settings import Settings
from roadworthy.call.provider import PROVIDERS
from roadworthy.observe import names
from roadworthy.observe.receiver import receiver as named_receiver
from roadworthy.observe.trail import read_traceparent

GOOD, DOUBTFUL = "what a day", "hm"
SOON = {"ROADWORTHY_TELEMETRY_EVERY_S": "0.2"}


def _records(folder: Path, *texts: str) -> Path:
    place = folder / "in.jsonl"
    place.write_text(
        "".join(json.dumps({"id": f"K-{n}", "text": text}) + "\n" for n, text in enumerate(texts))
    )
    return place


def _run(counter: Counter, place: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roadworthy", "run", "shop.py:feel", str(place), "--json", *words],
        cwd=counter.folder,
        env={**counter.surroundings, **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def _one(spans: list[Heard]) -> Heard:
    assert len(spans) == 1, [span.name for span in spans]
    return spans[0]


def test_a_run_is_a_trace_a_record(build: Build, receiver: Collector) -> None:
    """A trace would not show where a record's time and money went: record, step, call, check, and what was tried again."""
    counter = build({GOOD: "glad", DOUBTFUL: "?sad"}, "later")
    counter.sim.script({"faults": {"500": 1.0}, "last": 1})
    done = _run(counter, _records(counter.folder, GOOD, DOUBTFUL), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert done.returncode == 0, done.stderr
    records = receiver.of("record feel")
    assert sorted(one.attributes[names.OUTCOME] for one in records) == ["accepted", "waiting"]
    assert len({one.trace_id for one in records}) == 2
    for record in records:
        own = [span for span in receiver.spans if span.trace_id == record.trace_id]
        step = _one([span for span in own if span.name == "step feel"])
        call = _one([span for span in own if span.name == "chat small"])
        check = _one([span for span in own if span.name == "check"])
        assert record.parent_id == ""
        assert (step.parent_id, call.parent_id, check.parent_id) == (
            record.span_id,
            step.span_id,
            step.span_id,
        )
        assert record.began_ns <= step.began_ns <= call.began_ns <= call.ended_ns <= record.ended_ns
        assert call.kind == 3  # CLIENT
        assert call.attributes[names.PROVIDER] == "openai"
        assert call.attributes[names.REQUEST_MODEL] == "small"
        assert call.attributes[names.INPUT_TOKENS] > 0
        assert call.attributes[names.FINISH_REASONS] == ["stop"]
        assert call.attributes[names.PROMPT_NAME] == "feel"
        assert (call.scope, call.schema_url) == ("roadworthy", names.SCHEMA_URL)
        assert call.resource[names.APP] == "shop"
    (retried,) = [span for span in receiver.of("chat") if span.attributes[names.ATTEMPTS] == 2]
    told = [name for name, _ in retried.events]
    assert told == [names.EVENT_ATTEMPT, names.EVENT_RETRY, names.EVENT_ATTEMPT]
    bill = counter.sim.bill()
    spent = sum(point[""] for point in receiver.metrics[names.COST])
    assert spent == pytest.approx(float(bill.total.cost_usd or 0))
    used = sum(point[""] for point in receiver.metrics[names.USED_INPUT])
    assert used == sum(span.attributes[names.INPUT_TOKENS] for span in receiver.of("chat"))
    assert sum(point[""] for point in receiver.metrics[names.RECORDS]) == 2


def test_the_service_goes_on_with_the_callers_trace(build: Build, receiver: Collector) -> None:
    """A caller could not find in its own trace what became of its request, or a refusal to sample would be overruled."""
    counter = build({GOOD: "glad"}, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **SOON})
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    body = {"id": "n1", "text": GOOD}
    assert counter.call("POST", "/v1/records/feel", body, traceparent=f"00-{trace}-{parent}-01").status == 200
    unsampled = "0af7651916cd43dd8448eb211c80319c"
    counter.call("GET", "/v1/records/n1", traceparent=f"00-{unsampled}-{parent}-00")
    counter.stop()
    request = _one(receiver.of("POST"))
    assert (request.name, request.trace_id, request.parent_id, request.kind) == (
        "POST /v1/records/{step}",
        trace,
        parent,
        2,
    )
    assert request.attributes[names.HTTP_STATUS] == 200
    assert _one(receiver.of("record feel")).parent_id == request.span_id
    assert {span.trace_id for span in receiver.spans} == {trace}


def test_what_is_said_is_sent_only_where_asked_for(build: Build, receiver: Collector) -> None:
    """Prompts and answers would leave the house with the traces, or nobody could have them who wants them."""
    texts = {"I am unhappy with order 4711": "wistful"}
    counter = build(texts, "later")
    place = _records(counter.folder, *texts)
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    assert _run(counter, place, **asked).returncode == 0
    assert receiver.spans
    sent = b"".join(receiver.raw)
    assert not any(word in sent for word in (b"4711", b"wistful", b"Glad or sad", b"K-0"))
    assert _run(counter, place, "--refresh", **asked, ROADWORTHY_TELEMETRY_CONTENT="1").returncode == 0
    call = [span for span in receiver.of("chat") if names.INPUT_MESSAGES in span.attributes][-1]
    assert "4711" in json.loads(call.attributes[names.INPUT_MESSAGES])[-1]["parts"][0]["content"]
    assert "Glad or sad" in call.attributes[names.SYSTEM_INSTRUCTIONS]
    assert "wistful" in json.loads(call.attributes[names.OUTPUT_MESSAGES])[0]["parts"][0]["content"]


@contextmanager
def _nobody() -> Iterator[str]:
    """A receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        ends = threading.Event()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        ends.set()


@pytest.mark.parametrize("kind", ["refuses", "silent", "nonsense"])
def test_a_receiver_that_is_away_costs_no_record(build: Build, kind: str) -> None:
    """Somebody's monitoring would stop somebody else's work."""
    counter = build({GOOD: "glad"}, "later")
    place = _records(counter.folder, GOOD)
    with _nobody() as silent:
        url = {"refuses": "http://127.0.0.1:9", "silent": silent, "nonsense": "not a url"}[kind]
        done = _run(
            counter,
            place,
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            ROADWORTHY_TELEMETRY_CLOSE_S="1",
            ROADWORTHY_TELEMETRY_QUEUE_MAX="2",
        )
    assert (done.returncode, json.loads(done.stdout)["accepted"]) == (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("not delivered") <= 1


def test_nothing_is_imported_where_no_receiver_is_named(build: Build) -> None:
    """Everybody would pay for what few use."""
    counter = build({GOOD: "glad"}, "later")
    place = _records(counter.folder, GOOD)
    code = (
        "import sys\nfrom roadworthy.__main__ import commands\n"
        f"try:\n    commands(['run', 'shop.py:feel', {str(place)!r}, '--json'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=counter.folder,
        env=counter.surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def _package_names() -> dict[str, str]:
    """Every name of the conventions' package, with its words."""
    found: dict[str, str] = {}
    for package in (
        incubating,
        metric_names,
        stable,
    ):  # the stable ones last: they take the place of the others
        for module in iter_modules(package.__path__):
            loaded = import_module(f"{package.__name__}.{module.name}")
            source = Path(str(loaded.__file__)).read_text()
            found |= dict(
                re.findall(r'^\w+: Final = "([^"]+)"\n"""\n(.*?)"""', source, re.DOTALL | re.MULTILINE)
            )
    return found


def test_every_name_is_the_conventions_own(build: Build, receiver: Collector) -> None:
    """A backend that knows the conventions would not know our spans, and nobody would notice."""
    counter = build(
        {GOOD: "glad", DOUBTFUL: "?sad"}, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **SOON}
    )
    for number, text in enumerate((GOOD, DOUBTFUL)):
        counter.call("POST", "/v1/records/feel", {"id": f"n{number}", "text": text})
    counter.stop()
    known = _package_names()
    assert schemas.Schemas.V1_44_0.value.endswith(names.CORE)
    heard = receiver.names() - {""}
    assert {names.DURATION, names.USED_INPUT, names.PROVIDER, names.HTTP_ROUTE} <= heard
    ours = {name for name in heard if name.startswith("roadworthy.")}
    table = {
        value
        for value in vars(names).values()
        if isinstance(value, str) and re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", value)
    }
    assert heard <= table
    theirs = {name for name in table if not name.startswith("roadworthy.")}
    assert theirs - known.keys() - names.NOT_IN_CORE == set()
    assert heard - theirs - ours == set()
    gone = {name for name in theirs & known.keys() if "Deprecated" in known[name]}
    assert all("Moved to the [OpenTelemetry GenAI" in known[name] for name in gone)


def test_what_the_package_does_not_hold_is_still_missing_there() -> None:
    """The list of names that came after the package would hide a slip once the package has them."""
    assert names.NOT_IN_CORE & _package_names().keys() == set()


def test_every_provider_has_the_conventions_name_for_it() -> None:
    """A model of a known provider would be told apart by a name that nobody else uses."""
    known = set(_package_values("GenAiProviderNameValues"))
    assert names.PROVIDERS.keys() == PROVIDERS.keys()
    assert set(names.PROVIDERS.values()) <= known
    operations = set(_package_values("GenAiOperationNameValues"))
    models = [
        "openai:gpt-5",
        "openai-embeddings:x",
        "gemini:x",
        "vertex:claude-x",
        "vertex:gemini-x",
        "m@http://h/v1",
        "student:s",
        "f",
    ]
    assert {names.named(model)[2] for model in models} <= operations


def _package_values(kind: str) -> list[str]:
    found = getattr(import_module(f"{incubating.__name__}.gen_ai_attributes"), kind)
    return [one.value for one in found]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more", True),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("<script>", False),
    ],
    ids=["good", "newer", "forbidden-version", "no-trace", "no-parent", "upper", "hostile"],
)
def test_only_a_traceparent_that_is_one_is_taken(text: str, good: bool) -> None:  # noqa: FBT001 - a test's case
    """What a stranger sends would become an id."""
    assert (read_traceparent(text) is not None) is good


def test_where_traces_go_is_what_every_opentelemetry_program_reads() -> None:
    """A team would have to learn other names than it knows."""
    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}
    assert named_receiver(base) == ("http://c:4318/v1/traces", "http://c:4318/v1/metrics")
    assert named_receiver({**base, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x"}) == (
        "http://t/x",
        "http://c:4318/v1/metrics",
    )
    assert named_receiver({**base, "OTEL_SDK_DISABLED": "true"}) is None
    assert named_receiver({}) is None
    assert Settings().telemetry_content == 0
