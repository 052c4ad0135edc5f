"""A connection to a Postgres server: how it is made, and what is wanted of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.keep.transaction import Row

if TYPE_CHECKING:
    import psycopg

BEATS_A_LEASE = 4


def connect(url: str, settings: Settings, *, reads: bool = False) -> psycopg.Connection[Row]:
    """A connection to the server at an address.

    Args:
        reads: each statement is a transaction of its own.

    Raises:
        WrongUse: the extra is not installed, or the address is none of a Postgres server.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WrongUse(
            "A Postgres ledger needs the extra `postgres`: pip install 'roadworthy[postgres]'."
        ) from error
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise WrongUse(
            f"The ledger's address begins with {urlsplit(url).scheme!r}. Use a file's path, or postgresql://host/database."
        )
    said = psycopg.conninfo.conninfo_to_dict(url)
    ours = {name: value for name, value in _manner(settings).items() if name not in said}
    connection: psycopg.Connection[Any] = psycopg.connect(url, **ours)
    connection.adapters.register_loader("numeric", _numeric_loader())
    if not limit_silence(connection, settings):
        # Behind a pooler the next transaction may be another connection's, where what we prepared is not, or worse: where
        # another client prepared another statement under the same name.
        connection.prepare_threshold = None
    connection.commit()
    connection.autocommit = reads
    return connection


def is_pooled(connection: psycopg.Connection[Row]) -> bool:
    """Whether a pooler stands between, so that nothing may be left on a connection from one transaction to the next."""
    return connection.prepare_threshold is None


def limit_silence(connection: psycopg.Connection[Row], settings: Settings) -> bool:
    """Have the server end a transaction that stands still: it holds its lease's row, so nobody could take it for dead.

    For all transactions of this connection, which is then ours alone; behind a pooler for the one that is open, and False
    is returned. A pooler gives itself away by the number of the process: it tells one of its own, not the server's.
    """
    silent_ms = str(max(1, int(settings.lease_s * 1_000)))
    found = connection.execute(
        "SELECT set_config('idle_in_transaction_session_timeout', %(ms)s, pg_backend_pid() <> %(told)s), "
        "pg_backend_pid() = %(told)s",
        {"ms": silent_ms, "told": connection.info.backend_pid},
    ).fetchone()
    return found is not None and bool(found[1])


def _manner(settings: Settings) -> dict[str, Any]:
    """How we connect where the address does not say it.

    A host that vanishes without a word is given up within a lease, when others take this process for dead anyhow: the
    kernel asks a silent one whether it is there, and waits no longer for what it was sent.
    """
    probe_s = max(1, int(settings.lease_s / BEATS_A_LEASE))
    return {
        "connect_timeout": max(2, int(settings.connect_timeout_s)),
        "application_name": "roadworthy",
        "keepalives_idle": probe_s,
        "keepalives_interval": probe_s,
        "keepalives_count": BEATS_A_LEASE - 1,
        "tcp_user_timeout": max(1_000, int(settings.lease_s * 1_000)),
    }


def _numeric_loader() -> type:
    """Sums of whole numbers come as numeric; they are whole numbers here."""
    from psycopg.adapt import Loader  # noqa: PLC0415 - an extra

    class Whole(Loader):
        def load(self, data: bytes | bytearray | memoryview) -> int | float:
            text = bytes(data)
            return float(text) if b"." in text else int(text)

    return Whole
