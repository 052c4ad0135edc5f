"""The invariants: what must hold of a ledger beside the provider's own count, whatever was killed in between.

Each is a small function of the evidence that returns what is violated. `AT_REST` holds at every instant, in the ledger
of a process that has just been killed too; `AT_END` holds once the same command was given again and ran to its end.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.crash import tickets
from tests.ledgers import ask

from roadworthy.vet.bill import LoggedRequest

PICO = Decimal(10) ** 12
ENDS = {"accepted", "rejected", "failed", "waiting"}
AGAIN = {"provider", "budget", "batch"}
LOST = {"reset", "cut", "hang"}
TROUBLE = LOST | {"429", "429_bare", "500", "503", "529", "html_502", "html_200", "error_in_200"}
DIED = "the process that sent it died"
INTERRUPTED = "interrupted before the answer came"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the table of attempts; `kept` says whether its reply is in the ledger."""

    id: int
    key: str
    kept: bool
    record_id: int
    model: str
    state: str
    reserved: int
    cost: int | None
    opened: int
    settled: int | None
    provider_id: str
    detail: str

    @property
    def is_lost(self) -> bool:
        """Whether it is on the wire, or was when its process ended: perhaps it never left, perhaps it was answered."""
        return self.state == "intent" or self.detail.startswith((DIED, INTERRUPTED))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input with the record behind it."""

    number: int
    kind: str
    record_id: int
    key: str
    outcome: str
    waiting_for: str
    value: str | None
    model: str
    attempts: int
    cost: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known: the ledger's rows, the provider's log, and what was seen on the way.

    Attributes:
        log: every request that the provider counted, on arrival.
        in_flight: the attempts that stood open in the ledger at each kill.
        cap_pico: the job's cap so far; None for none.
        calm: results and clean requests of an undisturbed run, where there was one.
        effects: (record key, idempotency key) of each time the side effect ran.
    """

    entry: str
    input_lines: int
    texts: dict[str, str]
    lines: list[Line]
    attempts: list[Attempt]
    accounts: list[tuple[str, int | None, int, int, int]]
    leases_open: int
    log: list[LoggedRequest]
    in_flight: frozenset[int] = frozenset()
    cap_pico: int | None = None
    calm: "Calm | None" = None
    effects: list[tuple[str, str]] = field(default_factory=list)
    output: list[dict[str, Any]] | None = None

    @property
    def died(self) -> list[Attempt]:
        """Attempts charged because the process that sent them died."""
        return [row for row in self.attempts if row.detail.startswith(DIED)]

    def asked(self, attempt: Attempt) -> tuple[str, str]:
        """(ticket, model) of an attempt, as the provider's log names them; twins ask as the first of them."""
        keys = {line.record_id: line.key for line in self.lines}
        words = self.texts.get(keys.get(attempt.record_id, ""), "")
        ticket = next((key for key, text in self.texts.items() if text == words), "")
        return ticket, attempt.model.removeprefix("openai:")


@dataclass(frozen=True, slots=True)
class Calm:
    """The undisturbed run: what each line came to, and how many requests got through without trouble."""

    results: list[tuple[Any, ...]]
    clean: int
    passes: dict[str, int]


Invariant = Callable[[Evidence], list[str]]

ATTEMPTS = """SELECT attempt.id, attempt.key, reply.attempt_id, attempt.record_id, attempt.model, attempt.state, attempt.reserved_pico,
  attempt.cost_pico, attempt.opened_tick, attempt.settled_tick, coalesce(attempt.provider_id, ''),
  coalesce(attempt.detail, '')
FROM attempt LEFT JOIN reply ON reply.attempt_id = attempt.id ORDER BY attempt.id"""
LINES = """SELECT line.number, line.kind, record.id, record.key, record.outcome, coalesce(record.waiting_for, ''),
  record.value, coalesce(record.model, ''), record.attempts, record.cost_pico
FROM line JOIN record ON record.id = line.record_id ORDER BY line.number"""
ACCOUNTS = "SELECT scope, limit_pico, spent_pico, reserved_pico, overrun_pico FROM budget"
OPEN = "SELECT id FROM attempt WHERE state = 'intent'"
LEASES = "SELECT count(*) FROM lease WHERE ended_at IS NULL"


def gather(ledger: str, log: Sequence[LoggedRequest], entry: str, count: int, **seen: Any) -> Evidence:
    """The evidence as it stands now.

    Args:
        count: how many tickets the input was made from.
        seen: what was noted on the way; see `Evidence`.
    """
    attempts = [
        Attempt(row[0], bytes(row[1]).hex(), row[2] is not None, *row[3:]) for row in ask(ledger, ATTEMPTS)
    ]
    return Evidence(
        entry=entry,
        input_lines=len(tickets.lines(count)),
        texts=tickets.text_by_key(count),
        lines=[Line(*row) for row in ask(ledger, LINES)],
        attempts=attempts,
        accounts=[tuple(row) for row in ask(ledger, ACCOUNTS)],
        # In Postgres the lease of a process that died with nothing on the wire stands until it runs out.
        leases_open=0 if "://" in ledger else int(ask(ledger, LEASES)[0][0]),
        log=list(log),
        **seen,
    )


def open_attempts(ledger: str) -> frozenset[int]:
    """The attempts that stand open in a ledger."""
    return frozenset(int(row[0]) for row in ask(ledger, OPEN))


def violations(evidence: Evidence, invariants: Sequence[Invariant]) -> list[str]:
    """What does not hold, each with the name of the invariant."""
    return [f"{check.__name__}: {said}" for check in invariants for said in check(evidence)]


# -- money --


def accounts_are_the_sum_of_attempts(seen: Evidence) -> list[str]:
    """Every account says what its attempts come to (`doctor`'s query)."""
    spent = sum(row.cost or 0 for row in seen.attempts if row.state != "intent")
    promised = sum(row.reserved for row in seen.attempts if row.state == "intent")
    return [
        f"{scope} says {has} spent and {holds} reserved, its attempts come to {spent} and {promised}"
        for scope, _, has, holds, _ in seen.accounts
        if not scope.startswith("record:") and (has, holds) != (spent, promised)
    ]


def records_carry_their_cost(seen: Evidence) -> list[str]:
    """A record's attempts and cost are those of its rows."""
    counts: Counter[int] = Counter()
    costs: Counter[int] = Counter()
    for row in seen.attempts:
        if row.state != "intent":
            counts[row.record_id] += 1
            costs[row.record_id] += row.cost or 0
    return [
        f"{line.key} says {line.attempts} attempts for {line.cost}, its rows {counts[line.record_id]} for "
        f"{costs[line.record_id]}"
        for line in seen.lines
        if (line.attempts, line.cost) != (counts[line.record_id], costs[line.record_id])
    ]


def caps_hold_at_every_tick(seen: Evidence) -> list[str]:
    """Spent + reserved, replayed from every opening and settlement, was never above the cap."""
    if seen.cap_pico is None:
        return []
    changes = [(row.opened, row.reserved) for row in seen.attempts]
    changes += [
        (row.settled, (row.cost or 0) - row.reserved) for row in seen.attempts if row.settled is not None
    ]
    level, above = 0, []
    for tick, change in sorted(changes):
        level += change
        if level > seen.cap_pico:
            above.append(f"{level} at tick {tick}, the cap is {seen.cap_pico}")
    return above[:3]


def settled_cost_is_what_was_billed(seen: Evidence) -> list[str]:
    """A settled attempt costs what the provider billed for that very request, to the last digit."""
    billed = {f"{row.body[:16]}{row.n:08x}": row for row in seen.log}
    found, said = set(), []
    for row in seen.attempts:
        if row.state != "settled" or not row.provider_id:
            continue
        number = row.provider_id.rpartition("-")[2].rpartition("_")[2]
        if number not in billed or number in found:
            said.append(
                f"attempt {row.id} names a request {number} that the provider does not have, or twice"
            )
            continue
        found.add(number)
        if Decimal(row.cost or 0) / PICO != billed[number].cost_usd:
            said.append(f"attempt {row.id} cost {row.cost}, billed was {billed[number].cost_usd}")
    return said


def books_cover_the_bill(seen: Evidence) -> list[str]:
    """Settled + unknown + what is still promised is never less than the provider's bill."""
    books = sum(row.reserved if row.state == "intent" else row.cost or 0 for row in seen.attempts)
    bill = sum((row.cost_usd or Decimal(0) for row in seen.log), Decimal(0))
    return (
        [f"the books hold {Decimal(books) / PICO}, the bill is {bill}"]
        if Decimal(books) / PICO < bill
        else []
    )


# -- requests --


def every_request_has_a_row(seen: Evidence) -> list[str]:
    """The provider counted no request for which there is no attempt; a surplus is only what never left a process."""
    rows = Counter(seen.asked(row) for row in seen.attempts if row.state != "unsent")
    perhaps = Counter(seen.asked(row) for row in seen.attempts if row.is_lost)
    requests = Counter((row.question or "", row.model) for row in seen.log)
    return [
        f"{asked}: {requests[asked]} requests, {rows[asked]} attempts of which {perhaps[asked]} may not have left"
        for asked in sorted({*rows, *requests})
        if not rows[asked] - perhaps[asked] <= requests[asked] <= rows[asked]
    ]


def no_reply_is_kept_twice(seen: Evidence) -> list[str]:
    """There is at most one reply to a request key."""
    kept = Counter(row.key for row in seen.attempts if row.kept)
    return [f"{times} replies to request {key[:16]}" for key, times in kept.items() if times > 1]


def no_reply_is_bought_twice(seen: Evidence) -> list[str]:
    """The same bytes get through without trouble once; again only where a process died with the answer."""
    clean = Counter((row.question or "", row.model, row.body) for row in seen.log if is_clean(row))
    again: Counter[tuple[str, str]] = Counter()
    for (question, model, _), times in clean.items():
        again[question, model] += times - 1
    lost = Counter(seen.asked(row) for row in seen.attempts if row.is_lost)
    return [
        f"{asked}: {times} replies were bought again, {lost[asked]} attempts were lost"
        for asked, times in again.items()
        if times > lost[asked]
    ]


def unknown_is_what_nobody_saw(seen: Evidence) -> list[str]:
    """An attempt is unknown where its process died or its answer was lost on the way; it is charged in full."""
    unknown = [row for row in seen.attempts if row.state == "unknown"]
    said = [
        f"attempt {row.id} is charged {row.cost} of {row.reserved}"
        for row in unknown
        if row.cost != row.reserved
    ]
    unseen = sum(bool((LOST | {"no_usage"}) & set(row.fault.split("+"))) for row in seen.log)
    others = sum(not row.is_lost for row in unknown)
    if others > unseen:
        said.append(
            f"{others} unknown beside those whose process ended, {unseen} answers or usages were lost"
        )
    return said


def the_dead_are_those_in_flight(seen: Evidence) -> list[str]:
    """Exactly the attempts that were open at the kills are charged as died."""
    died = {row.id for row in seen.died}
    return (
        [f"charged as died: {sorted(died)}, open at the kills: {sorted(seen.in_flight)}"]
        if died != seen.in_flight
        else []
    )


# -- records --


def accepted_values_are_right_and_have_their_reply(seen: Evidence) -> list[str]:
    """What is accepted passes its check, and the reply it came from is in the ledger."""
    of_text: dict[str, set[str]] = defaultdict(set)
    keys = {line.record_id: line.key for line in seen.lines}
    for row in seen.attempts:
        if row.kept:
            of_text[seen.texts.get(keys.get(row.record_id, ""), "")].add(row.model)
    said = []
    for line in seen.lines:
        if line.outcome != "accepted":
            continue
        words = seen.texts[line.key]
        if fault := tickets.wrong(seen.entry, line.key, json.loads(line.value or "null"), words):
            said.append(f"{line.key}: {fault}")
        if not set(line.model.split(", ")) <= of_text[words]:
            said.append(f"{line.key}: accepted from {line.model}, of whom no reply is kept")
    return said


def what_ended_is_paid_for(seen: Evidence) -> list[str]:
    """A record that has ended has nothing on the wire: its settlements were written with the outcome.

    One that waits for money or a provider comes round again, and stands so while it is asked for.
    """
    open_now = {row.record_id for row in seen.attempts if row.state == "intent"}
    return [
        f"{line.key} is {line.outcome} with an attempt on the wire"
        for line in seen.lines
        if line.outcome != "pending" and line.waiting_for not in AGAIN and line.record_id in open_now
    ]


def every_line_has_one_fate(seen: Evidence) -> list[str]:
    """Each line of the input stands in exactly one final state."""
    said = []
    if [line.number for line in seen.lines] != list(range(1, seen.input_lines + 1)):
        said.append(f"{len(seen.lines)} lines are in the ledger, {seen.input_lines} in the input")
    return said + [
        f"{line.key} stands in {line.outcome} {line.waiting_for}"
        for line in seen.lines
        if line.outcome not in ENDS or line.waiting_for in AGAIN
    ]


def nothing_is_left_open(seen: Evidence) -> list[str]:
    """No attempt, no promise and no process is left in a ledger that nobody works on."""
    left = [f"attempt {row.id} is open" for row in seen.attempts if row.state == "intent"]
    left += [f"{seen.leases_open} processes did not say good-bye"] if seen.leases_open else []
    return left + [f"{scope} has {held} reserved" for scope, _, _, held, _ in seen.accounts if held]


def results_are_those_of_a_calm_run(seen: Evidence) -> list[str]:
    """Every line comes to what it comes to without kills."""
    if seen.calm is None:
        return []
    now = results(seen.lines)
    return [
        f"{got} instead of {due}" for got, due in zip(now, seen.calm.results, strict=False) if got != due
    ] + (
        []
        if len(now) == len(seen.calm.results)
        else [f"{len(now)} lines, {len(seen.calm.results)} without kills"]
    )


def no_more_requests_than_calm_and_in_flight(seen: Evidence) -> list[str]:
    """Beyond an undisturbed run, only what was in flight at a kill is sent again."""
    if seen.calm is None:
        return []
    clean = sum(is_clean(row) for row in seen.log)
    most = seen.calm.clean + len(seen.in_flight)
    return (
        [f"{clean} requests got through; {seen.calm.clean} without kills, {len(seen.in_flight)} in flight"]
        if clean > most
        else []
    )


def side_effects_keep_their_key(seen: Evidence) -> list[str]:
    """A `once` function runs at least once for what was accepted, and again only with the same idempotency key."""
    keys: dict[str, set[str]] = defaultdict(set)
    for record, key in seen.effects:
        keys[record].add(key)
    said = [f"{record} ran under {len(held)} keys" for record, held in keys.items() if len(held) != 1]
    if seen.entry == "handle":
        done = {line.key for line in seen.lines if line.outcome == "accepted"}
        said += [f"{key} is accepted and nothing was booked" for key in done - set(keys)]
    return said


def the_output_is_the_ledger(seen: Evidence) -> list[str]:
    """The output file holds every line as it stands in the ledger."""
    if seen.output is None:
        return []
    written = [(row["key"], row["outcome"], row["value"], row["model"] or "") for row in seen.output]
    return (
        []
        if written == results(seen.lines)
        else [f"{len(written)} rows were written and they differ from the ledger"]
    )


AT_REST: tuple[Invariant, ...] = (
    accounts_are_the_sum_of_attempts,
    records_carry_their_cost,
    caps_hold_at_every_tick,
    settled_cost_is_what_was_billed,
    books_cover_the_bill,
    every_request_has_a_row,
    no_reply_is_kept_twice,
    no_reply_is_bought_twice,
    unknown_is_what_nobody_saw,
    accepted_values_are_right_and_have_their_reply,
    what_ended_is_paid_for,
    side_effects_keep_their_key,
)
AT_END: tuple[Invariant, ...] = (
    *AT_REST,
    every_line_has_one_fate,
    nothing_is_left_open,
    the_dead_are_those_in_flight,
    results_are_those_of_a_calm_run,
    no_more_requests_than_calm_and_in_flight,
    the_output_is_the_ledger,
)


def is_clean(row: LoggedRequest) -> bool:
    """Whether there was an answer and nothing befell it on its way."""
    return row.billed and not TROUBLE & set(row.fault.split("+"))


def results(lines: Sequence[Line]) -> list[tuple[Any, ...]]:
    """What each line came to, in input order."""
    return [
        (line.key, line.outcome, None if line.value is None else json.loads(line.value), line.model)
        for line in lines
    ]
