"""The wire, on real sockets: how each break is told, and that no call is ever sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.call.wire import Act, Seen, answer, reset, serving

from roadworthy._settings import DEFAULTS, Settings
from roadworthy.call.reply import Exchange
from roadworthy.call.transport import PyreqwestTransport

HEADERS = {"authorization": "Bearer sk-test-0123456789", "content-type": "application/json"}
BODY = b'{"messages":[]}'


def posted(
    act: Act, *, timeout_s: float = 5.0, settings: Settings = DEFAULTS, times: int = 1
) -> tuple[Exchange, Seen]:
    """Post so many times, one after the other, to a server that does `act`; the last exchange."""

    async def run() -> tuple[Exchange, Seen]:
        async with asyncio.timeout(20), serving(act) as seen:
            transport = PyreqwestTransport(settings)
            for _ in range(times):
                exchange = await transport.post(seen.url, HEADERS, BODY, timeout_s)
            await transport.close()
            return exchange, seen

    return asyncio.run(run())


def sending(raw: bytes, *, then_close: bool = True) -> Act:
    """Answer with these bytes."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
        writer.write(raw)
        await writer.drain()
        return not then_close

    return act


async def resetting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
    """RST after the request was read."""
    reset(writer)
    return False


async def hanging(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _number: int) -> bool:
    """Never answer."""
    await asyncio.sleep(60)
    return False


async def trickling(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
    """One byte at a time: never silent for long, never done."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


def test_a_whole_response_comes_whole_and_the_request_was_what_was_asked() -> None:
    """The provider would see another request than the one whose bytes are the key of its reply."""
    exchange, seen = posted(answer)
    assert (exchange.status, exchange.body, exchange.error) == (200, b'{"ok":true}', "")
    assert exchange.headers["content-type"] == "application/json"
    (head,) = seen.heads
    assert head.startswith("post /v1/chat/completions http/1.1\r\n")
    assert "authorization: bearer sk-test-0123456789" in head
    assert "user-agent: roadworthy/" in head
    assert "referer" not in head


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (resetting, "reset"),
        (sending(b""), "reset"),
        (sending(b"SSH-2.0-OpenSSH\r\n\r\n"), "reset"),
        (sending(b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nabc"), "reset"),
        (sending(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"), "cut"),
        (sending(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"), "cut"),
        (sending(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n" + b"x" * 500_000), "cut"),
    ],
    ids=["rst", "fin", "not-http", "bad-length", "short", "chunk-missing", "large-short"],
)
@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
def test_what_broke_after_it_was_read_counts_as_sent_and_is_sent_once(
    act: Act, error: str, *, reused: bool
) -> None:
    """A request that the provider bills would cost nothing, or be sent twice behind the ledger's back."""

    async def second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        return await (answer if reused and number == 0 else act)(reader, writer, number)

    exchange, seen = posted(second, times=2 if reused else 1)
    assert exchange.error == error
    assert exchange.detail
    assert len(seen.heads) == (2 if reused else 1)
    assert seen.connections == 1


@pytest.mark.parametrize("act", [hanging, trickling], ids=["silent", "trickle"])
def test_the_timeout_covers_all_of_an_attempt(act: Act) -> None:
    """A stalled provider would hold a record, its slot and its reservation for ever."""
    began = time.monotonic()
    exchange, seen = posted(act, timeout_s=0.5)
    assert exchange.error == "timeout"
    assert 0.4 < time.monotonic() - began < 10
    assert len(seen.heads) == 1


def test_an_answer_that_comes_whole_may_keep_silent_for_its_whole_attempt() -> None:
    """A model that reasons for minutes before its first byte would be cut off, paid for and asked again."""

    async def thinking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        await asyncio.sleep(0.6)
        return await answer(reader, writer, number)

    exchange, _ = posted(thinking, timeout_s=15, settings=replace(DEFAULTS, stream_idle_s=0.2))
    assert (exchange.status, exchange.error) == (200, "")


@contextmanager
def refusing() -> Iterator[str]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1/chat/completions"


@contextmanager
def unresponsive() -> Iterator[str]:
    """A port whose queue of connections is full, so that connecting takes for ever."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(held.getsockname())
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1/chat/completions"
        for one in waiting:
            one.close()


@contextmanager
def unknown_host() -> Iterator[str]:
    """A name that is reserved for not existing (RFC 6761)."""
    yield "http://nowhere.invalid/v1/chat/completions"


@pytest.mark.parametrize("place", [refusing, unresponsive, unknown_host])
def test_what_never_left_is_told_apart(place: Callable[[], AbstractContextManager[str]]) -> None:
    """An outage before the wire would be charged as if the provider might bill it."""

    async def run() -> Exchange:
        transport = PyreqwestTransport(replace(DEFAULTS, connect_timeout_s=0.3))
        with place() as url:
            exchange = await transport.post(url, HEADERS, BODY, 10)
        await transport.close()
        return exchange

    exchange = asyncio.run(run())
    assert (exchange.error, exchange.status) == ("unsent", 0)
    assert exchange.detail


def test_a_total_timeout_while_connecting_counts_as_sent() -> None:
    """The one case that pyreqwest does not tell apart would be taken for free, and so would a real timeout."""

    async def run() -> Exchange:
        transport = PyreqwestTransport(DEFAULTS)
        with unresponsive() as url:
            exchange = await transport.post(url, HEADERS, BODY, 0.2)
        await transport.close()
        return exchange

    assert asyncio.run(run()).error == "timeout"


def test_tls_that_fails_sends_nothing() -> None:
    """The key would go out over a connection that nobody vouched for."""

    async def run() -> tuple[Exchange, bytes]:
        received = bytearray()

        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.extend(await reader.read(4096))
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        transport = PyreqwestTransport(DEFAULTS)
        port = server.sockets[0].getsockname()[1]
        exchange = await transport.post(f"https://127.0.0.1:{port}/v1", HEADERS, BODY, 5)
        await transport.close()
        server.close()
        return exchange, bytes(received)

    exchange, received = asyncio.run(run())
    assert exchange.error == "unsent"
    assert b"sk-test" not in received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The key and the record would go to whatever address a response names."""

    async def run() -> tuple[Exchange, Seen, Seen]:
        async with serving(answer) as elsewhere:
            moved = f"HTTP/1.1 {status} Moved\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
            async with serving(sending(moved.encode())) as seen:
                transport = PyreqwestTransport(DEFAULTS)
                exchange = await transport.post(seen.url, HEADERS, BODY, 5)
                await transport.close()
            return exchange, seen, elsewhere

    exchange, seen, elsewhere = asyncio.run(run())
    assert exchange.status == status
    assert len(seen.heads) == 1
    assert elsewhere.connections == 0


def test_connections_are_kept_and_an_idle_one_that_was_closed_is_replaced() -> None:
    """Each call would pay for a connection, or the first call after a pause would fail."""

    async def run() -> Seen:
        async with serving(answer) as seen:
            transport = PyreqwestTransport(DEFAULTS)
            for _ in range(3):
                assert (await transport.post(seen.url, HEADERS, BODY, 5)).status == 200
            assert seen.connections == 1
            seen.writers[0].close()
            await asyncio.sleep(0.2)
            assert (await transport.post(seen.url, HEADERS, BODY, 5)).status == 200
            await transport.close()
            return seen

    seen = asyncio.run(run())
    assert (len(seen.heads), seen.connections) == (4, 2)


def test_a_connection_that_closes_under_a_request_costs_at_most_one_request() -> None:
    """The client would send again by itself what the provider may have read: billed twice, one row."""

    async def run() -> None:
        async with serving(answer) as seen:
            transport = PyreqwestTransport(DEFAULTS)
            for number in range(60):
                before = len(seen.heads)
                exchange = await transport.post(seen.url, HEADERS, BODY, 5)
                read = len(seen.heads) - before
                assert read <= 1, number
                assert exchange.status == 200 or exchange.error in {"reset", "unsent"}
                assert exchange.error != "unsent" or read == 0
                if seen.writers:
                    seen.writers[-1].close()  # no pause: the close races with the next request
            await transport.close()

    asyncio.run(run())


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_giant_is_cut_off_while_it_comes(*, announced: bool) -> None:
    """A response could fill the memory before anyone looked at its size."""
    most, block = 200_000, b"x" * 65_536
    sent = 0

    async def giant(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
        nonlocal sent
        how = b"content-length: 100000000" if announced else b"transfer-encoding: chunked"
        writer.write(b"HTTP/1.1 200 OK\r\n" + how + b"\r\n\r\n")
        for _ in range(1_500):
            writer.write(block if announced else b"%x\r\n%s\r\n" % (len(block), block))
            await writer.drain()
            sent += len(block)
        return False

    exchange, _ = posted(giant, settings=replace(DEFAULTS, response_bytes_max=most))
    assert (exchange.error, exchange.status, exchange.body) == ("too_large", 200, b"")
    assert sent < 30_000_000, (
        "the rest of 98 MB stayed with the server; what left it stands in socket buffers"
    )


def test_what_unpacks_to_a_giant_is_cut_off_too() -> None:
    """A few hundred bytes could unpack to what fills the memory."""
    packed = gzip.compress(b"x" * 5_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
    exchange, _ = posted(
        sending(head.encode() + packed), settings=replace(DEFAULTS, response_bytes_max=100_000)
    )
    assert len(packed) < 100_000
    assert exchange.error == "too_large"


def test_a_large_response_below_the_limit_comes_whole() -> None:
    """The guard against giants would cut off long answers."""
    long = b"y" * 3_000_000
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(long), long)
    exchange, _ = posted(sending(raw))
    assert (exchange.error, exchange.body) == ("", long)


def test_two_hundred_at_once_each_get_their_own() -> None:
    """Under load responses would be mixed up, lost, or sent twice."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        del reader
        await asyncio.sleep(0.05)
        said = b'{"n":%d}' % number
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(said), said))
        await writer.drain()
        return True

    async def run() -> tuple[list[Exchange], Seen]:
        async with serving(echo) as seen:
            transport = PyreqwestTransport(DEFAULTS)
            found = await asyncio.gather(*(transport.post(seen.url, HEADERS, BODY, 15) for _ in range(200)))
            await transport.close()
            return found, seen

    found, seen = asyncio.run(run())
    assert len({exchange.body for exchange in found}) == len(seen.heads) == 200
    assert {exchange.status for exchange in found} == {200}


def test_a_cancelled_call_returns_at_once_and_hurts_no_other() -> None:
    """An interrupt would wait for the slowest call, break the calls beside it, or leave a request for ever."""

    async def run() -> tuple[Exchange, bool]:
        gone = asyncio.Event()

        async def first_hangs(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
        ) -> bool:
            if number:
                return await answer(reader, writer, number)
            await reader.read()  # until the client closes
            gone.set()
            return False

        async with asyncio.timeout(20), serving(first_hangs) as seen:
            transport = PyreqwestTransport(DEFAULTS)
            hung = asyncio.create_task(transport.post(seen.url, HEADERS, BODY, 2.0))
            while not seen.heads:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
            hung.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await hung
            assert time.monotonic() - began < 1.8
            exchange = await transport.post(seen.url, HEADERS, BODY, 5)
            await asyncio.wait_for(gone.wait(), 5)
            await transport.close()
            return exchange, gone.is_set()

    exchange, closed = asyncio.run(run())
    assert exchange.status == 200
    assert closed


def test_a_proxy_of_the_environment_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator and a model on this machine would be reached through a company's proxy, or not at all."""

    async def run() -> tuple[Exchange, Seen]:
        async with serving(answer) as proxy, serving(answer) as seen:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url.removesuffix("/v1/chat/completions"))
            transport = PyreqwestTransport(DEFAULTS)
            exchange = await transport.post(seen.url, HEADERS, BODY, 5)
            beyond = await transport.post("http://nowhere.invalid/v1", {}, BODY, 5)
            await transport.close()
            assert beyond.body == b'{"ok":true}', "the world is reached through the proxy"
            assert len(proxy.heads) == 1
            return exchange, seen

    exchange, seen = asyncio.run(run())
    assert exchange.status == 200
    assert len(seen.heads) == 1


def test_nothing_is_opened_before_the_first_call_and_closing_twice_is_fine() -> None:
    """Making an app would start threads and connections."""

    async def run() -> None:
        transport = PyreqwestTransport(DEFAULTS)
        assert transport._clients == {}
        await transport.close()
        await transport.close()

    asyncio.run(run())


def test_the_environments_proxy_is_for_the_world_and_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A team behind a proxy could not reach its provider, or its own server only by way of the proxy."""

    async def run() -> tuple[Exchange, Exchange, list[bytes]]:
        asked: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        transport = PyreqwestTransport(DEFAULTS)
        away = await transport.post("https://api.example.invalid/v1", HEADERS, BODY, 5)
        async with serving(answer) as seen:
            here = await transport.post(seen.url, HEADERS, BODY, 5)
        await transport.close()
        server.close()
        return away, here, asked

    away, here, asked = asyncio.run(run())
    assert asked == [b"CONNECT api.example.invalid:443 HTTP/1.1"]
    assert (away.status, away.error) == (0, "unsent"), "the proxy refused before anything was sent"
    assert here.status == 200


def test_a_certificate_is_trusted_where_the_environment_names_its_issuer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A team behind a gateway with a certificate of its own could not reach it, or any certificate would do."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificates, and is not installed")

    def made(*words: str) -> None:
        subprocess.run([openssl, *words], check=True, capture_output=True, cwd=tmp_path, timeout=60)

    fresh = ("-newkey", "rsa:2048", "-nodes")
    made("req", "-x509", *fresh, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ours")
    made("req", *fresh, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    made("x509", "-req", "-in", "leaf.csr", *signed, "-out", "leaf.pem")

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer, 0)
        writer.close()

    async def run() -> list[Exchange]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
        server = await asyncio.start_server(act, "127.0.0.1", 0, ssl=context)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
        exchanges = []
        for trusted in (False, True):
            if trusted:
                monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            transport = PyreqwestTransport(DEFAULTS)
            exchanges.append(await transport.post(url, HEADERS, BODY, 5))
            await transport.close()
        server.close()
        return exchanges

    stranger, known = asyncio.run(run())
    assert (stranger.error, known.status) == ("untrusted", 200)
    assert "certificate" in stranger.detail
