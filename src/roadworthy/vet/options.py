"""How a simulated provider is set up, in one table for the class, the child process and the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TypedDict

from roadworthy.vet.connection import Limits
from roadworthy.vet.recording import read_rows
from roadworthy.vet.script import Script, read_spec


class Options(TypedDict, total=False):
    """Everything that can be said of a simulated provider; each key may be left out.

    Attributes:
        answers: a JSONL file of recorded answers (`.gz` is unpacked), several of them, or the rows themselves.
        text_field: the field of a row that holds the question's text; `text`.
        wrap: a plain string answer becomes `{wrap: answer}`; as it is.
        loose: a text that is not found as it is, is looked for by its letters and digits alone.
        default_answer: what is said to an unrecorded question; made up from the request's schema.
        stand_in: how texts are made up: `plain`, a fixed word; `copied`, words of the question; `invented`, words
            that are in no question, and the largest numbers; plain.
        fallback_schema: a JSON Schema, as text, for made-up answers to requests that bring none.
        host: the address to listen on; 127.0.0.1.
        port: 0 lets the system choose.
        seed: all chance comes from it; 0.
        latency_ms: median milliseconds until the first byte; 0.
        latency_spread: sigma of the latency's log-normal law; 0 is a constant.
        faults: `mixed:0.10`, `429=0.05,fenced=0.01`, `@script.json`, or an object of rates by kind.
        in_a_row_max: faults in transit that the same bytes meet in a row at most; 2. 0 for no limit.
        aliases: the recorded model whose answers a requested model gives.
        prices: `INPUT,OUTPUT` in USD per million tokens by requested model.
        requests_per_minute: a real rate limit per model; 0 for none.
        tokens_per_minute: a real rate limit per model; 0 for none.
        idle_s: an idle connection is closed after this many seconds; 75.
        silence_s: how long `hang`, `trickle`, `pings` and a silent stream last at most, in seconds; 120.
        trickle_s: seconds between two bytes of `trickle`, and between two `pings`; 1.
    """

    answers: str | Path | Sequence[str | Path | Mapping[str, object]]
    text_field: str
    wrap: str
    loose: bool
    default_answer: str
    stand_in: str
    fallback_schema: str
    host: str
    port: int
    seed: int
    latency_ms: float
    latency_spread: float
    faults: str | Mapping[str, object]
    in_a_row_max: int
    aliases: Mapping[str, str]
    prices: Mapping[str, str]
    requests_per_minute: int
    tokens_per_minute: int
    idle_s: float
    silence_s: float
    trickle_s: float


def rows_of(options: Options) -> Iterator[Mapping[str, object]]:
    """The rows of recorded answers, from files and as given.

    Raises:
        WrongUse: a file cannot be read.
    """
    answers = options.get("answers", ())
    text_field = options.get("text_field", "text")
    parts = [answers] if isinstance(answers, str | Path) else answers
    return chain.from_iterable(
        read_rows(Path(part), text_field=text_field) if isinstance(part, str | Path) else (part,)
        for part in parts
    )


def script_of(options: Options) -> Script:
    """The script to begin with; what a script file says comes before the other options.

    Raises:
        WrongUse: an unknown name or kind, or a value that makes no sense.
    """
    faults = options.get("faults", "")
    change = read_spec(faults) if isinstance(faults, str) else {"faults": faults}
    given: dict[str, object] = {
        "seed": options.get("seed", 0),
        "latency_ms": options.get("latency_ms", 0),
        "latency_spread": options.get("latency_spread", 0),
        "in_a_row_max": options.get("in_a_row_max", 2),
    }
    return Script().changed({**given, **change})


def limits_of(options: Options) -> Limits:
    """The server's bounds."""
    base = Limits()
    return Limits(
        idle_s=options.get("idle_s", base.idle_s),
        silence_s=options.get("silence_s", base.silence_s),
        trickle_s=options.get("trickle_s", base.trickle_s),
    )
