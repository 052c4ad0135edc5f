"""What callers and records say is data: it becomes no SQL, no path, no class, no header and no line of a log."""

import json
import os
import pickle
import socket
from contextlib import closing
from urllib.parse import quote

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter

PLAIN_APP = """
from roadworthy import App, Model, Price, Prompt
from pydantic import BaseModel

app = App("shop", budget_usd=1)
small = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=64)

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

@app.step(models=[small])
def feel(note: dict) -> Prompt[Mood]:
    assert type(note["extra"]) is dict, type(note["extra"])
    return Prompt("Glad or sad?", note["text"])

@feel.check
def quotes(answer: Mood, note: dict) -> None:
    if "boom" in note["text"]:
        raise ValueError("a bug that says: " + note["text"])
"""
INJECTED = (
    "' OR '1'='1",
    "1; DROP TABLE record; --",
    "x' UNION SELECT hash, roles, namespace FROM access_key --",
    '" OR ""="',
    "%' OR 1=1 --",
    "\\'; DELETE FROM record; --",
    "1) OR (1=1",
    "CASE WHEN 1=1 THEN 1 ELSE randomblob(1000000000) END",
)
CLIMBING = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "....//....//etc/passwd",
    "console.css/../../../guard.py",
    "console.css\x00.txt",
    "CON",
    "~/.ssh/id_rsa",
    "file:///etc/passwd",
)
REVIVED = (
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "touch REVIVED"}},
    {"py/object": "os.system", "py/reduce": [{"py/function": "os.system"}, ["touch REVIVED"]]},
    {"__class__": "subprocess.Popen", "__reduce__": ["os.system", "touch REVIVED"]},
    {"$type": "System.Diagnostics.Process", "!!python/object/apply:os.system": ["touch REVIVED"]},
)


@pytest.mark.fault("E10")
@pytest.mark.parametrize("words", INJECTED, ids=range(len(INJECTED)))
def test_a_parameter_is_never_sql(shared: Counter, words: str) -> None:
    """A caller could read other people's records or drop the ledger's tables."""
    shared.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"})
    before = shared.ask("SELECT count(*) FROM record")
    said = quote(words, safe="")
    for method, path in (
        ("GET", f"/v1/records/{said}"),
        ("POST", f"/v1/records/{said}"),
        ("POST", f"/v1/records/{said}/feedback"),
        ("GET", f"/v1/jobs/{said}"),
        ("GET", f"/records?key={said}&outcome={said}&entry={said}&after={said}"),
        ("GET", f"/records/{said}"),
    ):
        body = {"ruling": "right"} if method == "POST" else None
        found = shared.call(method, path, body)
        assert found.status < 500, (path, found.body)
        assert b"n1" not in found.body or "records?" in path, path
    told = shared.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"}, Idempotency_Key=words)
    assert told.status in {200, 409}
    kept = shared.call("POST", "/v1/records/feel", {"id": words, "text": "what a day"})
    assert kept.json["key"] == words
    assert shared.call("GET", f"/v1/records/{said}").json["key"] == words
    assert shared.ask("SELECT count(*) FROM record")[0][0] == int(str(before[0][0])) + 1


@pytest.mark.fault("E17")
@pytest.mark.parametrize("words", CLIMBING, ids=range(len(CLIMBING)))
def test_a_name_is_never_a_path(shared: Counter, words: str) -> None:
    """A caller could read files of the machine, or have some written."""
    for said in (words, quote(words, safe="")):
        sent = said.replace("\x00", "%00")
        for path in (f"/static/{sent}", f"/v1/records/{sent}", f"/records/{sent}"):
            found = shared.call("GET", path)
            assert found.status in {404, 422, 400}, (path, found.status)
            assert b"root:" not in found.body
    named = shared.call(
        "POST",
        f"/v1/jobs/feel?name={quote(words, safe='')}",
        raw=b'{"id": "j1", "text": "what a day"}\n',
        Content_Type="application/x-ndjson",
    )
    assert named.status == (202 if words == "CON" else 422), named.body
    kept = shared.call("POST", "/v1/records/feel", {"id": words, "text": "what a day"})
    assert kept.status in {200, 422}
    assert not [file for file in shared.folder.rglob("*") if "passwd" in file.name]


@pytest.mark.fault("E1", "E2")
@pytest.mark.parametrize("marked", REVIVED, ids=range(len(REVIVED)))
def test_data_never_chooses_a_class(file_build: Build, marked: dict[str, object]) -> None:
    """A record that looks like a serialized object would become one, and run what it says."""
    counter = file_build({"what a day": "glad"}, "later")
    (counter.folder / "shop.py").write_text(PLAIN_APP)
    counter.start()
    note = {"id": "n1", "text": "what a day", "extra": marked}
    said = counter.call("POST", "/v1/records/feel", note)
    assert (said.status, said.json["outcome"]) == (200, "accepted"), said.body
    assert json.loads(str(counter.ask("SELECT body FROM record")[0][0]))["extra"] == marked
    assert not list(counter.folder.rglob("REVIVED"))


class _Touch:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch PICKLED",)


@pytest.mark.fault("E1")
@pytest.mark.parametrize(
    ("table", "column"),
    [("reply", "text"), ("record", "body"), ("record", "value"), ("question", "fixed")],
    ids=str,
)
def test_a_ledger_that_somebody_wrote_to_runs_nothing(file_build: Build, table: str, column: str) -> None:
    """Whoever can write a row of the ledger could run code in the service."""
    counter = file_build({"what a day": "glad"})
    note = {"id": "n1", "text": "what a day"}
    assert counter.call("POST", "/v1/records/feel", note).status == 200
    counter.stop()
    _overwrite(counter, table, column, pickle.dumps(_Touch()))
    counter.start()
    for path in ("/v1/records/n1", "/records/n1", "/"):
        counter.call("GET", path)
    counter.call("POST", "/v1/records/feel", note)
    assert not list(counter.folder.rglob("PICKLED"))
    assert counter.call("GET", "/healthz").status == 200


def _overwrite(counter: Counter, table: str, column: str, data: bytes) -> None:
    import sqlite3  # noqa: PLC0415 - this test alone writes past the product

    with closing(sqlite3.connect(counter.ledger)) as connection:
        for value in (data, data.decode("latin-1")):
            try:
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
            except sqlite3.Error:
                continue
            connection.commit()
            return
    raise AssertionError(f"{table}.{column} cannot be written")


@pytest.mark.fault("E14")
def test_a_bug_that_quotes_a_record_is_not_told_to_others(file_build: Build) -> None:
    """What a customer wrote would stand in the output of the service, which many can read."""
    counter = file_build({"boom SECRETWORDS": "glad"}, "later")
    (counter.folder / "shop.py").write_text(PLAIN_APP)
    counter.start()
    note = {"id": "n1", "text": "boom SECRETWORDS", "extra": {}}
    said = counter.call("POST", "/v1/records/feel", note)
    assert said.json["outcome"] == "failed"
    metrics = counter.call("GET", "/metrics").body
    assert b"SECRETWORDS" not in metrics
    assert "SECRETWORDS" not in counter.stop()


@pytest.mark.fault("E15")
def test_what_a_caller_sends_writes_no_line_of_the_output(file_build: Build) -> None:
    """A caller could write lines into the service's output, or colours and titles into the terminal that shows it."""
    counter = file_build({"what a day": "glad"})
    evil = "x\r\n2026-01-01 ERROR root: FORGED\x1b[31m\x1b]0;FORGED\x07"
    counter.call("POST", "/v1/records/feel", {"id": evil, "text": "what a day"})
    counter.call("GET", f"/v1/records/{quote(evil, safe='')}")
    counter.call("POST", f"/v1/records/{quote(evil, safe='')}", {"id": "n", "text": "x"})
    with closing(socket.create_connection(("127.0.0.1", counter.port), timeout=30)) as caller:
        caller.sendall(b"GET /" + evil.encode() + b" HTTP/1.1\r\n\r\n")
        assert caller.recv(65_536)
    said = counter.stop()
    assert "FORGED" not in said
    assert "\x1b" not in said


@pytest.mark.fault("E15")
def test_a_key_with_line_breaks_is_looked_for_like_any_other(shared: Counter) -> None:
    """The caller would be told that the method is wrong (405), where no record has such a key."""
    key = quote("a\nb\rc\x85d\u2028e\r\nf", safe="")
    found = shared.call("GET", f"/v1/records/{key}")
    ruled = shared.call("POST", f"/v1/records/{key}/feedback", {"ruling": "right"})
    assert (found.status, ruled.status) == (404, 404)
    assert found.json["detail"] == ruled.json["detail"] != "Not Found", "no route knew the path"


@pytest.mark.fault("E15")
def test_a_key_writes_no_header(shared: Counter) -> None:
    """A key with a line break would write headers, or a second answer, into the response that names it."""
    key = "k\r\nSet-Cookie: roadworthy=FORGED\r\n\r\n<script>"
    said = shared.call("POST", "/v1/records/feel", {"id": key, "text": "what a day"})
    assert said.status in {200, 422}
    assert "set-cookie" not in said.headers
    assert "\n" not in said.headers.get("location", "")


@pytest.mark.fault("E14")
def test_errors_tell_no_inside(shared: Counter) -> None:
    """An error would show files, SQL, a trace or another record to whoever provokes it."""
    for method, path, raw in (
        ("POST", "/v1/records/feel", b'{"id": "\\ud800", "text": "what a day"}'),
        ("POST", "/v1/records/feel", b'{"id": 1e999, "text": "x"}'),
        (
            "POST",
            "/v1/chat/completions",
            b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}',
        ),
        (
            "POST",
            "/v1/chat/completions",
            b'{"model": "feel", "messages": [{"role": "user", "content": "\\ud800"}]}',
        ),
        ("POST", "/v1/records/n1/feedback", b'{"ruling": "wrong", "answer": {"mood": "\\ud800"}}'),
        ("GET", "/v1/jobs/99999999999999999999999", None),
        ("GET", "/v1/records/%ff%fe", None),
        ("GET", "/%00", None),
        ("PUT", "/v1/models", b"{}"),
    ):
        said = shared.call(method, path, raw=raw, Content_Type="application/json")
        assert 400 <= said.status < 500 or (said.status == 200 and b"ud800" in (raw or b"")), (
            path,
            raw,
            said.status,
        )
        for inside in (b"Traceback", b"/site-packages", b".py", b"SELECT", str(shared.folder).encode()):
            assert inside not in said.body, (path, said.body)


@pytest.mark.fault("E24")
def test_guessing_numbers_finds_nothing(file_build: Build) -> None:
    """Whoever counts upwards would find the jobs and records of others, or learn which numbers there are."""
    counter = file_build({"what a day": "glad", "hm": "?sad"}, "later")
    ours = counter.new_key("ours", "--role", "admin", "--namespace", "ours")
    theirs = counter.new_key("theirs", "--role", "admin", "--namespace", "theirs")
    counter.start()
    counter.call("POST", "/v1/records/feel", {"id": "CANARYKEY", "text": "hm"}, key=ours)
    line = b'{"id": "CANARYLINE", "text": "what a day"}\n'
    counter.call("POST", "/v1/jobs/feel", raw=line, key=ours, Content_Type="application/x-ndjson")
    for method, path in (
        ("GET", "/v1/jobs/{}"),
        ("GET", "/v1/jobs/{}/rows"),
        ("POST", "/v1/jobs/{}/cancel"),
        ("GET", "/v1/records/{}"),
    ):
        nothing = counter.call(method, path.format(77), key=theirs)
        for number in range(1, 8):
            said = counter.call(method, path.format(number), key=theirs)
            assert (said.status, said.body) == (404, nothing.body), (path, number)
    for key in ("CANARYKEY", "CANARYLINE"):
        assert counter.call("GET", f"/v1/records/{key}", key=theirs).status == 404
        ruled = counter.call("POST", f"/v1/records/{key}/feedback", {"ruling": "right"}, key=theirs)
        assert ruled.status == 404
    # The console shows all namespaces, so nobody of one gets in.
    for path in ("/", "/records", "/desk", "/records/CANARYKEY"):
        said = counter.call("GET", path, key=theirs)
        assert said.status == 303
        assert b"CANARY" not in said.body
    # So do the metrics: how much the others ask, and what it costs them.
    assert counter.call("GET", "/metrics", key=theirs).status == 403
