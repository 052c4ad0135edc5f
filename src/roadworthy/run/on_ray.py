"""Ray as the engine (extra `ray`): it chooses the machine for a worker, and says when one is gone. No more than that.

A worker is an asynchronous actor without state. Ray never repeats a task and never restarts an actor here
(`max_restarts=0`, `max_task_retries=0`): it would do a whole piece of work again, answers that are paid for included.
What goes over Ray's wire is JSON: the order, and the report. Keys and the ledger's password are not in it; every node
has them in its own environment, as `roadworthy work` would need them there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from roadworthy._errors import Final, WrongUse
from roadworthy._events import silence
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.run.fleet import Engine, Lost, Placed, Report
from roadworthy.run.helper import Helper, Work
from roadworthy.run.load import load

_HEARD_WITHIN_S = 5.0
_LOCAL_STORE_BYTES = 100_000_000
_ON_LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "180",
}
"""Read by Ray when it begins: a node of its own is for this machine alone, nobody is told of it, and a busy machine may
take more than 15 s to start it."""


@quick(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is told: nothing of it is secret.

    Attributes:
        app: as the command names it; a file's whole path.
        folder: where the command was given; a worker works there where its machine has it.
        ledger: what the ledger is called, without user and password.
        settings: those that differ from their defaults.
    """

    app: str
    folder: str
    ledger: str
    work: Work
    settings: dict[str, float]

    def as_json(self) -> bytes:
        """The order as it travels; JSON has no word for a number without an end, so that goes as text."""
        plain = asdict(self)
        endless = {name: "inf" for name, value in self.settings.items() if value == math.inf}
        return orjson.dumps({**plain, "settings": plain["settings"] | endless})

    @classmethod
    def read(cls, text: bytes) -> Order:
        """The order that `as_json` wrote."""
        found = orjson.loads(text)
        work = found.pop("work")
        wait_s = work.pop("wait_s")
        found["settings"] = {
            name: math.inf if value == "inf" else value for name, value in found["settings"].items()
        }
        return cls(work=Work(wait_s=float("inf") if wait_s is None else wait_s, **work), **found)


def whole_target(target: str) -> str:
    """An app's target as it is known from any folder: a file by its whole path."""
    place, colon, name = target.partition(":")
    return f"{Path(place).resolve()}{colon}{name}" if place.endswith(".py") else target


def settings_given(settings: Settings) -> dict[str, float]:
    """The settings that differ from their defaults."""
    default = Settings()
    return {
        name: getattr(settings, name)
        for name in Settings.__dataclass_fields__
        if getattr(settings, name) != getattr(default, name)
    }


class RayEngine:
    """A Ray cluster: the one that `RAY_ADDRESS` names or that runs on this machine, else one of this machine alone.

    Args:
        order: what each worker is told.
        cpus: of a node that each worker takes; Ray places no more workers than fit.
    """

    name = "Ray"

    def __init__(self, order: Order, cpus: float = 1.0) -> None:
        self._order = order.as_json()
        self._cpus = cpus
        self._ray = _library()
        remote = self._ray.remote(
            num_cpus=cpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        self._actor: Any = remote(Hand)

    def place(self) -> Placed:
        """Ask Ray for one more actor."""
        return _Actor(self._ray, self._actor.remote(self._order))

    def close(self) -> None:
        """Leave the cluster; actors that still run end with it."""
        self._ray.shutdown()


class _Actor:
    """One actor, seen from the driver."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor

    async def work(self) -> Report:
        """Its one long call; Ray does not repeat it."""
        try:
            said: bytes = await self._actor.work.remote()
        except self._ray.exceptions.RayError as error:
            raise Lost(f"{type(error).__name__}: {_last_line(error)}") from error
        return Report(**orjson.loads(said))

    async def drain(self) -> None:
        """Tell it; one that does not hear, because it has not begun or is gone, is ended."""
        try:
            async with asyncio.timeout(_HEARD_WITHIN_S):
                await self._actor.drain.remote()
        except (TimeoutError, self._ray.exceptions.RayError):
            self.end()

    def end(self) -> None:
        """Ray ends its process with SIGKILL; to the ledger it is as any other death."""
        with contextlib.suppress(
            self._ray.exceptions.RayError
        ):  # it is gone, or its node is: all the same here
            self._ray.kill(self._actor, no_restart=True)


class Hand:
    """The actor: it hosts a worker, in a process of its own on some machine."""

    def __init__(self, order: bytes) -> None:
        self._order = Order.read(order)
        self._helper: Helper | None = None
        self._drained = False

    async def work(self) -> bytes:
        """Work until nothing is left to do. What somebody has to put right comes back as words.

        What passes by itself, such as a ledger that is away for a moment, ends the actor: the fleet places another one.
        """
        if self._drained:
            return _said(Report(stopped="drained"))
        try:
            helper = self._helper = self._begin()
        except Final as error:
            return _said(Report(wrong=str(error)))
        found, _status = await helper.run()
        return _said(
            Report(
                stopped=helper.stopped,
                reused=sum(summary.reused for summary in found[:1]),
                repaired=sum(summary.repaired for summary in found[:1]),
                escalated=sum(summary.escalated for summary in found[:1]),
            )
        )

    async def drain(self) -> None:
        """Claim nothing more."""
        self._drained = True
        if self._helper is not None:
            self._helper.drain()

    def _begin(self) -> Helper:
        order = self._order
        if Path(order.folder).is_dir():
            os.chdir(order.folder)
        helper = Helper(load(order.app).app, order.work, silence, order.settings)
        if helper.ledger != order.ledger:
            raise WrongUse(
                f"its node has the ledger {helper.ledger}, the run has {order.ledger}. Set ROADWORTHY_LEDGER on every node."
            )
        return helper


def _last_line(error: Exception) -> str:
    """What went wrong, without the pages that Ray says with it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason is told"


def _said(report: Report) -> bytes:
    return orjson.dumps(asdict(report))


def _library() -> Any:
    if not os.environ.get("RAY_ADDRESS"):
        for name, value in _ON_LOOPBACK.items():
            os.environ.setdefault(name, value)
    try:
        import ray  # noqa: PLC0415 - an extra, and 0.4 s
    except ImportError as error:
        raise WrongUse("`--engine ray` needs the extra `ray`: pip install 'roadworthy[ray]'.") from error
    return ray


def _connect(ray: Any) -> None:
    """Join the cluster there is; without one, begin a node on the loopback address alone."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if os.environ.get("RAY_ADDRESS"):
            ray.init(**quiet)
        else:
            ray.init(
                address="local",
                _node_ip_address="127.0.0.1",
                include_dashboard=False,
                object_store_memory=_LOCAL_STORE_BYTES,
                **quiet,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise WrongUse(f"There is no Ray cluster to join: {error}. See RAY_ADDRESS.") from error


def open_ray(app: str, cpus: float = 1.0) -> Callable[[Work, str, Settings], Engine]:
    """Join the cluster. Returns what opens the engine for a piece of work on a ledger; see `run.placed.Placing`.

    To be called before the ledger is opened: while Ray joins, no other thread of this process gets on for seconds, and
    a process that is silent on a ledger is taken for dead.

    Raises:
        WrongUse: the extra is missing, or there is no cluster to join.
    """
    folder = str(Path.cwd())
    ray = _library()
    if not ray.is_initialized():
        _connect(ray)

    def opened(work: Work, ledger: str, settings: Settings) -> Engine:
        order = Order(
            app=whole_target(app), folder=folder, ledger=ledger, work=work, settings=settings_given(settings)
        )
        return RayEngine(order, cpus)

    return opened
