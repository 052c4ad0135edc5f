"""Rows A11 to A14: connections that are refused, reset, never made, or lead to somebody else."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from tests.faults.bench import GOOD, PRICES, SMALL, Bench, go, notes
from tests.faults.odd import RESET, Asked, OddProvider, says

from roadworthy import Model, Price
from roadworthy._events import AttemptEnded, Event, LaneChanged
from roadworthy.vet.simulator import Simulator


@pytest.mark.fault("A11")
def test_a_provider_that_is_not_up_yet_costs_nothing_and_is_tried_again(bench: Bench) -> None:
    """A restart of the provider would fail records, or be charged for requests that never left."""

    async def scenario() -> None:
        tried = asyncio.Event()

        def hear(event: Event) -> None:
            if isinstance(event, AttemptEnded):
                tried.set()

        with socket.socket() as held:  # bound, so that nobody else gets the port; nobody listens
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            bench.provider(f"http://127.0.0.1:{port}/v1")
            running = asyncio.create_task(bench.run(bench.topics(), notes(20), hear=hear, concurrency=4))
            await tried.wait()
        async with Simulator(prices=PRICES, port=port) as sim:
            ran = await running
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 20, 0)
            assert len(sim.requests()) == 20
            assert ran.summary.cost_usd == sim.bill().total.cost_usd
        unsent = [cost for state, _, cost, _ in bench.attempts() if state == "unsent"]
        assert unsent
        assert set(unsent) == {0}

    go(scenario())


@pytest.mark.fault("A11")
def test_a_reset_after_sending_is_charged_and_sent_again_once(bench: Bench) -> None:
    """A lost answer would be booked as free, although the provider may have billed it; or asked for without end."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"reset": 1.0}, in_a_row_max=1) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(3))
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 3, 3)
            assert len(sim.requests()) == 6
            billed = sim.bill().total.cost_usd
            assert billed is not None
            assert ran.summary.cost_usd >= billed

    go(scenario())


@pytest.mark.fault("A12")
def test_a_connection_that_the_server_let_go_of_is_no_error(bench: Bench) -> None:
    """Each pause between two records would end in an error that has nothing to do with either."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, idle_s=0.1) as sim:
            bench.provider(sim.url)
            topic = bench.topics()
            for row in notes(6):
                result = await topic.result(topic.record_schema.validate(row))  # type: ignore[arg-type] # its own value
                assert (result.outcome, result.attempts) == ("accepted", 1)
                await asyncio.sleep(0.2)
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert len(sim.requests()) == 6

    go(scenario())


@pytest.mark.fault("A12")
def test_a_reset_on_a_kept_connection_is_sent_again_on_a_fresh_one(bench: Bench) -> None:
    """The second record of each connection would fail."""

    async def scenario() -> None:
        def reply(asked: Asked) -> bytes:
            return says(GOOD) if asked.on_connection == 1 else RESET

        async with OddProvider(reply) as odd:
            bench.provider(odd.url)
            ran = await bench.run(bench.topics(), notes(4), concurrency=1)
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 4, 3)
            assert len(odd.asked) == 7
            assert odd.connections == 4

    go(scenario())


@pytest.mark.fault("A13")
def test_a_name_that_cannot_be_found_ends_in_time_and_costs_nothing(bench: Bench) -> None:
    """A run would hang on a name, fail its records, or book what never left."""

    async def scenario() -> None:
        bench.monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
        bench.provider("https://provider.invalid/v1")
        began = asyncio.get_running_loop().time()
        ran = await bench.run(bench.topics(settings={"patience_s": 1.0}), notes(5))
        assert asyncio.get_running_loop().time() - began < 15.0
        assert (ran.status, ran.summary.failed, ran.summary.cost_usd) == (3, 0, Decimal(0))
        assert ran.summary.waiting.get("provider", 0) + ran.summary.pending == 5
        assert {state for state, *_ in bench.attempts()} == {"unsent"}

    go(scenario())


@contextmanager
def blackhole() -> Iterator[int]:
    """A port that takes no connection and says nothing about it, as a route that leads nowhere."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        try:
            for _ in range(8):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(listening.getsockname())
                waiting.append(one)
            yield listening.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


@pytest.mark.fault("A13")
def test_an_address_that_swallows_everything_is_given_up_after_the_connect_timeout(bench: Bench) -> None:
    """A dead route would hold a worker for as long as an answer may take."""

    async def scenario() -> None:
        with blackhole() as port:
            bench.provider(f"http://127.0.0.1:{port}/v1")
            settings = {"connect_timeout_s": 0.2, "patience_s": 1.0}
            began = asyncio.get_running_loop().time()
            ran = await bench.run(bench.topics(settings=settings), notes(2))
            assert asyncio.get_running_loop().time() - began < 10.0
            assert (ran.status, ran.summary.failed, ran.summary.cost_usd) == (3, 0, Decimal(0))
            assert {state for state, *_ in bench.attempts()} == {"unsent"}

    go(scenario())


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no `openssl` here to make a certificate with")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.fault("A14")
def test_a_certificate_that_does_not_hold_gets_no_key_and_no_record(bench: Bench, tmp_path: Path) -> None:
    """Whoever sits between could read keys and records; or each record would try the door again."""

    async def scenario() -> None:
        bench.monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        async with (
            OddProvider(lambda _: says(GOOD), tls=certificate(tmp_path)) as odd,
            Simulator(prices=PRICES) as sim,
        ):
            bench.provider(odd.url)
            alone = await bench.run(bench.topics(), notes(10), concurrency=1)
            assert (alone.status, alone.summary.failed, odd.asked) == (3, 0, [])
            assert bench.attempts() == [("unsent", "untrusted", 0, bench.attempts()[0][3])]
            assert "certificate" in alone.heard(LaneChanged)[0].reason
            spare = Model(f"large@{sim.url}", price=Price(input="1", output="4"))
            both = await bench.run(bench.topics(SMALL, spare), notes(10), concurrency=1)
            assert (both.status, both.summary.accepted, odd.asked) == (0, 10, [])

    go(scenario())
