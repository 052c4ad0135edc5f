"""The commands that keep house: `gc`, `forget` and `cancel`."""

from __future__ import annotations

import getpass
import sys
import time
from dataclasses import asdict
from functools import partial

import click

from roadworthy._errors import WrongUse
from roadworthy.keep.batches import cancel_batches
from roadworthy.keep.erase import (
    Compacted,
    Contents,
    check_idle,
    contents,
    forget,
    hold_outlived,
    of_key,
    outlive,
    outlived,
)
from roadworthy.keep.jobs import DIRECT
from roadworthy.keep.ledger import Ledger, bury
from roadworthy.keep.transaction import Transaction, as_int, as_text
from roadworthy.observe.visible import json_line
from roadworthy.run.batch.office import stop_batches
from roadworthy.run.load import load, load_app
from roadworthy.run.loop import run_to_end
from roadworthy.run.reading import jobs_named, reading

_PAGE = 100
_DAY_S = 86_400.0
_PUT_OFF = 3


@click.command()
@click.argument("app")
@click.option("--older-than", type=click.FloatRange(0), help="Days; default: the setting `retention_days`.")
@click.option("--dry-run", is_flag=True, help="Say what would go and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gc(app: str, *, older_than: float | None, dry_run: bool, as_json: bool) -> None:
    """Remove the contents of records that ended and were not seen for long; attempts, money and outcomes stay.

    Contents are bodies, original bytes, questions, replies, answers, corrections. A record counts as seen by the newest
    run of its job while a line of the input is this record; else by its last change. A record that comes again is
    asked again, and its reply is bought again.
    """
    loaded = load_app(app)
    with reading(loaded) as store:
        days = loaded.start_settings().retention_days if older_than is None else older_than
        before = time.time() - days * _DAY_S
        if not dry_run:
            bury(store)
        found = sweep(store, loaded.name, before, dry_run=dry_run)
        done = None if dry_run else store.compact()
    said = {
        "days": days,
        "records": found.records,
        "replies": found.replies,
        "contents": found.size,
        "dry_run": dry_run,
    }
    if as_json:
        click.echo(json_line(said | _sizes(done)))
    else:
        verb = "would go" if dry_run else "are gone"
        click.echo(
            f"the contents of {found.records} records not seen for {days:g} days {verb}: {found.replies} replies, "
            f"{found.size:,} characters; their accounts stay"
        )
        _say_sizes(done)
    sys.exit(_PUT_OFF if done is not None and done.put_off else 0)


def sweep(store: Ledger, app: str, before: float, *, dry_run: bool) -> Contents:
    """Go through what outlived `before`, a page a transaction."""
    records = replies = size = after = 0
    while True:
        look = partial(_page if dry_run else _outlive_page, app=app, before=before, after=after)
        page, held = store.read(look) if dry_run else store.write_now(look)
        if not page:
            return Contents(records, replies, size)
        records, replies, size = records + held.records, replies + held.replies, size + held.size
        after = page[-1]


def _page(tx: Transaction, app: str, before: float, after: int) -> tuple[list[int], Contents]:
    page = outlived(tx, app, before, after, _PAGE)
    return page, contents(tx, page)


def _outlive_page(tx: Transaction, app: str, before: float, after: int) -> tuple[list[int], Contents]:
    """What is looked up is removed in the same transaction: nobody takes it up in between."""
    hold_outlived(tx, app, before, after, _PAGE)
    page, held = _page(tx, app, before, after)
    for record_id in page:
        outlive(tx, record_id)
    return page, held


@click.command(name="forget")
@click.argument("app")
@click.argument("key")
@click.option(
    "--namespace", help="Whose record it is; default: whoever's, where one namespace alone has the key."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def forget_key(app: str, key: str, *, namespace: str | None, as_json: bool) -> None:
    """Erase everything one record said, in every job and version, from the ledger's files too; its accounts stay.

    The key goes as well; the same input later is a new record. Files that a run or an export wrote are yours to delete.
    The app's own namespace is called "".
    """
    loaded = load_app(app)
    name = loaded.name
    with reading(loaded) as store:

        def erase(tx: Transaction) -> list[int]:
            found = _meant(of_key(tx, name, key), key, namespace, store.name)
            check_idle(tx, found, name, store.is_alive)
            for record_id in found:
                forget(tx, name, key, record_id)
            return found

        _meant(store.read(lambda tx: of_key(tx, name, key)), key, namespace, store.name)
        found = store.write_now(erase)
        done = store.compact()
    if as_json:
        click.echo(json_line({"records": len(found), "ids": found} | _sizes(done)))
    else:
        click.echo(f"{len(found)} records of this key are forgotten; their attempts and money stay")
        _say_sizes(done)
    sys.exit(_PUT_OFF if done.put_off else 0)


def _meant(found: dict[str, list[int]], key: str, namespace: str | None, ledger: str) -> list[int]:
    """The records of the namespace that is meant.

    Raises:
        WrongUse: nobody has the key, or several do and it is not said who is meant.
    """
    if not found:
        raise WrongUse(f"No record has the key {key!r} in {ledger}. Nothing was erased.")
    whose = " and ".join(one or "the app's own" for one in sorted(found))
    if namespace is None and len(found) > 1:
        raise WrongUse(
            f"Several namespaces have a record with the key {key!r}: {whose}. Say which is meant: --namespace NAME, and "
            '--namespace "" for the app\'s own. Nothing was erased.'
        )
    if namespace is not None and namespace not in found:
        raise WrongUse(
            f"The namespace {namespace!r} has no record with the key {key!r}, {whose} has. Nothing was erased."
        )
    return found[namespace] if namespace is not None else next(iter(found.values()))


def _sizes(done: Compacted | None) -> dict[str, object]:
    if done is None:
        return {}
    return asdict(done)


def _say_sizes(done: Compacted | None) -> None:
    if done is None:
        return
    if done.put_off:
        click.echo(
            f"The ledger was not written anew, because {done.put_off}; bytes of what was removed may still be in its "
            "files. Run `roadworthy gc` when nobody else works."
        )
    else:
        click.echo(f"ledger: {done.before_bytes:,} bytes before, {done.after_bytes:,} after")
    if done.beyond:
        click.echo(f"Copies may be in {done.beyond}, which no ledger can reach; see to them yourself.")


@click.command()
@click.argument("app")
@click.option("--job", help="The job's name or its input; default: every job of the app.")
@click.option("--by", help="Who cancels; default: the login name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cancel(app: str, *, job: str | None, by: str | None, as_json: bool) -> None:
    """Stop runs of APP in other processes. They end with status 3; the same run command goes on where they stopped.

    Of APP:ENTRY only what runs through that entry stops. Without an entry and --job the providers' batches are stopped
    as well: what they have answered by then is paid for and kept.
    """
    loaded = load(app)
    with reading(loaded.app) as store:
        who, names = by or getpass.getuser(), _names(store, loaded.app.name, job, loaded.name)

        def stop(tx: Transaction) -> list[tuple[int, str]]:
            found = []
            for run_id, owner, _job, name, entry in tx.rows("runs_under_way", app=loaded.app.name):
                wanted = name != DIRECT and (names is None or name in names) and loaded.name in {None, entry}
                if wanted and store.is_alive(as_int(owner)):
                    tx.change("cancel_run", run_id=run_id, cancelled_by=who, now=tx.now)
                    found.append((as_int(run_id), as_text(name)))
            return found

        found = store.write_now(stop)
        payer = loaded.app.plan.payer
        batches, calls = (
            (0, 0) if job or loaded.name else store.write_now(lambda tx: cancel_batches(tx, payer))
        )
    left = len(run_to_end(stop_batches(loaded.app))) if batches else 0
    settings = loaded.app.start_settings()
    if as_json:
        runs = [{"run": run_id, "job": name} for run_id, name in found]
        said = {"cancelled": runs, "batches": batches, "batches_left": left, "calls": calls}
        click.echo(json_line(said))
        return
    if batches or calls:
        click.echo(f"{batches} batches are cancelled, {calls} calls were not sent yet and are taken back")
    if left:
        click.echo(f"{left} batches have not ended yet; the same run command fetches what they answered")
    for run_id, name in found:
        click.echo(f"run {run_id} of {name} stops")
    within = settings.cancel_look_s + settings.cancel_grace_s
    click.echo(f"{len(found)} runs stop within {within:g} s" if found else "no run is under way")


def _names(store: Ledger, app: str, job: str | None, entry: str | None) -> set[str] | None:
    """The names of the jobs that are meant; None for every job. A candidate's is known while its run is under way.

    Raises:
        WrongUse: no job is called so.
    """
    if job is None and entry is None:
        return None
    under_way = store.read(lambda tx: tx.rows("runs_under_way", app=app))
    of_entry = [as_text(row[3]) for row in under_way if entry in {None, row[4]}]
    if found := {name for name in of_entry if job in {None, name}}:
        return found
    return {as_text(row[2]) for row in jobs_named(store, app, job, entry)}
