"""Who gets in, and what they may do there."""

import http.client
import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter

from roadworthy.serve.command import _is_loopback

NOTE = {"id": "n1", "text": "what a day"}
MOODS = {"what a day": "glad", "hm": "?sad"}


@pytest.mark.fault("E12")
def test_a_public_address_takes_keys(file_build: Build) -> None:
    """A service that others can reach would let everybody in."""
    counter = file_build(MOODS, "later")
    words = counter.command("serve", "shop.py", "--host", "0.0.0.0", "--port", "0", status=2)
    assert "no keys" in words
    assert not _is_loopback("0.0.0.0")
    assert _is_loopback("::1")


@pytest.mark.fault("E12")
def test_a_revoked_key_lets_nobody_in_and_does_not_open_the_door(file_build: Build) -> None:
    """Taking the last key back would let everybody in without one."""
    counter = file_build(MOODS, "later")
    key = counter.new_key("ann", "--role", "submit")
    counter.start()
    assert counter.call("GET", "/v1/models", key=key).status == 200
    counter.command("keys", "shop.py", "revoke", "ann")
    assert counter.call("GET", "/v1/models", key=key).status == 401
    assert counter.call("GET", "/v1/models").status == 401


@pytest.mark.fault("E12")
def test_a_visit_ends_with_its_key_and_not_with_its_name(file_build: Build) -> None:
    """Whoever lost a key, and was given a lesser one of the same name, would keep what the first one let them do."""
    counter = file_build(MOODS, "later")
    key = counter.new_key("ann", "--role", "admin")
    counter.start()
    form = "application/x-www-form-urlencoded"
    visit = counter.call("POST", "/login", raw=f"key={key}".encode(), Content_Type=form)
    cookie = visit.headers["set-cookie"].partition(";")[0]
    assert counter.call("GET", "/versions", Cookie=cookie).status == 200
    counter.command("keys", "shop.py", "revoke", "ann")
    counter.new_key("ann", "--role", "submit")
    assert counter.call("GET", "/versions", Cookie=cookie).status == 303


@pytest.mark.fault("E12")
def test_a_key_is_kept_nowhere(file_build: Build) -> None:
    """Whoever reads the ledger could call the service."""
    counter = file_build(MOODS, "later")
    key = counter.new_key("ann", "--role", "submit")
    counter.start()
    counter.call("POST", "/v1/records/feel", NOTE, key=key)
    said = counter.stop()
    assert key not in said
    assert key.encode() not in b"".join(Path(file).read_bytes() for file in counter.folder.glob("shop.db*"))
    assert key not in counter.command("keys", "shop.py", "list")


@pytest.mark.fault("E24")
def test_namespaces_do_not_see_each_other(build: Build) -> None:
    """One customer's record, job or answer would be seen by another one."""
    counter = build(MOODS, "later")
    ours = counter.new_key("ours", "--role", "admin", "--namespace", "ours")
    theirs = counter.new_key("theirs", "--role", "admin", "--namespace", "theirs")
    counter.start()
    assert counter.call("POST", "/v1/records/feel", NOTE, key=ours).status == 200
    assert counter.call("GET", "/v1/records/n1", key=theirs).status == 404
    assert counter.call("POST", "/v1/records/n1/feedback", {"ruling": "right"}, key=theirs).status == 404
    body = json.dumps(NOTE).encode()
    where = counter.call(
        "POST", "/v1/jobs/feel", raw=body, key=ours, Content_Type="application/jsonl"
    ).headers["location"]
    for path, method in ((where, "GET"), (f"{where}/rows", "GET"), (f"{where}/cancel", "POST")):
        assert counter.call(method, path, key=theirs).status == 404, path
    assert len(counter.sim.requests()) == 1, "within a namespace an answer is bought once"
    same = counter.call("POST", "/v1/records/feel", NOTE, key=theirs)
    assert same.json["attempts"] == 1, "an answer of one namespace told another one what it had asked"
    assert len(counter.sim.requests()) == 2


@pytest.mark.fault("E24")
def test_a_word_of_one_namespace_is_about_its_own_record(build: Build) -> None:
    """One customer's ruling would take the place of another's on a record of the same key, and be learned from for both."""
    counter = build(MOODS, "later")
    ours, theirs = (
        counter.new_key(name, "--role", "submit", "--role", "review", "--namespace", name)
        for name in ("ours", "theirs")
    )
    counter.start()
    counter.call("POST", "/v1/records/feel", NOTE, key=ours)
    counter.call("POST", "/v1/records/feel", NOTE, key=theirs)
    assert counter.call("POST", "/v1/records/n1/feedback", {"ruling": "right"}, key=ours).status == 200
    wrong = {"ruling": "wrong", "answer": {"mood": "sad"}}
    assert counter.call("POST", "/v1/records/n1/feedback", wrong, key=theirs).status == 200
    assert counter.ask("SELECT namespace, correct FROM label ORDER BY namespace") == [
        ("ours", 1),
        ("theirs", None),
    ]
    counter.command("label", "shop.py:feel", str(_labels(counter)))
    assert counter.ask("SELECT count(*) FROM label") == [(3,)], (
        "a label from a file is of the app's own record"
    )


def _labels(counter: Counter) -> Path:
    place = counter.folder / "labels.jsonl"
    place.write_text(json.dumps({"key": "n1", "label": {"mood": "sad", "sure": 1}}) + "\n")
    return place


@pytest.mark.fault("E8")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://127.0.0.1"}, 200),
    ],
    ids=str,
)
def test_another_site_does_not_reach_the_service(
    shared: Counter, headers: dict[str, str], status: int
) -> None:
    """A page in a browser on this machine could read records and have answers bought."""
    sent = {"Content-Type": "application/json", **headers}
    with closing(http.client.HTTPConnection("127.0.0.1", shared.port, timeout=30)) as connection:
        connection.putrequest("POST", "/v1/records/feel", skip_host="Host" in sent)
        body = json.dumps(NOTE).encode()
        for name, value in {**sent, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        assert connection.getresponse().status == status


def test_every_response_is_guarded(shared: Counter) -> None:
    """A browser would guess types, keep answers, or show a page inside another one."""
    for path in ("/healthz", "/nothing", "/v1/records/nobody"):
        found = shared.call("GET", path).headers
        assert found["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in found["content-security-policy"]
        assert "unsafe-inline" not in found["content-security-policy"]
        assert "server" not in found
