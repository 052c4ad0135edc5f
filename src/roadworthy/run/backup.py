"""The command `backup`."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.keep.backup import copy_ledger
from roadworthy.run.load import load_app


@click.command()
@click.argument("app")
@click.argument("place", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def backup(app: str, place: Path, *, as_json: bool) -> None:
    """Copy the ledger of APP to PLACE as it stands, while others work on it.

    To go on from the copy, give its place as ROADWORTHY_LEDGER. A ledger on Postgres is copied with `pg_dump`; see docs/scale.md.
    """
    ledger = load_app(app).ledger_place()
    if "://" in ledger:
        raise WrongUse(
            "This ledger is on Postgres, whose own tools copy it while others work on it: "
            "pg_dump --format=custom --file=FILE URL, and to put it back pg_restore --dbname=URL FILE. See docs/scale.md."
        )
    size = copy_ledger(Path(ledger), place)
    click.echo(
        orjson.dumps({"copy": str(place.resolve()), "bytes": size}).decode()
        if as_json
        else f"{place}: {size:,} bytes"
    )
