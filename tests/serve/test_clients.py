"""One script for three libraries that talk to OpenAI: nothing of theirs is changed but the base URL."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote

import pytest
from tests.serve.clients import CLIENTS, Client, Said
from tests.serve.conftest import maker
from tests.serve.counter import Counter, until
from tests.serve.line import line_to

WHICH = range(60)
MOODS = {
    f"{text} {number}": said
    for number in WHICH
    for text, said in (("day", "glad"), ("no", "sad"), ("hm", "?sad"))
}
Speak = Callable[..., Client]
Opened = Callable[..., Counter]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One service of each kind for all libraries; a kind is told by its words and settings."""
    made: dict[str, Counter] = {}
    with ExitStack() as running:

        def make(*words: str, latency_ms: int = 0, **settings: float) -> Counter:
            kind = repr((words, settings))
            if kind not in made:
                folder = tmp_path_factory.mktemp("clients")
                build = maker(running, folder, str(folder / "shop.db"))
                made[kind] = build(MOODS, *words, latency_ms=latency_ms, **settings)
            return made[kind]

        yield make


@pytest.fixture(params=list(CLIENTS))
def speak(request: pytest.FixtureRequest) -> Speak:
    """Makes a client of one library, for a counter."""

    def make(counter: Counter, key: str = "any", model: str = "feel", port: int = 0) -> Client:
        return CLIENTS[request.param](f"http://127.0.0.1:{port or counter.port}/v1", key, model)

    return make


@dataclass
class Bought:
    """What a test has made of records and provider requests since it began."""

    counter: Counter
    before: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.before = self._all()

    @property
    def since(self) -> tuple[int, int]:
        """(records, requests to the provider)."""
        records, requests = self._all()
        return records - self.before[0], requests - self.before[1]

    def _all(self) -> tuple[int, int]:
        return int(str(self.counter.ask("SELECT count(*) FROM record")[0][0])), len(
            self.counter.sim.requests()
        )


_numbers = iter(WHICH)


@pytest.fixture
def n() -> int:
    """A number that makes a text new to the service."""
    return next(_numbers)


def mood(said: Said) -> str:
    """What an answer in words says."""
    found: str = json.loads(said.text)["mood"]
    return found


def test_the_shared_script(opened: Opened, speak: Speak, n: int) -> None:
    """A team could not switch to the service by its base URL alone."""
    counter = opened()
    client, bought = speak(counter), Bought(counter)
    said = client.plain(f"day {n}")
    assert json.loads(said.text) == {"mood": "glad", "sure": 0.9}
    assert client.typed(f"day {n}").mood == "glad"
    assert mood(client.streamed(f"no {n}")) == "sad"
    record = json.dumps({"id": f"T-{n}", "text": f"day {n}"})
    assert client.typed(record).mood == "glad"
    assert counter.call("GET", f"/v1/records/T-{n}").json["outcome"] == "accepted"
    assert client.refused(f"hm {n}").status == 422, "a doubtful answer left"
    assert speak(counter, model="nothing").refused(f"day {n}").status == 404
    assert client.refused('{"id": "T-2"}').status == 422
    # One request a text: the same text again, in whatever shape it was wanted, was never bought twice.
    assert bought.since[1] == 3


def test_tokens_and_price_are_what_the_ledger_holds(opened: Opened, speak: Speak, n: int) -> None:
    """Whoever charges an answer to somebody would charge what nobody paid, or could not find the record again."""
    counter = opened()
    client = speak(counter)
    for said in (client.plain(f"day {n}"), client.streamed(f"no {n}")):
        ((read, written, pico),) = counter.ask(
            "SELECT input_tokens, output_tokens, cost_pico FROM attempt ORDER BY id DESC LIMIT 1"
        )
        assert said.tokens == int(str(read)) + int(str(written)) > 0
        assert Decimal(said.headers["roadworthy-cost-usd"]) == Decimal(str(pico)) / 10**12 > 0
        key = unquote(said.headers["roadworthy-key"])
        assert counter.call("GET", f"/v1/records/{key}").json["value"]["mood"] == mood(said)


def test_a_doubtful_answer_is_an_error_until_a_person_has_ruled(opened: Opened, speak: Speak, n: int) -> None:
    """A library would hand on what nobody stands for, try again what only a person can decide, or never see the ruling."""
    counter = opened()
    bought = Bought(counter)
    with line_to(counter.port) as line:
        client = speak(counter, port=line.port)
        for streamed in (False, True):
            told = client.refused(f"hm {n}", streamed=streamed, tries=3)
            assert (told.status, told.code) == (422, "waiting_review")
            assert "a person has to look at it" in told.words
            assert "sad" not in told.words
        assert line.requests == 2, "it was tried again"
        ((key,),) = counter.ask("SELECT key FROM record ORDER BY id DESC LIMIT 1")
        ruled = counter.call("POST", f"/v1/records/{key}/feedback", {"ruling": "right"})
        assert ruled.status == 200, ruled.body
        assert until(counter, str(key), "accepted")
        assert mood(client.plain(f"hm {n}")) == mood(client.streamed(f"hm {n}")) == "sad"
    assert bought.since == (1, 1)


def test_a_key_is_needed_and_told_as_openai_tells_it(opened: Opened, speak: Speak, n: int) -> None:
    """A library would take a refusal for something to try again, or not understand it."""
    counter = opened("later")
    if counter.process is None:
        for name, role in (("ann", "submit"), ("ben", "review")):
            counter.environ[name] = counter.new_key(name, "--role", role)
        counter.start()
    bought = Bought(counter)
    with line_to(counter.port) as line:
        nobody = speak(counter, "rw_wrong", port=line.port)
        other = speak(counter, counter.environ["ben"], port=line.port)
        for streamed in (False, True):
            told = nobody.refused(f"no {n}", streamed=streamed, tries=3)
            assert told.status == 401
            assert "rw_wrong" not in told.words
            assert other.refused(f"no {n}", streamed=streamed, tries=3).status == 403
        assert line.requests == 4, "what no key opens was tried again"
        assert mood(speak(counter, counter.environ["ann"], port=line.port).plain(f"day {n}")) == "glad"
    assert bought.since == (1, 1)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_full_service_is_tried_again_when_it_says(
    opened: Opened,
    speak: Speak,
    n: int,
    streamed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Overload would be an error to the user of a library that knows how to wait."""
    counter = opened(latency_ms=2_000, serve_records_max=1)
    bought = Bought(counter)

    def fill(number: int) -> None:
        """One record is as many as it takes; the next request comes while it is worked on, the one after when it is done."""
        if number > 1:
            until(counter, f"first-{n}", "accepted")
            return
        body = {"id": f"first-{n}", "text": f"no {n}"}
        assert counter.call("POST", "/v1/records/feel", body, Prefer="respond-async").status == 202

    with line_to(counter.port) as line:
        line.before = fill
        client = speak(counter, port=line.port)
        said = (client.streamed if streamed else client.plain)(f"day {n}")
        assert mood(said) == "glad"
        assert line.requests >= 2, "it was not full"
    assert bought.since == (2, 2)


def test_a_full_service_says_when_to_come_again(opened: Opened, speak: Speak, n: int) -> None:
    """Whoever does the waiting themselves would not be told that it is full, or for how long."""
    counter = opened(latency_ms=2_000, serve_records_max=1)

    def fill(_number: int) -> None:
        body = {"id": f"first-{n}", "text": f"no {n}"}
        assert counter.call("POST", "/v1/records/feel", body, Prefer="respond-async").status == 202

    with line_to(counter.port) as line:
        line.before = fill
        told = speak(counter, port=line.port).refused(f"day {n}")
        assert told.status == 429
        assert int(told.retry_after or 0) >= 1
    until(counter, f"first-{n}", "accepted")


@pytest.mark.parametrize("token", ["", "order"], ids=["same body", "idempotency key"])
def test_an_answer_that_was_lost_on_the_way_is_not_bought_again(
    opened: Opened, speak: Speak, n: int, token: str
) -> None:
    """A library that tries again by itself would pay twice, or make a second record of the first."""
    counter, token = opened(), token and f"{token}-{n}"
    bought = Bought(counter)
    with line_to(counter.port, "all") as line:
        client = speak(counter, port=line.port)
        assert mood(client.plain(f"day {n}", token)) == "glad"
        assert (line.cut.is_set(), line.requests) == (True, 2)
        if token:
            told = client.refused(f"no {n}", token, tries=3)
            assert (told.status, line.requests) == (409, 3), "another body under the same key"
    assert bought.since == (1, 1)


@pytest.mark.parametrize("token", ["", "order"], ids=["same body", "idempotency key"])
def test_a_stream_that_broke_off_is_an_error_and_is_not_bought_again(
    opened: Opened, speak: Speak, n: int, token: str
) -> None:
    """Half an answer would be taken for the whole, or its other half be paid for once more."""
    counter, token = opened(), token and f"{token}-{n}"
    bought = Bought(counter)
    with line_to(counter.port, "most") as line:
        client = speak(counter, port=line.port)
        with pytest.raises(client.broken):
            client.streamed(f"no {n}", token)
        assert line.cut.is_set()
        assert mood(client.streamed(f"no {n}", token)) == "sad"
    assert bought.since == (1, 1)
