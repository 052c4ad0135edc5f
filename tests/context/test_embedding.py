"""Vectors that are paid: reserved, journaled, kept, and bought once, for passages and for what records ask."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.context.conftest import Desk
from tests.monitor.collector import collector

from roadworthy.observe import names

APP = '''
from pydantic import BaseModel
from roadworthy import App, Function, Passage, Passages, Price, Prompt

app = App("ask", budget_usd=BUDGET, prices={"openai-embeddings:tiny": Price(input="1", output="0")})

class Question(BaseModel):
    id: str
    text: str

class Answer(BaseModel):
    cites: str

def reader(prompt: str) -> dict[str, str]:
    """Cites the first passage that speaks of the sea."""
    found = [line for line in prompt.splitlines() if line.startswith("[")]
    return {"cites": found[0]}

@app.step(
    models=[Function(reader, usd_per_call="0.001")],
    context=Passages("docs", query="text", most=1, embed=EMBED),
)
def answer(question: Question, passages: list[Passage]) -> Prompt[Answer]:
    return Prompt("Answer.", passages, question.text)
'''


class Embedder(ThreadingHTTPServer):
    """A provider of vectors: how often `sea` and `hill` are meant. Counts what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.texts: list[list[str]] = []
        self.tokens = 0


class _Asked(BaseHTTPRequestHandler):
    server: Embedder

    def do_POST(self) -> None:
        """One request: vectors in the wrong order, each with its place."""
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert (self.path, asked["model"], asked["encoding_format"]) == ("/v1/embeddings", "tiny", "float")
        assert "messages" not in asked
        texts = asked["input"]
        self.server.texts.append(texts)
        tokens = sum(-(-len(text) // 4) for text in texts)
        self.server.tokens += tokens
        rows = [
            {
                "object": "embedding",
                "index": n,
                "embedding": [_meant(text, "sea ocean"), _meant(text, "hill top"), 0.1],
            }
            for n, text in enumerate(texts)
        ]
        said = {
            "object": "list",
            "data": rows[::-1],
            "model": "tiny",
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def _meant(text: str, words: str) -> float:
    return float(sum(word in text.casefold() for word in words.split()))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedder]:
    """A provider on a socket of this machine."""
    server = Embedder()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-0000000000000000000000")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


LEVELS = ("low", "likely", "high")
NO_VECTORS = {"passages": 0, "requests": 0, "queries": 0, "cost_usd": dict.fromkeys(LEVELS, "0")}


def prepared(desk: Desk, budget: str = '"1"', embed: str = '"openai-embeddings:tiny"') -> Desk:
    """Two documents and two questions, which share a word with neither."""
    desk.write("app.py", APP.replace("BUDGET", budget).replace("EMBED", embed))
    desk.write("docs/a.md", "# Water\n\nThe ocean is wide.\n")
    desk.write("docs/b.md", "# Land\n\nA hill is high.\n")
    rows = [{"id": "1", "text": "sea?"}, {"id": "2", "text": "mountaintop"}, {"id": "3", "text": "sea?"}]
    desk.write("in.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return desk


def test_a_call_for_vectors_is_told_as_one(
    desk: Desk, provider: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend would count vectors among the answers of chat models, and their latency and tokens with them."""
    prepared(desk)
    with collector() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        assert desk.json("run", "app.py", "in.jsonl")["accepted"] == 3
    assert receiver.of("chat") == []
    calls = receiver.of("embeddings tiny")
    bought = [call for call in calls if not call.attributes[names.REUSED]]
    assert [call.kind for call in bought] == [3] * 3  # CLIENT: the corpus, and two questions that differ
    for call in calls:
        assert call.attributes[names.OPERATION] == "embeddings"
        assert call.attributes[names.PROVIDER] == "openai"
        assert {names.OUTPUT_TYPE, names.REQUEST_MAX_TOKENS, names.OUTPUT_TOKENS}.isdisjoint(call.attributes)
    own = {names.OPERATION: "embeddings", names.REQUEST_MODEL: "tiny"}
    for metric in (names.EMBEDDINGS_DURATION, names.EMBEDDINGS_INPUT):
        assert all(own.items() <= point.items() for point in receiver.metrics[metric])
    assert sum(point[""] for point in receiver.metrics[names.EMBEDDINGS_INPUT]) == provider.tokens
    inference = receiver.metrics.get(names.DURATION, []) + receiver.metrics.get(names.USED_INPUT, [])
    assert all(point[names.OPERATION] != "embeddings" for point in inference)


def test_vectors_are_bought_through_the_ledger_and_once(desk: Desk, provider: Embedder) -> None:
    """A corpus would cost money that no budget sees, and again with every run."""
    prepared(desk)
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert (plan["to_ask"], provider.texts) == (3, []), "a plan buys nothing"
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert run["accepted"] == 3
    assert [row["value"]["cites"][:8] for row in desk.rows()] == ["[1] a.md", "[1] b.md", "[1] a.md"]
    asked = sorted(text for texts in provider.texts for text in texts)
    assert asked == sorted({*asked}), "no text twice, though two questions are the same"
    paid = desk.ask(
        "SELECT state, count(*), sum(cost_pico) FROM attempt WHERE model = 'openai-embeddings:tiny' GROUP BY state"
    )
    assert paid == [("settled", 3, provider.tokens * 1_000_000)], (
        "one for the corpus, one for each other question"
    )
    spent = desk.ask("SELECT spent_pico, reserved_pico FROM budget WHERE scope LIKE 'app:%'")
    assert spent == [(provider.tokens * 1_000_000 + 2 * 1_000_000_000, 0)] or spent == [
        (provider.tokens * 1_000_000 + 3 * 1_000_000_000, 0)
    ]
    before = len(provider.texts)
    assert desk.json("run", "app.py", "in.jsonl")["attempts"] == 0
    desk.write("docs/b.md", "# Land\n\nA hill is high.\n\n# More\n\nA dune is low.\n")
    desk.write("new.jsonl", '{"id": "4", "text": "sea?"}\n')
    assert desk.json("run", "app.py", "new.jsonl")["accepted"] == 1
    assert provider.texts[before:] == [["More # More\n\nA dune is low."]], (
        "what a document said before keeps its vector"
    )


def test_a_budget_holds_for_vectors(desk: Desk, provider: Embedder) -> None:
    """Embedding a large corpus could pass the cap before the first record is asked about."""
    prepared(desk, budget='"0.000001"')
    done = desk.call("run", "app.py", "in.jsonl")
    assert done.returncode == 2
    assert "no vectors for 2 passages: waiting budget" in done.stderr
    assert provider.texts == []


def test_a_function_may_be_paid_too(desk: Desk) -> None:
    """A team's own call of a provider would go past the budget and its journal."""
    embed = "Function(vectors, usd_per_call='0.002')"
    prepared(desk, embed=embed)
    place = desk.folder / "app.py"
    text = place.read_text()
    place.write_text(
        text.replace(
            "@app.step(",
            "def vectors(given: dict) -> dict:\n"
            "    told = [[float('ocean' in t or 'sea' in t), float('hill' in t or 'top' in t), 0.1] for t in given['texts']]\n"
            "    return {'vectors': told}\n\n@app.step(",
        )
    )
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert plan["vectors"] == {
        "passages": 2,
        "requests": 1,
        "queries": 2,
        "cost_usd": dict.fromkeys(LEVELS, "0.006"),
    }
    assert plan["cost_usd"]["low"] == "0.009", "three answers, the corpus and two different questions"
    run = desk.json("run", "app.py", "in.jsonl", "-o", "out.jsonl")
    assert run["accepted"] == 3
    assert [row["value"]["cites"][:8] for row in desk.rows()] == ["[1] a.md", "[1] b.md", "[1] a.md"]
    paid = desk.ask("SELECT sum(cost_pico) FROM attempt WHERE model = 'function:vectors'")
    assert paid == [(3 * 2_000_000_000,)]


def test_a_plan_counts_and_prices_the_vectors_it_does_not_buy(desk: Desk, provider: Embedder) -> None:
    """A plan would say that a corpus costs nothing, or price again what is bought, or take a query for a larger model's answer."""
    prepared(desk)
    plan = desk.json("plan", "app.py", "in.jsonl")
    assert [plan["vectors"][name] for name in ("passages", "requests", "queries")] == [2, 1, 2]
    said = desk.call("plan", "app.py", "in.jsonl").stdout
    assert "2 passages in 1 request and 2 queries are still to be embedded" in said
    assert provider.texts == [], "a plan buys nothing"
    desk.json("run", "app.py", "in.jsonl")
    low, likely, high = (float(plan["vectors"]["cost_usd"][level]) for level in LEVELS)
    assert low < likely < high
    assert low < provider.tokens / 1e6 < high
    assert float(plan["cost_usd"]["low"]) > 0.003

    again = desk.json("plan", "app.py", "in.jsonl")
    assert (again["to_ask"], again["vectors"]) == (0, NO_VECTORS)
    assert "embedded" not in desk.call("plan", "app.py", "in.jsonl").stdout
    desk.write("docs/b.md", "# Land\n\nA hill is high.\n\n# More\n\nA dune is low.\n")
    desk.write("new.jsonl", '{"id": "4", "text": "sea?"}\n{"id": "5", "text": "dune?"}\n')
    other = desk.json("plan", "app.py", "new.jsonl")["vectors"]
    assert [other[name] for name in ("passages", "requests", "queries")] == [1, 1, 1], (
        "the rest has its vector"
    )


def test_a_plan_with_a_sample_knows_what_queries_cost(desk: Desk, provider: Embedder) -> None:
    """Each query's vector would be taken for a record that went up the ladder, and be reckoned twice."""
    prepared(desk)
    rows = [json.dumps({"id": f"q{n}", "text": f"sea number {n}?"}) + "\n" for n in range(60)]
    desk.write("many.jsonl", "".join(rows))
    plan = desk.json("plan", "app.py", "many.jsonl", "--sample", "30")
    assert (plan["sampled"], plan["to_ask"]) == (30, 30)
    assert [plan["vectors"][name] for name in ("passages", "queries")] == [0, 30]
    assert 0.030 < float(plan["cost_usd"]["low"]) <= float(plan["cost_usd"]["high"]) < 0.0315
