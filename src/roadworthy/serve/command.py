"""The commands `serve` and `keys`."""

from __future__ import annotations

import ipaddress
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from roadworthy._errors import WrongUse
from roadworthy.keep.access import Access, add_access, every_access, new_key, revoke_access
from roadworthy.keep.attempts import scopes_of
from roadworthy.keep.ledger import open_ledger
from roadworthy.observe.certified import claims
from roadworthy.observe.receiver import Several
from roadworthy.observe.sink import capture_logging
from roadworthy.observe.visible import json_line, visible
from roadworthy.run.app import App
from roadworthy.run.hearing import hearer, log_option
from roadworthy.run.load import load_app
from roadworthy.run.loop import run_to_end, spare_collector
from roadworthy.run.runtime import Runtime

if TYPE_CHECKING:
    from roadworthy.observe.metrics import Watched

_BACKLOG: Final = 2_048
_FILES: Final = 65_536
_ROLES: Final = ("submit", "review", "operate", "admin")


@click.command()
@click.argument("app")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="0 chooses one and prints it.",
)
@click.option(
    "--allow-host", "hosts", multiple=True, help="A name that the service is called by; may be repeated."
)
@log_option
@click.option("--json", "as_json", is_flag=True, help="Print the address as one JSON object.")
def serve(app: str, *, host: str, port: int, hosts: tuple[str, ...], log: str, as_json: bool) -> None:
    """Run APP as a service over HTTP, for its own API and for any OpenAI client.

    On loopback nobody has to log in, unless keys were made (`roadworthy keys`). An address that others can reach takes
    keys, else it does not start.
    """
    _require_extra()
    _take_all_files()
    loaded = load_app(app)
    listening = _listen(host, port)
    where = f"http://{_shown(host)}:{listening.getsockname()[1]}"
    try:
        run_to_end(_serve(loaded, listening, where, host, hosts, log=log, as_json=as_json))
    finally:
        listening.close()


async def _serve(
    app: App,
    listening: socket.socket,
    where: str,
    host: str,
    hosts: tuple[str, ...],
    *,
    log: str,
    as_json: bool,
) -> None:
    import uvicorn  # noqa: PLC0415 - an extra

    from roadworthy.observe.metrics import Metrics  # noqa: PLC0415 - an extra
    from roadworthy.serve.accepting import Server  # noqa: PLC0415 - an extra
    from roadworthy.serve.caller import Doorkeeper  # noqa: PLC0415 - an extra
    from roadworthy.serve.guard import LOOPBACK_NAMES  # noqa: PLC0415 - an extra
    from roadworthy.serve.http import build_http  # noqa: PLC0415 - an extra
    from roadworthy.serve.service import Service  # noqa: PLC0415 - an extra
    from roadworthy.serve.wire import limited  # noqa: PLC0415 - an extra

    lines = hearer(log, details=False)
    capture_logging(lines)
    tell = Several(lines)
    runtime = app.start(tell=tell)
    keeper = Doorkeeper(runtime.store, app.name, runtime.settings)
    if not _is_loopback(host) and not keeper.has_keys:
        await runtime.close()
        raise WrongUse(
            f"{host} can be reached by others, and there are no keys. Make one with "
            "`roadworthy keys APP add NAME --role submit`, or listen on 127.0.0.1."
        )
    metrics = Metrics(watched(app, runtime), runtime.clock.monotonic, runtime.clock.now)
    tell.add(metrics)
    service = Service(runtime, {entry.name: entry for entry in [*app.plan.steps, *app.plan.workflows]})
    named = {*LOOPBACK_NAMES, *hosts} if _is_loopback(host) else ({*hosts, host} if hosts else None)
    http = build_http(service, keeper, metrics, named)
    config = uvicorn.Config(
        http,
        http=limited(runtime.settings),
        ws="none",
        proxy_headers=False,  # `build_http` has them where they count
        log_config=None,  # its warnings and errors go through the sink
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=runtime.settings.serve_idle_s,  # type: ignore[arg-type] # a loop's timer takes parts of seconds
        timeout_graceful_shutdown=int(runtime.settings.serve_drain_s),
    )
    click.echo(json_line({"url": where}) if as_json else f"serving {app.name} at {where}")
    sys.stdout.flush()
    spare_collector()
    server = Server(config)
    service.taken_for_dead.add_done_callback(lambda _: setattr(server, "should_exit", True))
    await server.serve(sockets=[listening])
    if service.taken_for_dead.done():
        raise service.taken_for_dead.result()  # whoever watches the process starts another one


def watched(app: App, runtime: Runtime) -> Watched:
    """What the metrics look at."""
    from roadworthy.observe.metrics import Watched  # noqa: PLC0415 - an extra

    plan, place = runtime.plan, app.ledger_place()
    return Watched(
        runtime.store,
        app.name,
        lambda: scopes_of(app.name, runtime.period(), 0)[1],
        lambda: [(lane.name, not lane.closed and not lane.down) for lane in runtime.lanes],
        lambda tx: claims(tx, app.name, plan.promises, runtime.settings),
        None if "://" in place else Path(place).parent,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        WrongUse: the address is taken, or none of this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise WrongUse(
            f"Nobody can listen on {host}, port {port}: {error.strerror or error}. Name another one: --port."
        ) from error


def _take_all_files() -> None:
    """A connection is a file: many callers need more of them than a shell gives a process to begin with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _require_extra() -> None:
    """Raises: WrongUse: the extra is not installed."""
    try:
        import fastapi  # noqa: F401, PLC0415 - looked for, not used
        import prometheus_client  # noqa: F401, PLC0415 - as above
        import uvicorn  # noqa: F401, PLC0415 - as above
    except ImportError as error:
        raise WrongUse("Serving needs the extra `serve`: pip install 'roadworthy[serve]'.") from error


@click.command()
@click.argument("app")
@click.argument("action", type=click.Choice(["add", "list", "revoke"]))
@click.argument("name", required=False)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(_ROLES),
    help="What the holder may do; may be repeated.",
)
@click.option("--namespace", default="", help="Whose records the holder sees; default: the app's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def keys(
    app: str, action: str, name: str | None, *, roles: tuple[str, ...], namespace: str, as_json: bool
) -> None:
    """Make, list and take back the keys of a service. A key is shown once; the ledger holds its hash alone."""
    loaded = load_app(app)
    if (name is None) != (action == "list"):
        raise WrongUse(
            "Say whose key it is: `roadworthy keys APP add NAME --role submit`; `list` takes no name."
        )
    if action == "add" and not roles:
        raise WrongUse(f"Say what the holder may do: --role {', --role '.join(_ROLES)}.")
    if namespace and not namespace.replace("-", "").replace("_", "").isalnum():
        raise WrongUse(f"The namespace is {namespace!r}. Use letters, digits, `-` and `_`.")
    store = open_ledger(loaded.ledger_place(), loaded.start_settings())
    try:
        if action == "add":
            key = new_key()
            access = Access(name or "", roles, namespace)
            store.write_now(lambda tx: add_access(tx, loaded.name, access, key))
            said: dict[str, Any] = {"name": name, "roles": list(roles), "namespace": namespace, "key": key}
            words = [key, "Keep it: it is not shown again."]
        elif action == "revoke":
            count = store.write_now(lambda tx: revoke_access(tx, loaded.name, name or ""))
            if not count:
                raise WrongUse(
                    f"No key that is good has the name {name!r}. `roadworthy keys APP list` shows them."
                )
            said, words = {"revoked": count}, [f"{count} taken back"]
        else:
            found = store.read(lambda tx: every_access(tx, loaded.name))
            said = {"keys": [_said(one) for one in found]}
            words = [_line(one) for one in found] or ["no keys: on loopback anyone may do anything"]
    finally:
        store.close()
    click.echo(json_line(said) if as_json else "\n".join(words))


def _said(one: Access) -> dict[str, object]:
    good = one.revoked_at is None
    return {"name": one.name, "roles": list(one.roles), "namespace": one.namespace, "good": good}


def _line(one: Access) -> str:
    where = f" in {one.namespace}" if one.namespace else ""
    return f"{visible(one.name)}: {', '.join(one.roles)}{where}" + (
        "" if one.revoked_at is None else " (revoked)"
    )
