"""Callers who are slow, many, or send too much: each is told so, and nobody else waits for them."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter

NOTE = b'{"id": "n1", "text": "what a day"}'
HEAD = b"POST /v1/records/feel HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
SHORT = {"serve_header_s": 0.5, "serve_body_s": 0.5, "serve_header_bytes_max": 4_000, "line_bytes_max": 4_000}


@contextmanager
def _call(counter: Counter) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", counter.port), timeout=60)) as caller:
        yield caller


def _told(caller: socket.socket) -> tuple[int, str]:
    """The status of an answer, and all of it; read until the service hangs up or the body is whole."""
    said = b""
    while part := caller.recv(65_536):
        said += part
        head, found, body = said.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if found and length and len(body) >= int(length[0].split(b":")[1]):
            break
    return int(said[9:12] or 0), said.decode()


@pytest.mark.fault("E20")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/rec", 408),
        (HEAD + b"x-slow: ", 408),
        (HEAD + b"content-length: 1000\r\n\r\n{", 408),
        (HEAD + b'transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n', 408),
        (HEAD + b"x-long: " + b"y" * 9_000, 431),
        (HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(900)), 431),
        (b"GET /" + b"a" * 9_000, 431),
        (HEAD + b"content-length: 9000\r\n\r\n" + b" " * 9_000, 413),
        (b"NONSENSE\r\n\r\n", 400),
    ],
    ids=[
        *("half a line", "half a header", "half a body", "half a chunk", "a long header", "many headers"),
        *("a long path", "a large body", "no HTTP"),
    ],
)
def test_what_is_too_slow_or_too_large_is_told_so(limited: Counter, sent: bytes, status: int) -> None:
    """One caller could hold a connection for ever, or fill the memory with headers or a body."""
    with _call(limited) as caller:
        caller.sendall(sent)
        found, words = _told(caller)
    assert found == status, words
    assert "Traceback" not in words


@pytest.fixture(scope="module")
def limited(shared_build: Build) -> Counter:
    """One counter with short limits for all of them."""
    return shared_build({"what a day": "glad"}, **SHORT)


def test_a_connection_that_is_kept_has_its_limits_anew(limited: Counter) -> None:
    """The second request of a connection would have none, or be cut off by the first one's."""
    body = HEAD + b"content-length: %d\r\n\r\n" % len(NOTE) + NOTE
    with _call(limited) as caller:
        for _ in range(3):
            caller.sendall(body)
            assert _told(caller)[0] == 200
            time.sleep(0.3)  # together longer than headers may take
        caller.sendall(HEAD)
        assert _told(caller)[0] == 408


POST = HEAD + b"content-length: %d\r\n\r\n" % len(NOTE)


@pytest.mark.parametrize(
    "parts",
    [
        [POST, NOTE],
        [POST + NOTE[:1], NOTE[1:9], NOTE[9:]],
        [
            HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n",
            NOTE[:5] + b"\r\n1d\r\n" + NOTE[5:],
            b"\r\n0\r\n\r\n",
        ],
        [POST + NOTE + POST, NOTE],
    ],
    ids=["head then body", "by pieces", "by chunks", "half of a second one behind the first"],
)
def test_a_body_may_come_in_parts(limited: Counter, parts: list[bytes]) -> None:
    """Work begins with the last byte: one that comes apart from the head would never begin."""
    wanted = b"".join(parts).count(b"POST ")
    with _call(limited) as caller:
        for part in parts:
            caller.sendall(part)
            time.sleep(0.02)
        said = b""
        while said.count(b"HTTP/1.1 200 OK") < wanted and (more := caller.recv(65_536)):
            said += more
    assert said.count(b"HTTP/1.1 ") == said.count(b"HTTP/1.1 200 OK") == wanted, said


def test_whoever_asks_for_leave_to_send_gets_it(limited: Counter) -> None:
    """A client such as curl waits for `100 Continue` before a body, and work would wait for the body."""
    with _call(limited) as caller:
        caller.sendall(POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
        assert caller.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(NOTE)
        assert _told(caller)[0] == 200


@pytest.mark.fault("E20")
@pytest.mark.parametrize(
    "sent",
    [POST + NOTE + POST, HEAD + b"content-length: 200000\r\n\r\n{"],
    ids=["a second one", "a large one"],
)
def test_the_rest_of_a_body_comes_in_time(file_build: Build, sent: bytes) -> None:
    """A request behind another one, or one that is begun before it is whole, would wait for its body for ever."""
    counter = file_build({"what a day": "glad"}, serve_body_s=0.5)
    with _call(counter) as caller:
        caller.sendall(sent)
        if sent.count(b"POST ") == 2:
            assert _told(caller)[0] == 200
        else:
            caller.sendall(b" " * 100_000)
        status, words = _told(caller)
        assert (status, "body did not come within 0.5 s" in words) == (408, True), words


def test_a_request_that_never_came_whole_does_not_keep_the_service_from_ending(file_build: Build) -> None:
    """One caller who stands still could hold up every restart for as long as a drain may take."""
    counter = file_build({}, serve_body_s=600, serve_drain_s=600)
    with _call(counter) as caller:
        caller.sendall(POST)
        assert counter.call("GET", "/healthz").status == 200
        assert "Traceback" not in counter.stop()
        assert caller.recv(1_000) == b""


@pytest.mark.fault("E18")
@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "gzip, gzip"])
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/records/feel", "application/json"), ("/v1/jobs/feel", "application/x-ndjson")],
    ids=["a record", "a file"],
)
def test_a_packed_body_is_not_unpacked(limited: Counter, packing: str, path: str, kind: str) -> None:
    """A few kilobytes would become gigabytes in memory."""
    bomb = gzip.compress(b"0" * 3_000_000)
    said = limited.call("POST", path, raw=bomb, Content_Type=kind, Content_Encoding=packing)
    assert said.status == 415, said.body
    sent = limited.call("POST", path, raw=bomb, Content_Type=kind)
    if sent.status == 202:  # a file of one line, which is no record
        assert (sent.json["records"], sent.json["rejected"]) == (1, 1)
    else:
        assert sent.status == 400, sent.body


@pytest.mark.fault("E18")
def test_a_deep_document_is_refused(limited: Counter) -> None:
    """A small body of nothing but brackets would exhaust the stack."""
    for body in (b"[" * 1_900 + b"]" * 1_900, b'{"a":' * 600 + b"1" + b"}" * 600):
        said = limited.call("POST", "/v1/records/feel", raw=body, Content_Type="application/json")
        assert said.status == 400, said.body


@pytest.mark.fault("E20")
def test_whoever_calls_too_many_times_at_once_is_told_to_come_again(file_build: Build) -> None:
    """Connections would be taken until the process has no files left, its ledger's among them."""
    counter = file_build({"what a day": "glad"}, serve_connections_max=20)
    with ExitStack() as stack:
        callers = [stack.enter_context(_call(counter)) for _ in range(40)]
        told = [_told(caller) for caller in callers[-15:]]
        assert {status for status, _ in told} == {503}
        assert all("retry-after" in words for _, words in told)
    for _ in range(100):  # until the service has seen that they are gone
        if counter.call("GET", "/healthz").status == 200:
            return
        time.sleep(0.1)
    raise AssertionError("nobody is let in any more")


@pytest.mark.fault("E20")
def test_slow_callers_do_not_keep_others_waiting(file_build: Build) -> None:
    """Three hundred callers who send a byte now and then would make everybody else wait."""
    counter = file_build({"what a day": "glad"})
    with ExitStack() as stack:
        for number in range(300):
            caller = stack.enter_context(_call(counter))
            caller.sendall(HEAD if number % 2 else HEAD + b"content-length: 1000\r\n\r\n{")
        assert counter.call("GET", "/healthz").status == 200
        assert counter.call("POST", "/v1/records/feel", json.loads(NOTE)).status == 200


@pytest.mark.fault("E20")
def test_a_caller_who_leaves_is_no_error_of_ours(file_build: Build) -> None:
    """Whoever hangs up would fill the output with tracebacks, or take a record with them."""
    counter = file_build({"what a day": "glad"}, latency_ms=300)
    for sent in (HEAD, HEAD + b"content-length: 1000\r\n\r\n{"):
        with _call(counter) as caller:
            caller.sendall(sent)
    with _call(counter) as caller:
        caller.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(NOTE) + NOTE)
        time.sleep(0.15)
    for _ in range(100):
        if counter.call("GET", "/v1/records/n1").status == 200:
            break
        time.sleep(0.1)
    assert "Traceback" not in counter.stop()
    assert counter.ask("SELECT outcome FROM record") == [("accepted",)]


@pytest.mark.fault("E20", "E21")
def test_more_than_fits_is_shed_at_once_and_not_queued(file_build: Build) -> None:
    """At twice what it can do the service would queue, and everybody would wait for minutes."""
    counter = file_build({}, latency_ms=1_500, serve_records_max=5)
    statuses: list[int] = []

    def send(number: int) -> None:
        note = {"id": f"n{number}", "text": f"note {number}"}
        said = counter.call("POST", "/v1/records/feel", note, Prefer="respond-async")
        statuses.append(said.status)
        assert said.status == 202 or int(said.headers["retry-after"]) >= 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(202), statuses.count(429)) == (5, 10)
    assert counter.ask("SELECT count(*) FROM record") == [(5,)], "what was refused was kept all the same"


def test_what_comes_while_a_request_is_worked_on_does_not_answer_it(file_build: Build) -> None:
    """A line break after a body, as some clients send one, would get a record that is being worked on answered 408."""
    counter = file_build({"what a day": "glad"}, latency_ms=1_500, serve_header_s=0.3)
    body = b'{"id": "n1", "text": "what a day"}'
    head = b"POST /v1/records/feel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with _call(counter) as caller:
        caller.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.1)
        caller.sendall(b"\r\n")
        assert _told(caller)[0] == 200
