"""Stage `explanation`: the story of each record is whole, and agrees with what the provider saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.stage import Stage

if TYPE_CHECKING:
    from roadworthy.observe.story import Story, Tried
    from roadworthy.vet.bill import LoggedRequest
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Attempt

_RECORDS: Final = 30
_SHOWN: Final = 5
_FAULTS: Final = {"mixed": 0.3}
_NUMBER_DIGITS: Final = 8
_STORY: Final = "`why` tells a record's whole story: what was asked, each attempt with reply, tokens, price and ending, and why it stands where it stands."
_JOINED: Final = "The ledger and the provider agree: no request without its attempt, no attempt with other tokens or another price."


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=4))
    if not samples:
        for name, promise in (("story", _STORY), ("joined", _JOINED)):
            yield not_tested(name, promise, "The input holds no usable record.")
        return
    with bench.trial([sample.line for sample in samples], {"faults": _FAULTS}) as trial:
        ran = trial.run()
        told = trial.stories([sample.key for sample in samples])
        status, printed, said, _ = trial.give(["why", trial.target, samples[0].key], {})
        attempts = trial.attempts()
    holes = [f"{key}: {hole}" for key, story in told.items() for hole in holes_in(story)]
    if status != 0 or samples[0].key.encode() not in printed:
        holes.append(f"{samples[0].key}: why ended with status {status}: {said[-100:]}")
    yield Finding(
        name="story",
        promise=_STORY,
        tried=f"the stories of {len(told)} records, asked of a provider that fails in one request of three",
        times=len(told),
        happened="Every story is whole." if not holes else f"{len(holes)} pieces are missing.",
        grade=Grade.FAIL if holes or not told else Grade.PASS,
        evidence=tuple(holes[:_SHOWN]),
        reproduce=bench.again("explanation"),
        advice="This is a fault of Roadworthy or of its ledger: report it with this page." if holes else "",
    )
    yield _joined(bench, attempts, ran.requests)


def holes_in(story: Story | None) -> Iterator[str]:
    """What a story leaves open."""
    if story is None:
        yield "there is no story"
        return
    record = story.record
    if record.outcome == "accepted" and record.value is None:
        yield "accepted without an answer"
    if record.outcome in {"failed", "rejected"} and not record.reason:
        yield f"{record.outcome} without a reason"
    if record.outcome == "waiting" and not record.waiting_for:
        yield "waiting, and nobody knows for what"
    asked = {question.id for question in story.questions if question.messages}
    for tried in story.attempts:
        yield from (f"attempt {tried.id}: {hole}" for hole in _holes_in_attempt(tried, asked))


def _holes_in_attempt(tried: Tried, asked: set[int]) -> Iterator[str]:
    if tried.question_id not in asked:
        yield "nobody knows what was asked"
    if tried.state == "intent":
        yield "it never ended"
        return
    if not tried.ending:
        yield "it has no ending"
    if tried.cost_usd is None and tried.state != "unsent":
        yield "it has no price"
    if tried.ending == "ok" and tried.reply is None:
        yield "it has no reply"
    if tried.ending == "ok" and tried.provider_id and tried.input_tokens is None:
        yield "it has no tokens"


def _joined(bench: Bench, attempts: Sequence[Attempt], requests: Sequence[LoggedRequest]) -> Finding:
    functions = {model.name for model in bench.declared.models if model.is_function}
    seen = [attempt for attempt in attempts if attempt.model not in functions]
    if not seen or not requests:
        return not_tested(
            "joined",
            _JOINED,
            "Every model is a function of the team's own: which requests it sends for an attempt cannot be seen."
            if functions
            else "The provider was asked nothing.",
        )
    wrong = list(disagreements(seen, requests))
    if functions:
        wrong = [line for line in wrong if "no attempt" not in line]
    return Finding(
        name="joined",
        promise=_JOINED,
        tried="every request in the provider's log against every attempt in the ledger",
        times=len(requests),
        happened="They agree, request by request." if not wrong else "They disagree.",
        grade=Grade.FAIL if wrong else Grade.PASS,
        measured=tuple(wrong[:_SHOWN]),
        reproduce=bench.again("explanation"),
        advice="Call models through the step alone: what a prompt, a check or a function asks on its own is in no story."
        if wrong
        else "",
    )


def disagreements(attempts: Sequence[Attempt], requests: Sequence[LoggedRequest]) -> Iterator[str]:
    """Requests and attempts that do not belong together; the provider's name of an answer ends in its number."""
    sent = sum(attempt.state in {"settled", "unknown"} for attempt in attempts)
    if sent < len(requests):
        yield f"{len(requests)} requests arrived, {sent} attempts were sent: {len(requests) - sent} have no attempt"
    by_number = {number_of(attempt): attempt for attempt in attempts if attempt.provider_id}
    for request in requests:
        if not (request.billed and request.written and request.status == 200):
            continue
        found = by_number.get(request.n)
        if found is None:
            if not request.fault:
                yield f"request {request.n} was answered and billed, and no attempt knows of it"
            continue
        if (found.input_tokens, found.output_tokens) != (request.input_tokens, request.output_tokens):
            yield f"request {request.n}: billed {request.input_tokens} + {request.output_tokens} tokens, the attempt has others"
        if request.cost_usd is not None and found.cost_usd != request.cost_usd:
            yield f"request {request.n}: billed {request.cost_usd} USD, the attempt says {found.cost_usd}"


def number_of(attempt: Attempt) -> int | None:
    """The provider's request that the attempt was; None where no answer came."""
    return int(attempt.provider_id[-_NUMBER_DIGITS:], 16) if attempt.provider_id else None


EXPLANATION: Final[Stage[Bench]] = Stage(
    "explanation", "Explanation", "Can every answer be explained, to the last request?", _trial
)
