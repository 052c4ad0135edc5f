"""Every setting in one table: name, default, unit, what it means, where the default comes from.

Environment names, the settings page and the arguments of `App(settings={...})` come from this table.
A value is read once, when an `App` starts to work; importing reads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from roadworthy._errors import WrongUse
from roadworthy._settings_doors import OURS, DoorSettings
from roadworthy._settings_doors import count as _count
from roadworthy._settings_doors import row as _row

PREFIX = "ROADWORTHY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(DoorSettings):
    """The limits and rates of one app; each is one row of docs/settings.md."""

    file_bytes_max: int = _count(4_000_000_000, "bytes", "an input file larger than this is refused", OURS)
    line_bytes_max: int = _count(4_000_000, "bytes", "a longer line is rejected, the run goes on", OURS)
    field_chars_max: int = _count(1_000_000, "characters", "a longer text field is rejected", OURS)
    json_depth_max: int = _count(64, "levels", "deeper JSON is refused, in records and in answers", OURS)
    folder_files_max: int = _count(1_000_000, "files", "a folder with more files is refused as input", OURS)
    document_bytes_max: int = _count(100_000_000, "bytes", "a larger document is rejected unread", OURS)
    document_pages_max: int = _count(2_000, "pages", "a PDF with more pages is rejected", OURS)
    document_scans_max: int = _count(
        0,
        "pages",
        "pages of a PDF without text that are rendered as images; 0 = none, a scan is rejected",
        OURS,
    )
    document_scan_side: int = _count(
        1_568, "pixels", "longer side of a page that is rendered", "Anthropic, vision: scaled down beyond"
    )
    document_chars_max: int = _count(60_000_000, "characters", "a document with more text is rejected", OURS)
    document_held_chars: int = _count(
        250_000, "characters", "a document with more text is kept in pieces and never held whole", OURS
    )
    document_depth_max: int = _count(20, "levels", "an e-mail with deeper parts is rejected", OURS)
    document_cpu_s: float = _row(60.0, "seconds", "processor time to read one document", OURS)
    document_memory_bytes: int = _count(
        2_000_000_000, "bytes", "address space of the process that reads documents", OURS
    )
    archive_bytes_max: int = _count(200_000_000, "bytes", "what a DOCX may expand to, all its files", OURS)
    archive_entries_max: int = _count(10_000, "files", "files in a DOCX", OURS)
    archive_ratio_max: int = _count(100, "times", "what the text of a DOCX may grow by when expanded", OURS)
    passages_tokens_max: int = _count(
        2_000, "tokens", "passages given to one question, unless its step says otherwise", OURS
    )
    passages_bytes_a_token: float = _row(
        3.5, "bytes per token", "what passages are reckoned with; English has about 4.2", OURS
    )
    passages_looked_at: int = _count(
        50, "passages", "the best by words, and by meaning, that are fused and packed", OURS
    )
    query_words_max: int = _count(64, "words", "different words of a record that are looked for", OURS)
    part_chars_max: int = _count(
        24_000, "characters", "of a split record's text in one question, unless its step says otherwise", OURS
    )
    parts_at_once: int = _count(8, "questions", "of one split record asked at the same time", OURS)
    merge_answers_max: int = _count(
        20, "answers", "merged by one question; more are merged in several rounds", OURS
    )
    images_max: int = _count(
        20, "images", "a prompt with more images rejects its record", "Bedrock: 20 a request"
    )
    image_bytes_max: int = _count(
        3_750_000, "bytes", "a prompt with a larger image rejects its record", "Bedrock: 3.75 MB an image"
    )
    image_side_max: int = _count(
        8_000,
        "pixels",
        "a prompt with a wider or higher image rejects its record",
        "Anthropic, Bedrock: 8,000",
    )
    answer_bytes_max: int = _count(1_000_000, "bytes", "a larger answer is refused before it is parsed", OURS)
    response_bytes_max: int = _count(16_000_000, "bytes", "a larger HTTP response is cut off", OURS)

    attempts_max: int = _count(
        3, "attempts", "per request, the first one included", "Google SRE book, ch. 21"
    )
    retry_budget_ratio: float = _row(
        0.1, "retries per success", "sustained retries a lane may add", "Google SRE book, ch. 21"
    )
    retry_budget_burst: int = _count(10, "retries", "tokens a lane starts with and can hold", "gRPC A6")
    backoff_base_s: float = _row(
        0.5,
        "seconds",
        "first backoff of a transient ending, full jitter",
        "AWS, Exponential backoff and jitter",
    )
    backoff_cap_s: float = _row(
        20.0, "seconds", "longest backoff of a transient ending", "AWS, Exponential backoff and jitter"
    )
    throttle_floor_s: float = _row(1.0, "seconds", "shortest pause after a 429 without Retry-After", OURS)
    retry_after_cap_s: float = _row(
        300.0, "seconds", "a longer Retry-After parks the record instead of waiting", OURS
    )

    connect_timeout_s: float = _row(5.0, "seconds", "to open a connection", "openai SDK's default")
    stream_idle_s: float = _row(
        60.0,
        "seconds",
        "a stream that has begun may bring no byte for this long; an answer that comes whole may take its whole attempt",
        "observed: projects chose 60 to 120 s",
    )
    event_bytes_max: int = _count(1_000_000, "bytes", "a larger event breaks its stream", OURS)
    pool_idle_s: float = _row(
        20.0, "seconds", "an idle connection is kept this long; below the servers' own", OURS
    )
    attempt_timeout_s: float = _row(300.0, "seconds", "one attempt, from send to last byte", OURS)
    record_deadline_s: float = _row(
        900.0, "seconds", "all attempts of one step of one record, waiting for money apart", OURS
    )

    breaker_failures: int = _count(
        5, "endings", "transient endings in a row that open a lane's breaker", "Envoy outlier detection"
    )
    breaker_open_s: float = _row(
        30.0, "seconds", "first time a breaker stays open; doubles each time", "Envoy outlier detection"
    )
    breaker_open_cap_s: float = _row(
        600.0,
        "seconds",
        "longest time a breaker stays open; after as long a lane that was closed, but for its bill, is tried again",
        OURS,
    )

    lane_concurrency_start: int = _count(
        8, "requests", "in flight per lane at the start; doubles with each round trip until throttled", OURS
    )
    lane_concurrency_max: int = _count(1_000, "requests", "in flight per lane at most", OURS)
    turn_replies_max: int = _count(
        40,
        "replies",
        "that go on in one turn of the event loop; what comes with them goes on in the next",
        OURS,
    )
    lane_decrease: float = _row(
        0.7, "factor", "concurrency after a throttled ending", "AIMD; Netflix concurrency-limits"
    )
    lane_requests_per_minute: int = _count(
        0, "requests per minute", "0 = learned from the provider's headers only", OURS
    )
    lane_tokens_per_minute: int = _count(
        0, "tokens per minute", "0 = learned from the provider's headers only", OURS
    )

    concurrency: int = _count(
        64,
        "records",
        "records worked on at the same time; 1,000 at most, or lane_concurrency_max where it is more",
        OURS,
    )
    queue_max: int = _count(512, "records", "records read ahead of the workers", OURS)
    intake_batch: int = _count(256, "records", "records taken into the ledger per transaction", OURS)
    intake_bytes_max: int = _count(
        16_000_000, "bytes", "a transaction of intake ends early when its records have so many", OURS
    )
    plan_records_max: int = _count(
        5_000,
        "records",
        "`plan` looks at so many different records of a longer input and estimates the rest",
        OURS,
    )
    plan_bytes_max: int = _count(
        100_000_000,
        "bytes",
        "`plan` looks at fewer records where they would be larger than this together",
        OURS,
    )
    plan_attempts_max: int = _count(
        20_000,
        "attempts",
        "`plan` learns what records cost from about so many of a job's attempts, drawn evenly; up to twice as many",
        OURS,
    )
    queue_record_bytes_max: int = _count(
        100_000, "bytes", "a larger record is read back from the ledger when its turn comes", OURS
    )
    park_rounds_max: int = _count(
        5,
        "rounds",
        "parked records re-enter this often while a provider answers others, or money is lost unseen, and none moves",
        OURS,
    )
    park_pause_s: float = _row(1.0, "seconds", "pause between two rounds of parked records", OURS)
    key_look_s: float = _row(2.0, "seconds", "a key that was refused is read again this often", OURS)
    patience_s: float = _row(
        1_800.0, "seconds", "a run waits this long for a provider, then stops with status 3", OURS
    )
    crash_loop_deaths: int = _count(
        3, "deaths", "a record in flight at this many process deaths is failed", OURS
    )
    reask_guard_share: float = _row(
        0.1, "share", "an edit that re-asks more than this share of answered records wants --yes", OURS
    )

    output_tokens_default: int = _count(
        1_024, "tokens", "output cap for a schema with text of no stated length", OURS
    )
    output_tokens_floor: int = _count(64, "tokens", "smallest output cap that is derived from a schema", OURS)
    framing_tokens: int = _count(
        256, "tokens", "added to the byte bound for a provider's own message framing", OURS
    )

    gate_sample: int = _count(
        3_000,
        "records",
        "run in shadow for a candidate; equals that differ on 2 % need 2,000 on average",
        OURS,
    )
    gate_delta: float = _row(
        0.05, "chance", "of any wrong promotion, over all candidates against one version of a step", OURS
    )
    gate_open_max: int = _count(
        50, "questions", "of one gate in the queue at a time; the next ones come when these are ruled", OURS
    )

    audit_share: float = _row(
        0.05, "share", "of accepted answers, audited where a step has `max_error` and names no share", OURS
    )
    certificate_confidence: float = _row(0.95, "share", "confidence that a certificate is stated with", OURS)
    certificate_look_s: float = _row(
        1.0, "seconds", "a run looks this often at most whether a step is certified", OURS
    )
    example_bytes_max: int = _count(
        4_000, "bytes", "a longer example is not shown to a model; a token is at least one byte", OURS
    )
    threshold_confidence: float = _row(
        0.95, "share", "confidence that thresholds are proved with on labels, over all uses of delta", OURS
    )
    state_look_s: float = _row(
        1.0,
        "seconds",
        "a run looks this often at most whether `learn --apply` advanced the app's state",
        OURS,
    )
    second_reader_share: float = _row(
        0.0, "share", "of audits, put to a second reader who does not see the first one's ruling", OURS
    )
    alarm_every: float = _row(
        5_000.0, "audited labels", "between two false alarms of a step, on average at least", OURS
    )
    warning_every: float = _row(
        1_000.0, "readings", "between two false warnings of a step, on average at least", OURS
    )
    reading_answers: int = _count(
        500, "answers", "of a step in one reading, which is compared with the earlier ones", OURS
    )
    warning_share_factor: float = _row(
        2.0,
        "factor",
        "what the audit share of a step is multiplied with while a warning or an alarm stands",
        OURS,
    )
    review_usd: float = _row(
        0.5, "USD", "what one ruling of a person costs; `plan` prices people's work with it", OURS
    )

    vet_call_s: float = _row(
        20.0, "seconds", "`vet` waits this long for one call of a plain function, then ends its process", OURS
    )
    vet_silence_s: float = _row(
        60.0,
        "seconds",
        "`vet`: a plain function whose provider says nothing is to be back within this long",
        "nginx proxy_read_timeout, AWS load balancers' idle timeout",
    )
    vet_memory_bytes: int = _count(
        8_000_000_000, "bytes", "address space of the process that holds a plain function", OURS
    )
    vet_file_bytes: int = _count(
        200_000_000, "bytes", "the largest file that a plain function may write while it is tested", OURS
    )
    consistency_min: float = _row(
        0.9,
        "share",
        "`vet`: of accepted answers, those that must survive when a record is said differently",
        OURS,
    )

    retention_days: float = _row(90.0, "days", "`gc` removes contents that were not seen for this long", OURS)
    cancel_look_s: float = _row(1.0, "seconds", "a run looks this often whether someone cancelled it", OURS)
    cancel_grace_s: float = _row(
        10.0, "seconds", "a cancelled run waits this long for what is on the wire", OURS
    )
    compact_shared_bytes_max: int = _count(
        500_000_000, "bytes", "a larger ledger is compacted only while no other process works on it", OURS
    )

    commit_rows_max: int = _count(128, "changes", "changes in one transaction of the writer", OURS)
    lease_s: float = _row(
        30.0, "seconds", "a process on a Postgres ledger that is silent so long is taken for dead", OURS
    )
    ledger_busy_s: float = _row(30.0, "seconds", "to wait for another process's transaction", OURS)


DEFAULTS = Settings()


def read_settings(
    given: Mapping[str, float | int] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The table's defaults, overlaid by `ROADWORTHY_<NAME>` from the environment, overlaid by `given`.

    Raises:
        WrongUse: a name that is not in the table, or a value that is not a number >= 0.
    """
    environ = os.environ if environ is None else environ
    kinds = {row.name: type(row.default) for row in fields(Settings)}
    values: dict[str, float] = {}
    for name, kind in kinds.items():
        text = environ.get(PREFIX + name.upper())
        if text is not None:
            values[name] = _number(PREFIX + name.upper(), text, kind)
    for name, value in (given or {}).items():
        if name not in kinds:
            raise WrongUse(f"There is no setting {name!r}. docs/settings.md lists all of them.")
        values[name] = _number(name, value, kinds[name])
    return Settings(**values)  # type: ignore[arg-type] # each value has the type of its row's default


def _number(name: str, value: object, kind: type) -> float:
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):  # of infinity no whole number is made
        number = -1
    # Of 7.9 a whole number is made, and it is another one.
    is_cut = kind is int and not isinstance(value, str) and number != value
    if number < 0 or number != number or is_cut:  # noqa: PLR0124 - NaN is the number that differs from itself
        raise WrongUse(
            f"{name} is {value!r}. Give {'a whole number' if kind is int else 'a number'} of 0 or more."
        )
    return float(number) if kind is float else int(number)
