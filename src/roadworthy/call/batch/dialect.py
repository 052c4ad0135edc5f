"""The one protocol of all batch APIs: how a batch is worded, and how what a provider says of one is read. Pure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Literal, Protocol

import orjson

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.call.price import Price
from roadworthy.call.reply import Ending, Exchange, Outcome
from roadworthy.call.wire.value import as_object
from roadworthy.call.wire.wire import Wire

State = Literal["working", "ended", "failed", "expired", "cancelled"]


class Call(Protocol):
    """One call as it is sent: what it is called, and the request's body."""

    @property
    def custom_id(self) -> str:
        """Unique within the batch, and within every other one of the account."""

    @property
    def body(self) -> bytes:
        """The request, as it would be posted alone."""


@quick(frozen=True, slots=True)
class Parcel:
    """One HTTP request of a batch API, without its key.

    Attributes:
        headers: in the place of the usual ones.
    """

    method: Literal["GET", "POST"]
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@quick(frozen=True, slots=True)
class Standing:
    """Where a batch stands, as its provider says.

    Attributes:
        tag: what it was told to keep of ours; "" where it keeps nothing.
        state: `failed`: it was refused as a whole, and nothing of it was worked on.
        calls: how many calls it holds; None where that is not said.
        created_at: seconds since 1970; None where that is not said.
        files: where its results are.
        rows: its results, where they come with this.
        detail: what the provider says of it, in a line.
        wait: it was refused for now alone: the same batch later may be taken.
    """

    provider_id: str
    state: State
    tag: str = ""
    calls: int | None = None
    created_at: float | None = None
    files: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    detail: str = ""
    wait: bool = False


class NotSaid(Exception):
    """What came back says nothing of a batch."""


class BatchDialect(ABC):
    """One provider's batch API for one model.

    Args:
        url: where the model's requests are posted one by one.
        model_id: its name on the wire.

    Attributes:
        envelope: bytes that a call's envelope adds to its body, at most.
        keeps_tag: the provider gives our tag back with each batch, so that one is found again at once.
        expired_is_lost: a batch that expired brings no results at all.
    """

    envelope: ClassVar[int] = 200
    keeps_tag: ClassVar[bool] = True
    expired_is_lost: ClassVar[bool] = False

    def __init__(self, url: str, model_id: str) -> None:
        self._url = url
        self._model_id = model_id

    @abstractmethod
    def bytes_max(self, settings: Settings) -> int:
        """The most bytes that a batch may have."""

    def price(self, price: Price) -> Price:
        """What a batch's tokens cost: half of everything, unless a provider says otherwise."""
        return price.halved()

    def upload(self, tag: str, calls: Sequence[Call]) -> Parcel | None:
        """The file that must be there first; None where the calls go with the batch."""
        del tag, calls
        return None

    def uploaded(self, said: Mapping[str, Any]) -> str:
        """The file's id.

        Raises:
            NotSaid: there is none.
        """
        del said
        raise NotSaid

    @abstractmethod
    def create(self, tag: str, calls: Sequence[Call], file_id: str) -> Parcel:
        """The request that creates the batch: the one that buys."""

    @abstractmethod
    def standing(self, said: Mapping[str, Any]) -> Standing:
        """Where a batch stands, from what a creation, a look or a cancellation brought.

        Raises:
            NotSaid: it says nothing of a batch.
        """

    @abstractmethod
    def look(self, provider_id: str) -> Parcel:
        """How to ask where it stands."""

    @abstractmethod
    def cancel(self, provider_id: str) -> Parcel:
        """How to stop it."""

    @abstractmethod
    def listing(self, page: str) -> Parcel:
        """How to ask for all batches, newest first; `page` as `listed` gave it, "" for the first."""

    @abstractmethod
    def listed(self, said: Mapping[str, Any]) -> tuple[list[Standing], str]:
        """The batches of a page, and how the next page is called; "" for none."""

    def fetch(self, file: str) -> Parcel:
        """How to get a file of results."""
        return Parcel("GET", file)

    @abstractmethod
    def result(self, row: Mapping[str, Any], wire: Wire) -> tuple[str, Outcome]:
        """One result: which call's, and what came of it, classified as if it had come alone."""


def read_line(line: bytes) -> Mapping[str, Any] | None:
    """A line of a file of results; None for an empty one or one that is not an object."""
    return as_object(line) if line.strip() else None


def read_whole(exchange: Exchange) -> Mapping[str, Any]:
    """The object in a body.

    Raises:
        NotSaid: it holds none.
    """
    said = read_line(exchange.body)
    if said is None:
        raise NotSaid
    return said


def alone(status: int, body: object, wire: Wire, request_id: str = "") -> Outcome:
    """What a result would be, had it come as the answer to a request of its own."""
    headers = {"x-request-id": request_id} if request_id else {}
    return wire.read(Exchange(status, headers, _written(body)), 0.0)


def _written(body: object) -> bytes:
    """As JSON; half a surrogate pair, which UTF-8 cannot write, as the escape that it came as."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def not_reached(why: str, *, cancelled: bool = False) -> Outcome:
    """The provider did not get to a call; no provider bills that."""
    return Outcome(Ending.UNSENT if cancelled else Ending.TRANSIENT, detail=why)


def joined(calls: Iterable[Call], before: bytes, between: bytes, after: bytes) -> Iterator[bytes]:
    """Envelopes around bodies, as they are: a body is JSON already."""
    for call in calls:
        yield before + orjson.dumps(call.custom_id) + between + call.body + after
