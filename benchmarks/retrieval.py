"""Does the right passage come among the first five? Banking77: training messages are passages, test messages queries.

    python -m benchmarks.retrieval [LEDGER]

Found by words on the ledger (SQLite, or a `postgresql://` address), by meaning with a local embedding (hashed words and
letters, TF-IDF, SVD to 128 dimensions, fitted to the passages alone), and fused; against `bm25s` on the same passages,
with its own default words and with the stemmer that SQLite's index uses. Found means: a message of the query's intent. Times
are this process's processor time: a server's own is not in them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import Stemmer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, make_pipeline

from roadworthy import Passages
from roadworthy._events import silence
from roadworthy._settings import DEFAULTS
from roadworthy.ask.passages import Vectors
from roadworthy.keep.ledger import open_ledger
from roadworthy.run.context import Context

DATA = Path(os.environ.get("ROADWORTHY_SHARED_DATA", "../shared/data")) / "banking77"
FIRST = 5
Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """The messages of one part of Banking77."""
    with gzip.open(DATA / f"banking77_{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def embedder(texts: Sequence[str]) -> Callable[[list[str]], Vectors]:
    """A local embedding, fitted to the passages."""
    words = HashingVectorizer(n_features=2**14, ngram_range=(1, 2), alternate_sign=False)
    letters = HashingVectorizer(
        n_features=2**14, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False
    )
    model = make_pipeline(
        FeatureUnion([("words", words), ("letters", letters)]),
        TfidfTransformer(sublinear_tf=True),
        TruncatedSVD(128, random_state=0),
    )
    model.fit(texts)

    def embed(given: list[str]) -> Vectors:
        found: Vectors = model.transform(given)
        return found

    return embed


async def ours(ledger: str, train: list[Row], queries: list[Row], *, dense: bool) -> dict[str, Any]:
    """Recall and time over a ledger; `dense` adds the embedding, and both rankings are fused."""
    embed = embedder([row["text"] for row in train]) if dense else None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "train.jsonl"
        place.write_text("".join(json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in train))
        store = open_ledger(ledger or str(Path(folder) / "ledger.db"), DEFAULTS)
        declared = Passages("train.jsonl", text="text", embed=embed, embed_name="tfidf-svd-128")
        context = Context(declared, Path(folder), "retrieval", store, DEFAULTS, silence)
        began = time.perf_counter()
        await context.prepare()
        indexed_s = time.perf_counter() - began
        gold = {row["id"]: row["gold"] for row in train}
        found, took = [], []
        for row in queries:
            began = time.process_time()
            ranked = await context.ranked(row["text"])
            took.append(time.process_time() - began)
            found.append([gold[passage.document] for passage in ranked])
        alone = [await meaning(context, row["text"], gold) for row in queries] if dense else []
        store.close()
    said = {"recall": recall(found, queries), "indexed_s": indexed_s, **times(took)}
    return {**said, "recall_dense": recall(alone, queries)} if dense else said


async def meaning(context: Context, text: str, gold: dict[str, str]) -> list[str]:
    """What is found by meaning alone, as the grounds of a fused ranking say it."""
    places = []
    for passage in await context.ranked(text):
        *_, last = passage.grounds.split(", ")
        if last.endswith("by meaning"):
            places.append((int(last.split()[1]), gold[passage.document]))
    return [intent for _, intent in sorted(places)]


def theirs(train: list[Row], queries: list[Row], stemmer: Any) -> dict[str, Any]:
    """The same with bm25s."""
    told = {"stopwords": "en", "stemmer": stemmer, "show_progress": False}
    index = bm25s.BM25()
    began = time.perf_counter()
    index.index(bm25s.tokenize([row["text"] for row in train], **told), show_progress=False)
    indexed_s = time.perf_counter() - began
    found, took = [], []
    for row in queries:
        began = time.process_time()
        numbers, _ = index.retrieve(bm25s.tokenize(row["text"], **told), k=FIRST, show_progress=False)
        took.append(time.process_time() - began)
        found.append([train[int(number)]["gold"] for number in numbers[0]])
    return {"recall": recall(found, queries), "indexed_s": indexed_s, **times(took)}


def recall(found: list[list[str]], queries: list[Row]) -> float:
    """The share of queries whose intent is among the first five."""
    hits = sum(row["gold"] in intents[:FIRST] for intents, row in zip(found, queries, strict=True))
    return hits / len(queries)


def times(took: list[float]) -> dict[str, float]:
    """Median and 99th percentile of one query, in milliseconds of this process's processor time."""
    ordered = sorted(took)
    return {"p50_ms": 1e3 * statistics.median(took), "p99_ms": 1e3 * ordered[int(0.99 * len(ordered))]}


def main() -> None:
    """Measure and print a table."""
    ledger = sys.argv[1] if len(sys.argv) > 1 else ""
    train, queries = rows("train"), rows("test")
    print(
        f"{len(train):,} passages, {len(queries):,} queries; the right intent among the first {FIRST}",
        flush=True,
    )
    show("bm25s", theirs(train, queries, None))
    show("bm25s, stemmed", theirs(train, queries, Stemmer.Stemmer("porter")))
    show("by words", asyncio.run(ours(ledger, train, queries, dense=False)))
    both = asyncio.run(ours(ledger, train, queries, dense=True))
    show("by meaning", {"recall": both.pop("recall_dense")})
    show("fused", both)


def show(name: str, row: dict[str, Any]) -> None:
    """One line of the table."""
    rest = "  ".join(f"{what} {value:.2f}" for what, value in row.items() if what != "recall")
    print(f"{name:15} recall@{FIRST} {row['recall']:.4f}  {rest}", flush=True)


if __name__ == "__main__":
    main()
