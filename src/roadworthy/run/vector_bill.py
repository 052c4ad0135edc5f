"""What vectors that are paid will cost: those of a corpus that was not embedded yet, and those of what records ask."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from operator import add
from typing import Final, TypeAlias

from roadworthy._quick import quick
from roadworthy.ask.passages import EMBEDS
from roadworthy.call.price import usd
from roadworthy.call.reply import Usage
from roadworthy.run.runtime import Runtime
from roadworthy.run.survey import Count

Pico: TypeAlias = "tuple[float, float, float]"
NOTHING: Final = (0.0, 0.0, 0.0)


@quick(frozen=True, slots=True)
class VectorBill:
    """Vectors that are still to be bought. Costs are low, likely and high, in pico-dollars, by price list.

    Attributes:
        passages: texts of the corpora that have no vector yet.
        requests: that many calls for them.
        queries: different ones of records that have no vector yet.
        corpus_bytes, query_bytes: what is sent of both.
    """

    passages: int = 0
    requests: int = 0
    queries: int = 0
    corpus_bytes: int = 0
    query_bytes: int = 0
    corpus_pico: Pico = NOTHING
    query_pico: Pico = NOTHING

    def as_json(self) -> dict[str, object]:
        """JSON; money as text."""
        low, likely, high = self._usd()
        return {
            "passages": self.passages,
            "requests": self.requests,
            "queries": self.queries,
            "cost_usd": {"low": f"{low:f}", "likely": f"{likely:f}", "high": f"{high:f}"},
        }

    def lines(self) -> Iterator[str]:
        """What a person reads; nothing where nothing is to be bought."""
        if self.passages or self.queries:
            low, likely, high = self._usd()
            calls = f"{self.requests:,} request{'' if self.requests == 1 else 's'}"
            yield (
                f"vectors: {self.passages:,} passages in {calls} and {self.queries:,} queries are still to be embedded, "
                f"for {likely:.4f} USD of that, between {low:.4f} and {high:.4f} by price list"
            )

    def _usd(self) -> tuple[Decimal, Decimal, Decimal]:
        low, likely, high = map(add, self.corpus_pico, self.query_pico)
        return usd(round(low)), usd(round(likely)), usd(round(high))


def bill(runtime: Runtime, count: Count, tokens_a_byte: Pico) -> VectorBill:
    """Count and price the vectors that a run over this input would buy; nothing is bought.

    Args:
        count: what was found of the input; the app's corpora were prepared without buying.
        tokens_a_byte: low, likely and high.
    """
    passages = requests = corpus_bytes = 0
    corpus, query = NOTHING, NOTHING
    seen: set[str] = set()
    for step in runtime.plan.steps:
        if step.context is None or step.context.paid is None or step.context.corpus in seen:
            continue
        seen.add(step.context.corpus)
        for texts in runtime.context(step).unbought():
            size = sum(len(text.encode()) for text in texts)
            passages, requests, corpus_bytes = passages + len(texts), requests + 1, corpus_bytes + size
            corpus = plus(corpus, _priced(runtime, step.name + EMBEDS, 1, size, tokens_a_byte))
    for buyer, (number, size) in count.queries.items():
        query = plus(query, _priced(runtime, buyer, number, size, tokens_a_byte))
    asked = list(count.queries.values())
    return VectorBill(
        passages,
        requests,
        sum(number for number, _ in asked),
        corpus_bytes,
        sum(size for _, size in asked),
        corpus,
        query,
    )


def _priced(runtime: Runtime, buyer: str, number: int, size: int, tokens_a_byte: Pico) -> Pico:
    """What requests of one size each cost."""
    (rung,) = runtime.rungs_of(buyer)
    low, likely, high = (
        float(number * rung.cost_pico(Usage(round(size / max(1, number) * tokens))))
        for tokens in tokens_a_byte
    )
    return low, likely, high


def plus(one: Pico, other: Pico) -> Pico:
    """Two costs together."""
    low, likely, high = map(add, one, other)
    return low, likely, high
