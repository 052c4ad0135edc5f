"""Settings of what stands around a run: provider batches, the service, workers, telemetry, shared limits."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field

OURS = "our choice"


def row(default: float, unit: str, help_: str, source: str) -> float:
    """A number with its unit, what it means, and where the default comes from."""
    return dataclass_field(default=default, metadata={"unit": unit, "help": help_, "source": source})


def count(default: int, unit: str, help_: str, source: str) -> int:
    """The same for a whole number."""
    return dataclass_field(default=default, metadata={"unit": unit, "help": help_, "source": source})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """Rows of the table; `Settings` holds them with all others."""

    batch_calls_max: int = count(
        50_000, "calls", "in one batch", "OpenAI, batch guide: 50,000; Anthropic takes 100,000"
    )
    batch_bytes_max: int = count(64_000_000, "bytes", "of one batch's input, held in memory while sent", OURS)
    batch_openai_bytes_max: int = count(
        200_000_000, "bytes", "of an OpenAI batch's input file", "OpenAI, API reference: batches, 200 MB"
    )
    batch_anthropic_bytes_max: int = count(
        256_000_000, "bytes", "of an Anthropic batch", "Anthropic, message batches: 256 MB"
    )
    batch_gemini_bytes_max: int = count(
        20_000_000, "bytes", "of a Gemini batch, sent inline", "Google, Gemini API: batch, inline below 20 MB"
    )
    batch_results_bytes_max: int = count(
        400_000_000, "bytes", "a larger answer about a batch is cut off; results in files are streamed", OURS
    )
    batch_transfer_s: float = row(900.0, "seconds", "to send a batch, or to fetch its results", OURS)
    batch_hours_max: float = row(
        50.0,
        "hours",
        "a batch that has not ended by then is cancelled",
        "OpenAI and Anthropic end one after 24 h, Gemini after 48 h",
    )
    batch_poll_s: float = row(
        10.0, "seconds", "until a batch is looked at; doubles each time nothing changed", OURS
    )
    batch_poll_cap_s: float = row(300.0, "seconds", "between two looks at a batch at most", OURS)
    batch_unseen_s: float = row(
        180.0,
        "seconds",
        "a batch whose creation nobody saw is looked for this long before its calls are sent again",
        OURS,
    )
    batch_tries_max: int = count(
        3, "batches", "one request goes through when it gets no answer; then the next model", OURS
    )
    batch_slice: int = count(256, "calls", "results of a batch imported in one transaction", OURS)
    batch_cancel_wait_s: float = row(
        10.0, "seconds", "`cancel` waits this long for cancelled batches to end", OURS
    )
    batch_sample: int = count(
        300,
        "answers",
        "of a batch that people label before anything is looked for: a fixed random sample",
        OURS,
    )
    batch_delta: float = row(
        0.1, "chance", "of a false certificate of a batch, over all batches of one job", OURS
    )

    serve_records_max: int = count(
        1_000, "records", "worked on for callers at the same time; more are answered 429", OURS
    )
    serve_wait_s: float = row(
        60.0, "seconds", "a caller waits this long for an outcome, then gets 202 and an address", OURS
    )
    serve_connections_max: int = count(
        4_000, "connections", "open at the same time; further callers are answered 503 and hung up on", OURS
    )
    serve_header_s: float = row(
        10.0, "seconds", "a request's headers come whole within this time, else 408", OURS
    )
    serve_header_bytes_max: int = count(
        32_768, "bytes", "of a request's line and headers; larger ones are answered 431", OURS
    )
    serve_idle_s: float = row(
        75.0,
        "seconds",
        "a connection without a request stays open; longer than clients keep theirs, so that none is closed under a request",
        "nginx keepalive_timeout; httpx drops its own after 5 s",
    )
    serve_keys_s: float = row(
        1.0, "seconds", "the service believes for this long what the ledger says of keys", OURS
    )
    serve_body_s: float = row(30.0, "seconds", "a request's body comes whole within this time", OURS)
    serve_look_s: float = row(
        2.0,
        "seconds",
        "the service looks this often for rulings, and for records that were left behind",
        OURS,
    )
    serve_again_s: float = row(
        10.0, "seconds", "a record that waits for budget or a provider re-enters this often", OURS
    )
    serve_drain_s: float = row(
        20.0, "seconds", "a service that is told to end waits this long for what is on the wire", OURS
    )

    work_drain_s: float = row(
        20.0, "seconds", "a worker that is told to end waits this long for what is on the wire", OURS
    )

    worker_restart_s: float = row(
        1.0, "seconds", "before a worker that died is placed again; doubles while they die at once", OURS
    )
    worker_losses_max: int = count(
        20, "deaths", "workers that died in a row without a record done: the run stops with status 3", OURS
    )

    telemetry_share: float = row(
        1.0, "share", "of traces that are sent; a caller's own decision in `traceparent` stands", OURS
    )
    telemetry_content: int = count(
        0, "switch", "1 sends what models are told and answer, and records' keys, with the traces", OURS
    )
    telemetry_queue_max: int = count(
        4_096, "spans", "that wait to be sent; more are dropped", "OTEL_BSP_MAX_QUEUE_SIZE is 2,048"
    )
    telemetry_every_s: float = row(
        5.0, "seconds", "between two batches of traces, and of metrics", "OTEL_BSP_SCHEDULE_DELAY is 5 s"
    )
    telemetry_close_s: float = row(
        5.0, "seconds", "the end of a run waits this long for the receiver of its traces", OURS
    )

    share_ahead_s: float = row(
        1.0,
        "seconds",
        "of a provider's rate that a process may hold before its time; bounds what a death burns",
        OURS,
    )
    share_slice_s: float = row(
        0.25,
        "seconds",
        "of a provider's rate that a busy process takes from the ledger at a time, at most",
        OURS,
    )
    share_look_s: float = row(
        1.0, "seconds", "a process looks this often whether others found a provider down or up again", OURS
    )
