"""What to do to a request: a pure function of the seed, the bytes of the request and how often they have come."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist
from typing import Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.vet.batch_manner import BatchManner
from roadworthy.vet.kind import IN_CONTENT, IN_TRANSIT, MIXED, STANDING, STREAMS_ONLY, Kind

_LATENCY_FACTOR_MAX: Final = 20.0
_SLOW_FACTOR: Final = 10.0
_SLOW_LEAST_S: Final = 0.02
_NORMAL: Final = NormalDist()
_UNPACK: Final = struct.Struct("<3Q").unpack
_NAMES: Final = (
    "faults", "latency_ms", "latency_spread", "seed", "in_a_row_max", "models", "first", "last", "revoked", "watched",
    "batches",
)  # fmt: skip

Ladder = tuple[tuple[float, Kind], ...]
"""Kinds with the upper edge of each one's slice of [0, 1)."""


def _ladder(rates: Mapping[Kind, float], group: Iterable[Kind], said: object) -> Ladder:
    present = [kind for kind in group if rates.get(kind, 0.0) > 0.0]
    edges = list(accumulate(rates[kind] for kind in present))
    if edges and edges[-1] > 1.0 + 1e-9:
        raise WrongUse(
            f"The fault rates {said!r} add up to {edges[-1]:.3f} for {', '.join(present)}. "
            "Kinds that exclude each other may add up to 1 at most."
        )
    return tuple(zip(edges, present, strict=True))


def _pick(ladder: Ladder, chance: float) -> Kind | None:
    for edge, kind in ladder:
        if chance < edge:
            return kind
    return None


@quick(frozen=True, slots=True)
class Rates:
    """How often each kind happens, by the group that decides how it is drawn.

    Attributes:
        in_transit: drawn for each arrival.
        standing: drawn once for the bytes of a request.
        in_content: drawn once for the bytes of a request.
    """

    in_transit: Ladder = ()
    standing: Ladder = ()
    in_content: Ladder = ()


def read_rates(faults: Mapping[str, object]) -> Rates:
    """Rates from `{"429": 0.05, "fenced": 0.01}`; `mixed` adds an equal share to each everyday kind.

    Raises:
        WrongUse: an unknown kind, a rate outside [0, 1], or rates of one group that add up to more than 1.
    """
    rates: dict[Kind, float] = {}
    for name, said in faults.items():
        share = _rate(name, said)
        for kind in MIXED if name == "mixed" else (_kind(name),):
            rates[kind] = rates.get(kind, 0.0) + (share / len(MIXED) if name == "mixed" else share)
    return Rates(*(_ladder(rates, group, dict(faults)) for group in (IN_TRANSIT, STANDING, IN_CONTENT)))


def _kind(name: str) -> Kind:
    if name not in set(Kind):
        raise WrongUse(f"There is no fault {name!r}. Known: mixed, {', '.join(Kind)}.")
    return Kind(name)


def _rate(name: str, said: object) -> float:
    try:
        rate = float(said)  # type: ignore[arg-type] # whatever is not a number is refused just below
    except (TypeError, ValueError):
        rate = -1.0
    if isinstance(said, bool) or not 0.0 <= rate <= 1.0:
        raise WrongUse(f"The rate of fault {name!r} is {said!r}. Give a share from 0 to 1.")
    return rate


def read_spec(spec: str) -> dict[str, object]:
    """A change of script from `mixed:0.10`, `429=0.05,fenced=0.01`, `@script.json`, or nothing.

    Raises:
        WrongUse: the spec or the file cannot be read. What it says is judged by `Script.changed`.
    """
    if spec.startswith("@"):
        return _read_file(Path(spec[1:]))
    faults: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in spec.split(","))):
        name, mark, rate = part.replace(":", "=").partition("=")
        if not mark:
            raise WrongUse(f"The fault {part!r} has no rate. Write it as {name}=0.05.")
        faults[name.strip()] = rate
    return {"faults": faults}


def _read_file(path: Path) -> dict[str, object]:
    try:
        change = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise WrongUse(f"The script {path} cannot be read: {error}.") from error
    if not isinstance(change, dict):
        raise WrongUse(f'The script {path} is not a JSON object. Write it as {{"faults": {{"429": 0.05}}}}.')
    return change


def _faults_in(spec: str) -> object:
    """The faults of a spec that stands within a script.

    Raises:
        WrongUse: it is a file that says something else.
    """
    change = read_spec(spec)
    if "faults" not in change:
        raise WrongUse(f'{spec} names no faults. Write them into it as {{"faults": {{"429": 0.05}}}}.')
    return change["faults"]


@quick(frozen=True, slots=True)
class Behaviour:
    """How one model, or every model without its own entry, behaves.

    Attributes:
        faults: rates as they were given, for a person to read back.
        latency_s: median seconds until the first byte.
        latency_spread: sigma of the log-normal law of the latency; 0 is a constant.
    """

    faults: Mapping[str, object] = field(default_factory=dict)
    latency_s: float = 0.0
    latency_spread: float = 0.0
    rates: Rates = field(default_factory=Rates)

    def changed(self, change: Mapping[str, object]) -> Behaviour:
        """This behaviour with what `change` names replaced.

        Raises:
            WrongUse: a value that makes no sense.
        """
        behaviour = self
        if "faults" in change:
            said = change["faults"]
            faults = _faults_in(said) if isinstance(said, str) else said
            if not isinstance(faults, Mapping):
                raise WrongUse(f'faults is {said!r}. Give an object such as {{"429": 0.05}}.')
            behaviour = replace(behaviour, faults=dict(faults), rates=read_rates(faults))
        if "latency_ms" in change:
            behaviour = replace(behaviour, latency_s=_amount("latency_ms", change["latency_ms"]) / 1000)
        if "latency_spread" in change:
            spread = _amount("latency_spread", change["latency_spread"])
            behaviour = replace(behaviour, latency_spread=spread)
        return behaviour

    def latency(self, chance: float) -> float:
        """Seconds of latency at the quantile `chance` in [0, 1); at most twenty times the median."""
        if not self.latency_s or not self.latency_spread:
            return self.latency_s
        deviate = _NORMAL.inv_cdf(min(max(chance, 1e-12), 1 - 1e-12))
        # bounded before it is raised: a large spread is beyond what a float holds
        return self.latency_s * math.exp(min(self.latency_spread * deviate, math.log(_LATENCY_FACTOR_MAX)))


def _amount(name: str, said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < math.inf:
        raise WrongUse(f"{name} is {said!r}. Give a number of 0 or more.")
    return float(said)


@quick(frozen=True, slots=True)
class Plan:
    """What happens to one arrival of one request.

    Attributes:
        in_transit: what befalls the response; trying again can help.
        standing: what is wrong for these bytes each time.
        in_content: what befalls the answer, each time the same.
        latency_s: seconds until the response begins.
        chance: a number in [0, 1) that belongs to these bytes, for choices inside a fault.
    """

    in_transit: Kind | None
    standing: Kind | None
    in_content: Kind | None
    latency_s: float
    chance: float


@quick(frozen=True, slots=True)
class Script:
    """The whole of the simulated provider's behaviour.

    Attributes:
        seed: all chance comes from it.
        in_a_row_max: faults in transit that the same bytes meet in a row at most; 0 for no limit (an outage).
        every: the behaviour of a model without an entry of its own.
        models: behaviour by model, where it differs.
        first: the number of the first request that meets faults; those before it meet none.
        last: the number of the last one that does; 0 for no end.
        revoked: keys that are refused, whatever else would happen.
        watched: words that are looked for in every request; the log says which ones it held.
        batches: how batches are worked on.
    """

    seed: int = 0
    in_a_row_max: int = 2
    every: Behaviour = field(default_factory=Behaviour)
    models: Mapping[str, Behaviour] = field(default_factory=dict)
    first: int = 0
    last: int = 0
    revoked: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    batches: BatchManner = field(default_factory=BatchManner)

    def changed(self, change: Mapping[str, object]) -> Script:
        """This script with what `change` names replaced; what it does not name stays.

        `{"faults": {"429": 0.05}, "latency_ms": 50, "latency_spread": 0.3, "seed": 7, "in_a_row_max": 2,
        "first": 500, "last": 600, "revoked": ["sk-old"], "watched": ["canary"], "models": {"gpt-4": {"faults": {...},
        "latency_ms": 900}}}`. A model's entry starts from the common behaviour. `"batches": {"delay_s": 1, "expired": [2],
        "lost": [3], "shuffled": true}` says how batches are worked on, by their numbers from 1.

        Raises:
            WrongUse: an unknown name, or a value that makes no sense.
        """
        _refuse_unknown(change, _NAMES, "the script")
        every = self.every.changed(change)
        models = self.models
        if "models" in change:
            models = {name: every.changed(entry) for name, entry in _entries(change["models"])}
        seed = _whole("seed", change.get("seed", self.seed))
        in_a_row_max = _whole("in_a_row_max", change.get("in_a_row_max", self.in_a_row_max))
        first, last = (_whole(name, change.get(name, getattr(self, name))) for name in ("first", "last"))
        return Script(
            seed=seed,
            in_a_row_max=max(in_a_row_max, 0),
            every=every,
            models=models,
            first=first,
            last=last,
            revoked=_texts("revoked", change.get("revoked", self.revoked)),
            watched=_texts("watched", change.get("watched", self.watched)),
            batches=self.batches.changed(change.get("batches", {})),
        )

    def told(self) -> dict[str, object]:
        """The script as the object that `changed` accepts."""
        told: dict[str, object] = {"seed": self.seed, "in_a_row_max": self.in_a_row_max, **_told(self.every)}
        told |= {"first": self.first, "last": self.last, "revoked": list(self.revoked)}
        told |= {"watched": list(self.watched), "batches": self.batches.told()}
        return {**told, "models": {name: _told(behaviour) for name, behaviour in self.models.items()}}

    def plan(
        self, model: str, digest: bytes, arrival: int, in_a_row: int, *, streamed: bool, number: int = 0
    ) -> Plan:
        """What happens to the `arrival`-th coming (from 0) of the bytes with this digest.

        Args:
            model: the model that is asked.
            digest: a hash of the request's body.
            arrival: how often these bytes came before.
            in_a_row: faults in transit that these bytes met since they last came through.
            streamed: whether the client asked for a stream.
            number: the request's number among all; 0 where nobody counts.
        """
        behaviour = self.models.get(model, self.every)
        spared = number and (number < self.first or 0 < self.last < number)
        rates = Rates() if spared else behaviour.rates
        always = self._chances(digest, b"")
        each = self._chances(digest, b"%d" % arrival)
        in_transit = _pick(rates.in_transit, each[0])
        if (self.in_a_row_max and in_a_row >= self.in_a_row_max) or (
            in_transit in STREAMS_ONLY and not streamed
        ):
            in_transit = None
        latency_s = behaviour.latency(each[1])
        if in_transit is Kind.SLOW:
            latency_s = max(latency_s * _SLOW_FACTOR, _SLOW_LEAST_S)
        standing, in_content = _pick(rates.standing, always[0]), _pick(rates.in_content, always[1])
        return Plan(in_transit, standing, in_content, latency_s, always[2])

    def _chances(self, digest: bytes, salt: bytes) -> tuple[float, float, float]:
        """Three independent numbers in [0, 1)."""
        raw = blake2b(digest + salt, digest_size=24, key=b"%d" % self.seed).digest()
        first, second, third = _UNPACK(raw)
        return (first >> 11) / 2**53, (second >> 11) / 2**53, (third >> 11) / 2**53


def _told(behaviour: Behaviour) -> dict[str, object]:
    return {
        "faults": dict(behaviour.faults),
        "latency_ms": behaviour.latency_s * 1000,
        "latency_spread": behaviour.latency_spread,
    }


def _entries(said: object) -> list[tuple[str, Mapping[str, object]]]:
    if not isinstance(said, Mapping) or not all(isinstance(entry, Mapping) for entry in said.values()):
        raise WrongUse(f'models is {said!r}. Give an object such as {{"gpt-4": {{"faults": {{"429": 1}}}}}}.')
    for name, entry in said.items():
        _refuse_unknown(entry, _NAMES[:3], f"the entry of model {name!r}")
    return list(said.items())


def _texts(name: str, said: object) -> tuple[str, ...]:
    if not isinstance(said, list | tuple) or not all(isinstance(text, str) and text for text in said):
        raise WrongUse(f'{name} is not a list of texts. Give one such as ["sk-old"].')
    return tuple(said)


def _refuse_unknown(change: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    if unknown := set(change) - set(known):
        raise WrongUse(f"{min(unknown)!r} is not part of {where}. Known: {', '.join(known)}.")


def _whole(name: str, said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or len(str(abs(said))) > 60:
        raise WrongUse(f"{name} is {said!r}. Give a whole number.")
    return said
