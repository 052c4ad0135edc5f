"""Who may call the service: keys, kept as hashes, each with its roles and its namespace."""

from __future__ import annotations

import hashlib
import secrets

from roadworthy._quick import quick
from roadworthy.keep.transaction import Transaction, as_float, as_text

PREFIX = "rw_"
_KEY_BYTES = 32


@quick(frozen=True, slots=True)
class Access:
    """What a key lets its holder do.

    Attributes:
        roles: some of `submit`, `review`, `operate`, `admin`.
        namespace: whose records it sees; "" for the app's own.
        revoked_at: UTC seconds; None while it is good.
    """

    name: str
    roles: tuple[str, ...]
    namespace: str
    created_at: float = 0.0
    revoked_at: float | None = None


def new_key() -> str:
    """A key that nobody can guess: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def add_access(tx: Transaction, app: str, access: Access, key: str) -> None:
    """Let the holder of `key` in."""
    tx.add(
        "add_access_key",
        app=app,
        name=access.name,
        hash=hash_of(key),
        roles=" ".join(access.roles),
        namespace=access.namespace,
        now=tx.now,
    )


def find_access(tx: Transaction, app: str, digest: bytes) -> Access | None:
    """What the key with this hash lets its holder do; None where it is unknown or revoked."""
    row = tx.row("access_key", app=app, hash=digest)
    return None if row is None else Access(as_text(row[0]), tuple(as_text(row[1]).split()), as_text(row[2]))


def every_access(tx: Transaction, app: str) -> list[Access]:
    """Every key that was ever given out, oldest first."""
    return [
        Access(
            as_text(name),
            tuple(as_text(roles).split()),
            as_text(namespace),
            as_float(created),
            None if revoked is None else as_float(revoked),
        )
        for name, roles, namespace, created, revoked in tx.rows("access_keys", app=app)
    ]


def revoke_access(tx: Transaction, app: str, name: str) -> int:
    """Take back every key of this name; returns how many there were."""
    return tx.change("revoke_access_key", app=app, name=name, now=tx.now)


def hash_of(key: str) -> bytes:
    """What is kept of a key: 32 bytes. It is 256 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).digest()
