"""The provider's own account: every request that arrived, what was billed, and its price to the last digit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Context, Decimal, InvalidOperation
from itertools import islice
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick

_EXACT: Final = Context(prec=200)
_PER: Final = -6  # prices are per million tokens
_PRICE_DIGITS_MAX: Final = 40


@quick(frozen=True, slots=True)
class Price:
    """USD per million tokens.

    Attributes:
        input_usd: of the input.
        output_usd: of the output.
    """

    input_usd: Decimal
    output_usd: Decimal

    def cost(self, input_tokens: int, output_tokens: int, batched: tuple[int, int] = (0, 0)) -> Decimal:
        """USD, exact; `batched` of the tokens came from batches, at half the price."""
        given = _EXACT.multiply(self.input_usd, Decimal(input_tokens) - Decimal(batched[0]) / 2)
        produced = _EXACT.multiply(self.output_usd, Decimal(output_tokens) - Decimal(batched[1]) / 2)
        return _EXACT.scaleb(_EXACT.add(given, produced), _PER)


def read_price(said: str) -> Price:
    """A price from `INPUT,OUTPUT`, both in USD per million tokens, such as `0.05,0.40`.

    Raises:
        WrongUse: not two plain decimal numbers of 0 or more.
    """
    try:
        given, produced = (Decimal(part.strip()) for part in said.split(","))
    except (InvalidOperation, ValueError):
        given = produced = Decimal(-1)
    if not all(_plain(part) for part in (given, produced)):
        raise WrongUse(
            f"The price {said!r} is not INPUT,OUTPUT in USD per million tokens, such as 0.05,0.40."
        )
    return Price(given, produced)


def _plain(number: Decimal) -> bool:
    if not number.is_finite() or number < 0:
        return False
    exponent = number.as_tuple().exponent
    return (
        isinstance(exponent, int)
        and exponent >= -_PRICE_DIGITS_MAX
        and number.adjusted() <= _PRICE_DIGITS_MAX
    )


class Entry:
    """One request in the log; the server notes on it when its response was handed to the network whole."""

    __slots__ = (
        "arrival", "at", "batched", "billed", "body", "fault", "heard", "input_tokens", "model", "n", "output_cap", "output_tokens", "question", "status",
        "turn", "written",
    )  # fmt: skip

    def __init__(self, n: int, at: float, body: bytes) -> None:
        self.n = n
        self.at = at
        self.body = body
        self.model = ""
        self.question: str | None = None
        self.turn = 0
        self.arrival = 0
        self.fault = ""
        self.status = 0
        self.batched = False
        self.billed = False
        self.input_tokens = 0
        self.output_tokens = 0
        self.output_cap: int | None = None
        self.written = False
        self.heard: tuple[str, ...] = ()


@quick(frozen=True, slots=True)
class LoggedRequest:
    """One request as `GET /sim/requests` shows it.

    Attributes:
        n: its number; the first request is 1.
        at: arrival, seconds since 1970, UTC.
        model: as requested; empty where the body could not be read.
        question: the recorded question's id; None where none was recognised.
        body: the hash of the request's body, hexadecimal.
        turn: how many different bodies asked this model this question before (0 for the first).
        arrival: how often these very bytes came before.
        fault: what was done to it; several joined by `+`; empty for nothing.
        status: HTTP status that was sent or begun; 0 for none (`reset`, `hang`).
        billed: an answer was generated, whether or not it arrived.
        input_tokens: billed.
        output_tokens: billed.
        cost_usd: exact; None for a billed request to a model without a price.
        written: the response was handed to the network whole.
        output_cap: the most output tokens that the request allowed; None where it set no bound.
        heard: the watched words that its body held.
        batched: it was a call of a batch, and half as dear.
    """

    n: int
    at: float
    model: str
    question: str | None
    body: str
    turn: int
    arrival: int
    fault: str
    status: int
    billed: bool
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    written: bool
    output_cap: int | None = None
    heard: tuple[str, ...] = ()
    batched: bool = False


@quick(slots=True)
class _Count:
    requests: int = 0
    billed_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    batched_input_tokens: int = 0
    batched_output_tokens: int = 0


@quick(frozen=True, slots=True)
class Line:
    """One model's part of the bill; or the sum of all.

    Attributes:
        requests: counted on arrival, whatever became of them.
        billed_requests: those for which an answer was generated.
        input_tokens: billed.
        output_tokens: billed.
        cost_usd: exact; None where billed tokens have no price.
    """

    requests: int
    billed_requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None


@quick(frozen=True, slots=True)
class Bill:
    """What the provider received and charges for.

    Attributes:
        total: the sum over all models.
        models: by requested model; requests whose body could not be read stand under the empty name.
        faults: how often each kind happened.
        incomplete: connections that ended in the midst of a request; not among the requests.
    """

    total: Line
    models: Mapping[str, Line]
    faults: Mapping[str, int] = field(default_factory=dict)
    incomplete: int = 0


class Account:
    """Counts, bills and logs. Each method leaves the books balanced.

    Args:
        prices: USD per million tokens by requested model.
        rows_max: requests that the log keeps, the latest ones.
    """

    def __init__(self, prices: Mapping[str, Price], *, rows_max: int) -> None:
        self._prices = prices
        self._rows_max = rows_max
        self.reset()

    def reset(self) -> None:
        """Forget every request."""
        self.incomplete = 0
        self._total = 0
        self._counts: dict[str, _Count] = {"": _Count()}
        self._faults: Counter[str] = Counter()
        self._log: deque[Entry] = deque(maxlen=self._rows_max)

    def arrive(self, at: float, body: bytes) -> Entry:
        """Count a request before anything else happens to it; its model is not known yet."""
        self._total += 1
        self._counts[""].requests += 1
        entry = Entry(self._total, at, body)
        self._log.append(entry)
        return entry

    def name(self, entry: Entry, model: str) -> None:
        """Say which model the request asked for."""
        entry.model = model
        self._counts[""].requests -= 1
        count = self._counts.get(model)
        if count is None:
            count = self._counts[model] = _Count()
        count.requests += 1

    def note(self, entry: Entry, fault: str) -> None:
        """Say what was done to the request."""
        fault = str(fault)  # a plain text, whatever kind of string was given
        entry.fault = f"{entry.fault}+{fault}" if entry.fault else fault
        self._faults[fault] += 1

    def charge(self, entry: Entry, input_tokens: int, output_tokens: int) -> None:
        """Bill an answer that was generated."""
        entry.billed = True
        entry.input_tokens = input_tokens
        entry.output_tokens = output_tokens
        count = self._counts[entry.model]
        count.billed_requests += 1
        count.input_tokens += input_tokens
        count.output_tokens += output_tokens
        if entry.batched:
            count.batched_input_tokens += input_tokens
            count.batched_output_tokens += output_tokens

    def bill(self) -> Bill:
        """The bill as it stands."""
        models = {model: self._line(model, count) for model, count in self._counts.items() if count.requests}
        return Bill(_sum(models.values()), models, dict(self._faults), self.incomplete)

    def rows(self, after: int = 0, most: int | None = None) -> list[LoggedRequest]:
        """The logged requests with a number above `after`, oldest first, at most `most` of them."""
        first = self._log[0].n if self._log else 1
        start = max(0, after - first + 1)
        return [
            self._shown(entry) for entry in islice(self._log, start, None if most is None else start + most)
        ]

    def _line(self, model: str, count: _Count) -> Line:
        price = self._prices.get(model)
        batched = (count.batched_input_tokens, count.batched_output_tokens)
        cost = price.cost(count.input_tokens, count.output_tokens, batched) if price else None
        if not count.billed_requests:
            cost = Decimal(0)
        return Line(count.requests, count.billed_requests, count.input_tokens, count.output_tokens, cost)

    def _shown(self, entry: Entry) -> LoggedRequest:
        price = self._prices.get(entry.model)
        tokens = (entry.input_tokens, entry.output_tokens)
        cost = price.cost(*tokens, tokens if entry.batched else (0, 0)) if price else None
        return LoggedRequest(
            n=entry.n,
            at=entry.at,
            model=entry.model,
            question=entry.question,
            body=entry.body.hex(),
            turn=entry.turn,
            arrival=entry.arrival,
            fault=entry.fault,
            status=entry.status,
            billed=entry.billed,
            input_tokens=entry.input_tokens,
            output_tokens=entry.output_tokens,
            cost_usd=cost if entry.billed else Decimal(0),
            written=entry.written,
            output_cap=entry.output_cap,
            heard=entry.heard,
            batched=entry.batched,
        )


def _sum(lines: Iterable[Line]) -> Line:
    lines = list(lines)
    cost: Decimal | None = Decimal(0)
    for line in lines:
        cost = None if cost is None or line.cost_usd is None else _EXACT.add(cost, line.cost_usd)
    return Line(
        sum(line.requests for line in lines),
        sum(line.billed_requests for line in lines),
        sum(line.input_tokens for line in lines),
        sum(line.output_tokens for line in lines),
        cost,
    )


def bill_as_json(bill: Bill) -> dict[str, object]:
    """The bill as `GET /sim/bill` sends it: the totals at the top, money as decimal text."""
    models = {model: _line_as_json(line) for model, line in bill.models.items()}
    return {
        **_line_as_json(bill.total),
        "models": models,
        "faults": dict(bill.faults),
        "incomplete": bill.incomplete,
    }


def _line_as_json(line: Line) -> dict[str, object]:
    return {
        "requests": line.requests,
        "billed_requests": line.billed_requests,
        "input_tokens": line.input_tokens,
        "output_tokens": line.output_tokens,
        "cost_usd": money_text(line.cost_usd),
    }


def money_text(amount: Decimal | None) -> str | None:
    """An amount in plain decimal digits, without an exponent or trailing zeros; None stays None."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
