"""Rows of a query on SQLite or Postgres, read as they come and never all at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.cells import Cells, cells_of
from roadworthy.accept.reason import WrongRecord, shown
from roadworthy.accept.record import Unusable

SCHEMES: Final = ("sqlite", "postgresql", "postgres")

_FETCH: Final = (
    64  # rows a round trip: a server sends them whole, so that with wide rows this is what bounds memory
)


def is_url(place: str) -> bool:
    """Whether an input is the URL of a database."""
    return place.partition("://")[0].lower() in SCHEMES and "://" in place


def shown_url(url: str) -> str:
    """The URL without what is secret in it: user, password and options stay away.

    Raises:
        WrongUse: it cannot be read.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise WrongUse(f"The database's URL cannot be read: {error}. See docs/intake.md.") from error
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def check_database(url: str, query: str) -> None:
    """Find before anything is paid what keeps a query from being run at all.

    Raises:
        WrongUse: no query, a file that is missing, a driver that is not installed.
    """
    if not query.strip():
        raise WrongUse(f"{shown_url(url)} is a database: say what to read with --query 'SELECT ...'.")
    if url.startswith("sqlite"):
        _sqlite_path(url)
    else:
        _driver()


def read_query(url: str, query: str, settings: Settings) -> Iterator[Cells | Unusable]:
    """The rows of one query, in the order in which the database gives them; nothing can be written by it.

    A server keeps the result in a cursor of its own and sends 64 rows at a time; SQLite computes rows as they are read.
    The transaction stays open until the last row is read.

    Raises:
        WrongUse: it cannot be opened, the query is refused, breaks off, gives no columns or a column twice.
    """
    rows = _sqlite(url, query) if url.startswith("sqlite") else _postgres(url, query)
    name = shown_url(url)
    number = 0
    while True:
        try:
            with_names = next(rows, None)
        except _errors_of(url) as error:
            where = f"after row {number}" if number else "at its beginning"
            raise WrongUse(f"The query on {name} failed {where}: {_first_line(error)}") from error
        if with_names is None:
            break
        number += 1
        try:
            yield cells_of(number, with_names, settings.line_bytes_max, settings.json_depth_max)
        except WrongRecord as wrong:
            yield Unusable(f"row-{number}", number, b"", f"{name}, row {number}: {wrong}")
    if not number:
        raise WrongUse(f"The query on {name} gives no rows. Give at least one record.")


def _sqlite_path(url: str) -> Path:
    path = Path(unquote(urlsplit(url).path).removeprefix("/") or ":memory:")
    if urlsplit(url).path.startswith("//"):  # sqlite:////home/x.db is absolute, as SQLAlchemy has it
        path = Path(unquote(urlsplit(url).path)[1:])
    if not path.is_file():
        raise WrongUse(
            f"There is no database file {str(path)!r} (looked in {Path.cwd()}). "
            "`sqlite:///name.db` is a file in this folder, `sqlite:////path/name.db` one with its whole path."
        )
    return path


def _sqlite(url: str, query: str) -> Iterator[dict[str, object]]:
    place = _sqlite_path(url).resolve().as_uri() + "?mode=ro"
    with closing(sqlite3.connect(place, uri=True, check_same_thread=False)) as connection:
        connection.text_factory = _lenient
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_within_the_file)
        cursor = connection.execute(query)
        names = _names([column[0] for column in cursor.description or ()], url)
        for row in cursor:
            yield dict(zip(names, row, strict=True))


def _within_the_file(action: int, *_: object) -> int:
    """Refuse ATTACH, which makes a file where there is none, and would read any other."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _lenient(raw: bytes) -> str:
    """SQLite takes any bytes as text; what is no UTF-8 becomes half surrogates, which cleaning replaces and notes."""
    return raw.decode("utf-8", "surrogateescape")


def _postgres(url: str, query: str) -> Iterator[dict[str, object]]:
    driver = _driver()
    with driver.connect(url, application_name="roadworthy") as connection:
        connection.read_only = True
        _take_every_moment(connection)
        with connection.cursor(name="roadworthy") as cursor:
            cursor.itersize = _FETCH
            cursor.execute(query.encode())
            names = _names([column.name for column in cursor.description or ()], url)
            for row in cursor:
                yield dict(zip(names, row, strict=True))


def _take_every_moment(connection: Any) -> None:
    """Read moments that Python has none for, too: the driver ends a query at the first of them."""
    from psycopg import DataError  # noqa: PLC0415 - an extra
    from psycopg.types import datetime as moments  # noqa: PLC0415

    for name in ("date", "timestamp", "timestamptz"):
        known: Any = getattr(moments, f"{name.capitalize()}Loader")

        class Loader(known):  # type: ignore[misc] # one of three
            def load(self, data: Any) -> object:
                """The moment; `infinity` as a number, which JSON does not hold either; else what the server wrote."""
                try:
                    return super().load(data)
                except DataError:
                    said = bytes(data).decode()
                    return float(said) if said.endswith("infinity") else said

        connection.adapters.register_loader(name, Loader)


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WrongUse("Postgres needs the extra `postgres`: pip install 'roadworthy[postgres]'.") from error
    return psycopg


def _errors_of(url: str) -> tuple[type[Exception], ...]:
    return (sqlite3.Error, sqlite3.Warning) if url.startswith("sqlite") else (_driver().Error,)


def _names(names: Sequence[str], url: str) -> Sequence[str]:
    if not names:
        raise WrongUse(f"The query on {shown_url(url)} gives no columns. Give a SELECT.")
    for name in names:
        if names.count(name) > 1:
            raise WrongUse(f"The query names the column {shown(name)} twice. Name one of them with AS.")
    return names


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
