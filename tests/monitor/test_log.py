"""What is written on standard error, and the one place that it passes."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.monitor.conftest import Build
from tests.serve.counter import Counter

from roadworthy._events import (
    AttemptEnded,
    Event,
    LaneChanged,
    Noted,
    RecordBegan,
    RecordEnded,
    RequestBegan,
    RequestEnded,
    StepBegan,
    StepEnded,
    hears_spans,
    silence,
)
from roadworthy._secret import Secret, struck_out
from roadworthy._settings import Settings
from roadworthy.call.price import pico
from roadworthy.observe.log import Log
from roadworthy.observe.progress import Progress
from roadworthy.observe.receiver import EVERYTHING, Several, listen
from roadworthy.observe.sink import Sink, capture_logging, redacted, worded

GOOD, DOUBTFUL = "what a day", "hm"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _rows(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Puts the libraries' log back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = before, level
    logging.captureWarnings(capture=False)


def test_each_line_leads_to_the_ledger_and_to_the_trace() -> None:
    """Somebody who reads a line could not find the record, the call or the trace that it is about."""
    out = io.StringIO()
    tell, _ = listen(Several(Log(out, now=lambda: 12.0)), "shop", {}, Settings())
    for event in (
        RequestBegan("POST", f"00-{TRACE}-00f067aa0ba902b7-01"),
        RecordBegan(7, 3, "K", "feel"),
        StepBegan("feel"),
        AttemptEnded("openai:small", "throttled", 0, 0.5, attempt=11),
        StepEnded("accept"),
        RecordEnded("K", "accepted", reused=False),
    ):
        tell(event)
    attempt, record = _rows(out)
    assert attempt == {
        "at": 12.0,
        "level": "warning",
        "event": "attempt",
        "trace": TRACE,
        "step": "feel",
        "run": 3,
        "record": 7,
        "call": 11,
        "model": "openai:small",
        "ending": "throttled",
        "seconds": 0.5,
        "cost_usd": 0.0,
    }
    assert (record["record"], record["outcome"], record["trace"]) == (7, "accepted", TRACE)
    assert '"K"' not in out.getvalue()


def test_listeners_hear_what_they_name_and_others_everything() -> None:
    """Metrics that were joined to a log after the first event would hear nothing, or the log would miss what they miss."""
    heard: list[tuple[str, Event]] = []

    class Choosy:
        hears = frozenset({StepEnded})

        def __call__(self, event: Event) -> None:
            heard.append(("choosy", event))

    began, ended = StepBegan("feel"), StepEnded("accept")
    tell = Several(lambda event: heard.append(("all", event)))
    tell(ended)
    tell.add(Choosy())
    tell(began)
    tell(ended)
    assert heard == [("all", ended), ("all", began), ("all", ended), ("choosy", ended)]


def test_who_hears_everything_is_told_of_spans() -> None:
    """A log or a trace would miss steps and calls, or a run would make events that nobody looks at."""
    everything = Several(Progress(0, None))  # metrics or a log may join it later
    for hears in (lambda _event: None, Log(io.StringIO()), everything):
        assert hears_spans(hears)
    traced, _ = listen(Progress(0, None), "shop", {EVERYTHING: "http://127.0.0.1:9"}, Settings())
    assert hears_spans(traced)
    assert not hears_spans(Progress(0, None))
    assert not hears_spans(silence)


def test_a_request_is_one_line_with_its_pattern() -> None:
    """The log would hold what stands in paths, which is records' keys."""
    out = io.StringIO()
    tell, _ = listen(Several(Log(out)), "shop", {}, Settings())
    tell(RequestBegan("GET", ""))
    tell(RequestEnded(404, "/v1/records/{key:any}", 0.25))
    (row,) = _rows(out)
    assert (row["request"], row["status"], row["seconds"]) == ("GET /v1/records/{key:any}", 404, 0.25)


def test_a_log_does_not_repeat_what_a_provider_says() -> None:
    """An error that quotes a record would bring its words into every log store."""
    lane = LaneChanged("host/small/ab", "closed", "auth: you said: my secret diary")
    note = Noted("the run stops: my secret diary", "the run stops")
    for listener, out in _both():
        listener(lane)
        listener(note)
        assert "diary" not in out.getvalue()
        assert "auth" in out.getvalue()
        assert "the run stops" in out.getvalue()
    shown = io.StringIO()
    Progress(0, None, shown)(lane)
    assert "diary" in shown.getvalue(), "whoever runs a command sees why it stops"


def _both() -> Iterator[tuple[Log | Progress, io.StringIO]]:
    for made in (Log, lambda out: Progress(0, None, out, details=False)):
        out = io.StringIO()
        yield made(out), out


@pytest.mark.fault("E15")
def test_a_line_stays_one_line() -> None:
    """A record or a provider could write lines of its own into a log, or steer the terminal of whoever reads it."""
    hostile = 'x\n{"level":"info","event":"forged"}\r\x1b[2J\u202e\u2028end'
    out = io.StringIO()
    Log(out)(Noted(hostile))
    assert len(_rows(out)) == 1
    assert not any(mark in out.getvalue()[:-1] for mark in ("\n", "\r", "\x1b", "\u202e", "\u2028"))
    plain = io.StringIO()
    Progress(0, None, plain)(LaneChanged("a\x1b[31m", "closed", "b\x1b]0;c"))
    assert "\x1b" not in plain.getvalue()


@pytest.mark.fault("E13")
def test_a_secret_is_struck_out_however_it_is_written() -> None:
    """A key would stand in a log as it looks in a URL, in JSON or in base64."""
    value = 'p/q+r"s=t&uvw'
    secret = Secret(value)
    written = [value, "p%2Fq%2Br%22s%3Dt%26uvw", 'p/q+r\\"s=t&uvw', "cC9xK3Iicz10JnV2dw=="]
    for text in written:
        assert text not in redacted(f"before {text} after")
        assert redacted(f"before {text} after").startswith("before ")
    assert struck_out(f"a {value} b") == "a *** b"
    assert value not in repr(secret)
    out = io.StringIO()
    Sink(out).write(f"{value}\n")
    assert out.getvalue() == "***\n"


@pytest.mark.fault("E14")
def test_an_error_of_a_library_is_told_without_its_words(quiet: None) -> None:
    """A traceback would quote the record that broke something."""
    out = io.StringIO()
    capture_logging(Log(out))
    with pytest.raises(ValueError, match="diary") as caught:
        _breaks()
    assert "diary" not in worded(caught.value)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=caught.value)
    (row,) = _rows(out)
    assert (row["event"], row["logger"], row["level"]) == ("library", "uvicorn.error", "error")
    assert str(row["error"]).startswith("ValueError (15 bytes, ")
    assert "test_log.py" in str(row["error"])
    assert "diary" not in out.getvalue()


def test_a_reader_that_is_gone_stops_nothing() -> None:
    """A broken pipe on standard error would end a run."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    Log(Broken())(Noted("anything"))


def test_a_run_and_a_service_write_json_where_asked(build: Build) -> None:
    """A log collector would get lines for people, or none."""
    counter = build({GOOD: "glad", DOUBTFUL: "?sad"}, "later")
    counter.sim.script({"faults": {"500": 1.0}, "last": 1})
    place = counter.folder / "in.jsonl"
    place.write_text(json.dumps({"id": "n1", "text": GOOD}) + "\n")
    done = _run(counter, place)
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert [row["event"] for row in rows] == ["attempt", "retry", "record"]
    assert {row["record"] for row in rows} == {1}
    assert len({row["trace"] for row in rows}) == 1
    assert json.loads(done.stdout)["accepted"] == 1
    counter.start("--log", "json")
    counter.call("POST", "/v1/records/feel", {"id": "n2", "text": DOUBTFUL})
    rows = [json.loads(line) for line in counter.stop().splitlines()]
    assert [row["event"] for row in rows] == ["record", "request"]
    assert (rows[0]["outcome"], rows[0]["waiting_for"]) == ("waiting", "review")
    assert rows[0]["trace"] == rows[1]["trace"]


def _breaks() -> None:
    raise ValueError("my secret diary")


def _run(counter: Counter, place: Path) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", "roadworthy", "run", "shop.py:feel", str(place), "--json", "--log", "json"],
        cwd=counter.folder,
        env=counter.surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_progress_says_a_small_budget_as_it_was_given() -> None:
    """A cap of less than a cent would be shown as 0.00 USD: a run that goes on would look as if nothing stopped it."""
    out = io.StringIO()
    progress = Progress(0, pico("0.004"), out)
    progress._next = 0.0
    progress(RecordEnded("T-1", "accepted", reused=False, spent_pico=1_700_000_000))
    assert "0.0017 of 0.004 USD" in out.getvalue()
