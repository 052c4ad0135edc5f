"""The error tree.

The first fork is the caller's question, *can trying again help?* The second: *whose mistake is it?*

* RoadworthyError
  x Final                trying again without a change cannot help
    + WrongUse           your app, command, file, price or key needs a change; nothing was paid (status 2)
    + Rejected           the record cannot be used, or a person said no
    + Failed             the record ended without an answer; `run --retry failed` asks anew
    + Fault              an answer is not valid, located and worded so that the model can mend it
  x Passing              the same command later may succeed; nothing is lost
    + LedgerUnavailable  the ledger cannot be read or written just now
* Waiting (BaseException)  the record stands and waits for something named; not an error
"""

from __future__ import annotations


class RoadworthyError(Exception):
    """Every error that Roadworthy raises on purpose."""


class Final(RoadworthyError):
    """Trying again without a change cannot help."""


class Passing(RoadworthyError):
    """The same command later may succeed; nothing is lost."""


class WrongUse(Final):
    """The app, the command, a file, a price or a key needs a change before anything is paid."""


class Rejected(Final):
    """The record cannot be used, or a person said no.

    Args:
        key: the record's key.
        reason: what is wrong with it.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"Record {key!r} is rejected: {reason}")
        self.key = key
        self.reason = reason


class Failed(Final):
    """The record ended without an acceptable answer.

    Args:
        key: the record's key.
        reason: why; `roadworthy why` shows every attempt.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"Record {key!r} failed: {reason}. `roadworthy why APP {key}` shows every attempt.")
        self.key = key
        self.reason = reason


class Fault(Final):
    """An answer is not valid. Raise it from a check; the words are shown to the model, so say how to mend it.

    Args:
        message: what is wrong and what would be right.
        where: the field, as a path such as `items.0.price`, where it is known.
        kind: `malformed`, `invalid` or `ungrounded`; a check of yours raises `invalid`.
    """

    check: str = ""
    """The name of the check that raised it, where one did."""

    def __init__(self, message: str, *, where: str = "", kind: str = "invalid") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.kind = kind


class LedgerUnavailable(Passing):
    """The ledger cannot be read or written just now: disk full, locked, read-only or gone."""


class Waiting(BaseException):
    """The record stands and waits. Derived from BaseException so that `except Exception` cannot swallow it.

    Args:
        waiting_for: `review`, `budget`, `provider` or `batch`.
        detail: what exactly, in words.
    """

    def __init__(self, waiting_for: str, detail: str = "") -> None:
        super().__init__(f"waiting for {waiting_for}" + (f": {detail}" if detail else ""))
        self.waiting_for = waiting_for
        self.detail = detail
