"""`why`: one record's story, told to someone who has never seen the project."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending
from roadworthy.observe.story import Asked, Reviewed, Story, Tried
from roadworthy.observe.visible import shortened, visible

SHORT = 2_000
_VERDICTS = {
    "accepted": "accepted: an answer finished, parsed, met its schema and passed its checks",
    "rejected": "rejected: it cannot be used, or a person said no",
    "failed": "failed: it ended without an acceptable answer; `run --retry failed` asks anew",
    "pending": "pending: it was read and has not been answered yet; the same run command goes on",
}
_WAITS = {
    "review": "waiting for a person: `roadworthy review APP`, then the same run command",
    "budget": "waiting for budget: the same run command with a higher --budget-usd goes on",
    "provider": "waiting for the provider: the same run command goes on when it answers again",
    "batch": "waiting for a provider's batch: the same run command fetches what came and goes on",
}
_AUDITS = {
    "passed": "it was not picked to be checked",
    "pending": "it was picked, and until a person rules it counts as wrong",
    "right": "it was picked, and a person found it right",
    "wrong": "it was picked, and a person found it wrong; their answer stands in its place",
    "disputed": "it was picked, and its readers disagree; until a third ruling it counts as wrong",
}


def tell(
    stories: list[Story],
    judged: Mapping[int, str],
    stated: Mapping[str, str] | None = None,
    *,
    full: bool = False,
) -> str:
    """The text of a record's stories, newest first; earlier versions of the record are only named.

    Args:
        judged: what today's checks say of a reply, in words, by attempt.
        stated: what is certified of a step's answers, in words, by step.
        full: nothing is shortened.
    """
    newest, *older = stories
    told = (*_lines(newest, judged, 10**9 if full else SHORT), *_audits(newest, stated or {}))
    lines = [line.replace("\n", "\n    ") for line in told]  # what others wrote begins no line of the story
    if older:
        lines += ["", f"The same key has {len(older)} more: earlier versions of its body, or other jobs:"]
        lines += [f"  version {s.record.version} in {s.job}: {s.record.outcome}" for s in older[:20]]
    return "\n".join(lines)


def _lines(story: Story, judged: Mapping[int, str], most: int) -> Iterator[str]:
    record = story.record
    stands = _WAITS.get(record.waiting_for) or _VERDICTS.get(record.outcome, record.outcome)
    yield f"{visible(record.key)} is {stands}."
    if record.reason:
        yield f"Grounds: {visible(record.reason)}"
    if record.value is not None:
        yield f"Answer: {visible(shortened(record.value, most))}"
        yield from _credit(story)
    yield f"Cost so far: {_usd(story)} USD in {record.attempts} attempts. Job: {story.job} ({story.entry})."
    yield from ("", *_input(story, most))
    for question in story.questions:
        yield from ("", *_question(question, most))
        for attempt in (tried for tried in story.attempts if tried.question_id == question.id):
            yield from ("", *_attempt(attempt, judged.get(attempt.id, ""), most))
    if record.outcome == "accepted" and not story.attempts:
        yield ""
        yield "No attempt was made for this record: its question was answered before, for another record, and paid once."
    for review in story.reviews:
        yield from ("", *_review(review, most))
    yield from _rest(story)


def _credit(story: Story) -> Iterator[str]:
    record = story.record
    parts = [f"from {record.model}"] if record.model else []
    if record.confidence is not None:
        parts.append(f"confidence {record.confidence:.2f}")
    parts.append("certified" if record.certified else "not certified")
    if record.mended:
        parts.append(f"mended without invention: {record.mended}")
    yield "  " + ", ".join(parts)


def _input(story: Story, most: int) -> Iterator[str]:
    record = story.record
    places = ", ".join(f"line {n}" + ("" if kind == "first" else f" ({kind})") for n, kind in story.lines)
    yield f"WHAT CAME IN ({places or 'from code'}, version {record.version})"
    if story.raw is not None:
        yield f"  as received: {visible(shortened(story.raw.decode('utf-8', 'backslashreplace'), most))}"
    for kind, where, before, after in story.cleanings:
        place = f" in {where}" if where else ""
        yield f"  cleaned{place} ({kind}): {visible(before)!r} -> {visible(after)!r}"
    if record.body is not None:
        yield f"  as kept: {visible(shortened(record.body, most))}"
    elif record.outcome == "rejected":
        yield "  It was never asked about: a record that cannot be used costs nothing."


def _question(question: Asked, most: int) -> Iterator[str]:
    yield f"WHAT WAS ASKED (step {question.step}, prompt version {question.version})"
    if question.passages:
        yield "  context, chosen from the step's corpus and kept with the question:"
    for passage in question.passages:
        page = "" if passage.page is None else f", page {passage.page}"
        heading = "".join(f" > {title}" for title in passage.heading)
        place = f"{passage.document}{page}{heading}, passage {passage.number}"
        yield f"    [{passage.id}] {visible(place)} ({visible(passage.grounds)})"
    for role, text in question.messages:
        name = {"system": "instructions", "examples": "examples from corrections"}.get(role, "data")
        yield f"  {name}:"
        for line in visible(shortened(text, most)).splitlines():
            yield f"    {line}"


def _attempt(tried: Tried, judged: str, most: int) -> Iterator[str]:
    at = dt.datetime.fromtimestamp(tried.at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    again = f", asked again (sample {tried.sample})" if tried.sample else ""
    yield f"ATTEMPT {tried.id}: {tried.model} at {at} UTC{again}"
    if tried.words:
        yield f"  added to the question: {visible(shortened(tried.words, most))}"
    if tried.batch:
        yield f"  {visible(tried.batch)}"
    if tried.state == "intent":
        wire = "under way" if tried.batch else "on the wire"
        yield f"  {wire}; {tried.reserved_usd:f} USD are reserved for it"
        return
    took = "" if tried.latency_s is None else f" after {tried.latency_s:.2f} s"
    yield f"  {tried.ending}{took}: {TREATMENT[Ending(tried.ending)].meaning} {TREATMENT[Ending(tried.ending)].done}"
    if tried.detail:
        yield f"  said: {visible(tried.detail)}"
    if tried.reply is not None:
        yield f"  reply ({tried.finish or 'no finish reason'}): {visible(shortened(tried.reply, most))}"
    if judged:
        yield f"  judged {visible(judged)}"
    if tried.served_model:
        yield f"  served by {visible(tried.served_model)}" + (
            f", {visible(tried.provider_id)}" if tried.provider_id else ""
        )
    yield f"  {_tokens(tried)}{_price(tried)}"


def _tokens(tried: Tried) -> str:
    if tried.input_tokens is None:
        return "no usage reported; "
    parts = f"{tried.input_tokens} tokens in"
    if tried.cached_tokens:
        parts += f" ({tried.cached_tokens} cached)"
    parts += f", {tried.output_tokens} out"
    if tried.reasoning_tokens:
        parts += f" ({tried.reasoning_tokens} reasoning)"
    return f"{parts} of at most {tried.output_cap}; "


def _price(tried: Tried) -> str:
    cost = "0" if tried.cost_usd is None else f"{tried.cost_usd:f}"
    if tried.state == "unknown":
        return f"charged {cost} USD, its reservation: nobody saw how it ended, so it may have been billed"
    if tried.state == "unsent":
        return "it never left, so it cost nothing"
    return f"cost {cost} USD of {tried.reserved_usd:f} reserved"


def _review(review: Reviewed, most: int) -> Iterator[str]:
    what = {"approval": "APPROVAL", "audit": "CHECK", "batch": "CHECK", "gate": "CHOICE"}.get(
        review.kind, "REVIEW"
    )
    yield f"{what} ({review.step}): {visible(review.grounds)}"
    if review.suggestion is not None:
        yield f"  shown to the person: {visible(shortened(review.suggestion, most))}"
    if not review.ruling:
        yield "  nobody has decided yet"
        return
    note = f": {visible(review.note)}" if review.note else ""
    yield f"  {visible(review.ruled_by)} ruled {review.ruling}{note}"
    if review.correction is not None:
        yield f"  correction: {visible(shortened(review.correction, most))}"


def _audits(story: Story, stated: Mapping[str, str]) -> Iterator[str]:
    for drawn in story.audits:
        yield from ("", f"AUDIT ({drawn.step}, epoch {drawn.epoch}): {_AUDITS[drawn.state]}")
        yield f"  its coin was drawn once, with a chance of {drawn.share:.1%}"
    for step in dict.fromkeys(drawn.step for drawn in story.audits):
        if step in stated:
            yield f"CERTIFICATE ({step}): {stated[step]}"


def _rest(story: Story) -> Iterator[str]:
    if story.label is not None:
        answer, correct, source = story.label
        said = {
            None: f"the right answer is {answer}",
            True: "its answer is right",
            False: "its answer is wrong",
        }[correct]
        yield from ("", f"LABEL ({visible(source)}): {visible(said)}")
    for name, value, done in story.onces:
        yield from ("", f"RAN ONCE: {name} -> {visible(str(value)) if done else 'begun, not finished'}")
    if story.events:
        yield ""
    for at, kind, words in story.events:
        yield f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M:%S} UTC {kind}: {visible(words)}"


def _usd(story: Story) -> str:
    total = sum(tried.cost_usd for tried in story.attempts if tried.cost_usd is not None)
    return f"{total:f}" if total else "0"
