"""The official clients' batches against the simulator, so that what ours says and reads is what theirs do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from roadworthy.vet.process import RunningSimulator, start_simulator

REASON = "install the group sdks: make sdks"
openai = pytest.importorskip("openai", reason=REASON)
anthropic = pytest.importorskip("anthropic", reason=REASON)
genai = pytest.importorskip("google.genai", reason=REASON)
NAMES = [f"call-{number}" for number in range(6)]


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    """A provider whose second batch expires."""
    with start_simulator(default_answer="yes", prices={"small": "1,1"}) as running:
        running.script({"batches": {"expired": [2], "shuffled": True}})
        yield running


def test_openai(sim: RunningSimulator) -> None:
    """Our uploads, batches and files would be those of no client that OpenAI knows."""
    client = openai.OpenAI(base_url=sim.url, api_key="sk-test")

    def send() -> Any:
        body = {"model": "small", "messages": [{"role": "user", "content": "?"}]}
        lines = [
            json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body})
            for name in NAMES
        ]
        file = client.files.create(file=("calls.jsonl", "\n".join(lines).encode()), purpose="batch")
        created = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"roadworthy": "tag"},
        )
        return client.batches.retrieve(created.id)

    done, expired = send(), send()
    assert (done.status, expired.status) == ("completed", "expired")
    rows = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
    assert sorted(row["custom_id"] for row in rows) == NAMES
    assert rows[0]["response"]["body"]["choices"][0]["message"]["content"] == "yes"
    errors = client.files.content(expired.error_file_id).text.splitlines()
    assert {json.loads(line)["error"]["code"] for line in errors} == {"batch_expired"}
    assert [batch.id for batch in client.batches.list(limit=1)] == [expired.id, done.id]
    assert done.metadata == {"roadworthy": "tag"}


def test_anthropic(sim: RunningSimulator) -> None:
    """The same for Anthropic's message batches."""
    client = anthropic.Anthropic(base_url=sim.url.removesuffix("/v1"), api_key="sk-test")

    def send() -> Any:
        params = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
        created = client.messages.batches.create(
            requests=[{"custom_id": name, "params": params} for name in NAMES]
        )
        return client.messages.batches.retrieve(created.id)

    done, expired = send(), send()
    assert (done.processing_status, done.request_counts.succeeded) == ("ended", 6)
    assert (expired.request_counts.succeeded, expired.request_counts.expired) == (3, 3)
    rows = list(client.messages.batches.results(done.id))
    assert sorted(row.custom_id for row in rows) == NAMES
    assert rows[0].result.message.content[0].text == "yes"
    kinds = [row.result.type for row in client.messages.batches.results(expired.id)]
    assert sorted(kinds) == ["expired"] * 3 + ["succeeded"] * 3
    assert [batch.id for batch in client.messages.batches.list(limit=1)] == [expired.id, done.id]


def test_gemini(sim: RunningSimulator) -> None:
    """The same for Gemini's batches with their calls inline."""
    options = genai.types.HttpOptions(base_url=sim.url.removesuffix("/v1"))
    client = genai.Client(api_key="sk-test", http_options=options)

    def send() -> Any:
        calls = [
            {"contents": [{"role": "user", "parts": [{"text": "?"}]}], "metadata": {"key": name}}
            for name in NAMES
        ]
        created = client.batches.create(model="small", src=calls, config={"display_name": "tag"})
        return client.batches.get(name=created.name)

    done, expired = send(), send()
    assert (done.state.name, done.display_name) == ("JOB_STATE_SUCCEEDED", "tag")
    assert sorted(row.metadata["key"] for row in done.dest.inlined_responses) == NAMES
    assert done.dest.inlined_responses[0].response.text == "yes"
    assert (expired.state.name, expired.dest) == ("JOB_STATE_EXPIRED", None)
    assert [job.name for job in client.batches.list(config={"page_size": 1})] == [expired.name, done.name]
