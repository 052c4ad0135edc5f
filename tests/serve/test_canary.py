"""A key and another customer's words, searched for in everything that leaves, whatever the provider does."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter

from roadworthy.vet.kind import IN_CONTENT, IN_TRANSIT, STANDING

PROVIDER_KEY = "sk-CANARY0provider1key2PROVIDERKEY"
WORDS = "CANARYWORDS of another customer"
MOODS = {"what a day": "glad", WORDS: "glad", "hm": "?sad"}
FAULTS = (*IN_CONTENT, *IN_TRANSIT, *STANDING)
"""The whole matrix; what closes the lane comes last."""


def _leaving(counter: Counter, keys: dict[str, str]) -> dict[str, bytes]:
    """Everything that the service shows to somebody of another namespace, and to operators."""
    theirs = keys["theirs"]
    shown = {}
    for path in (
        "/v1/models",
        "/v1/records/n1",
        "/v1/records/secret",
        "/v1/jobs/1",
        "/v1/jobs/1/rows",
        "/nothing",
    ):
        shown[f"theirs {path}"] = counter.call("GET", path, key=theirs).body
    for path in ("/metrics", "/openapi.json"):
        shown[f"operator {path}"] = counter.call("GET", path, key=keys["admin"]).body
    chat = {"model": "feel", "messages": [{"role": "user", "content": "what a day"}], "api_key": "x"}
    shown["an error"] = counter.call("POST", "/v1/chat/completions", chat, key=theirs).body
    wrong = quote("' OR 1=1", safe="")
    shown["another error"] = counter.call("POST", f"/v1/records/{wrong}", {"id": 1}, key=theirs).body
    return shown


@pytest.mark.fault("E13", "E24")
@pytest.mark.timeout(300)
def test_a_key_and_another_customers_words_appear_nowhere(file_build: Build) -> None:
    """A key, or what one customer wrote, would be read by whoever sees an error, a page, a figure or the output."""
    counter = file_build(MOODS, "later")
    counter.environ["OPENAI_API_KEY"] = PROVIDER_KEY
    keys = {
        "admin": counter.new_key("admin", "--role", "admin"),
        "ours": counter.new_key("ours", "--role", "admin", "--namespace", "ours"),
        "theirs": counter.new_key("theirs", "--role", "admin", "--namespace", "theirs"),
    }
    counter.environ |= {"ROADWORTHY_SERVE_WAIT_S": "1", "ROADWORTHY_RECORD_DEADLINE_S": "1"}
    counter.start()
    seen: dict[str, bytes] = {}
    mine = {"id": "secret", "text": WORDS}
    assert counter.call("POST", "/v1/records/feel", mine, key=keys["ours"]).status in {200, 202}
    for number, fault in enumerate(FAULTS):
        counter.sim.script({"faults": {fault.value: 1.0}})
        note = {"id": f"f{number}", "text": f"note {number}"}
        for name in ("ours", "theirs"):
            words = f"{WORDS} {number}" if name == "ours" else note["text"]
            said = counter.call("POST", "/v1/records/feel", {**note, "text": words}, key=keys[name])
            assert PROVIDER_KEY.encode() not in said.body
            if name == "theirs":
                seen[f"{fault} told"] = said.body
    seen |= _leaving(counter, keys)
    for key in keys.values():
        for name, body in seen.items():
            assert key.encode() not in body, name
    for name, body in seen.items():
        assert b"CANARY" not in body, name
        assert PROVIDER_KEY.encode() not in body, name
    output = counter.stop()
    endings = counter.ask("SELECT DISTINCT ending FROM attempt")
    assert len(endings) >= 4, endings
    assert "CANARY" not in output, output[-2_000:]
    assert all(key not in output for key in keys.values())
    for line in ("export shop.py -o all.jsonl", "report shop.py --json", "doctor shop.py"):
        told = counter.command(*line.split())
        assert PROVIDER_KEY not in told
        assert all(key not in told for key in keys.values())
    assert PROVIDER_KEY not in (counter.folder / "all.jsonl").read_text()
    with closing(sqlite3.connect(counter.ledger)) as connection:
        dump = "\n".join(connection.iterdump())
    assert "CANARYWORDS" in dump, "the search finds nothing because there is nothing"
    assert PROVIDER_KEY not in dump
    assert all(key not in dump for key in keys.values())
