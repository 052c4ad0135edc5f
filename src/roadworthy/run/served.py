"""Which model a provider says answered: one that was not seen before is a change that a person should know of."""

from __future__ import annotations

import re

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import as_text

_NAME = re.compile(r"[\w.:/@+-]{1,128}", re.ASCII)
_NO_NAME = "(what is no name)"  # a gateway may put any words there, a record's too


class ServedModels:
    """The names under which models answered, by the name that was asked.

    A provider may well call `gpt-5` by a dated name: the first name is no change, another one after it is.

    Args:
        store: the ledger, which knows what answered in earlier runs.
        names: where the names are kept, in order of appearance.
    """

    def __init__(self, store: Ledger, names: dict[str, list[str]]) -> None:
        self._store = store
        self._names = names

    def saw(self, asked: str, served: str) -> str:
        """Take note of one answer. Words for a person where another model than before gave it, once for each; else ""."""
        if not served or served in self._names.get(asked, ()):
            return ""
        served = _named(served)
        if asked not in self._names:
            try:
                row = self._store.read(lambda tx: tx.row("last_served", model=asked))
            except LedgerUnavailable:
                return ""  # the answer is paid for and must be kept; the next one is looked at again
            self._names[asked] = [] if row is None else [_named(as_text(row[0]))]
        names = self._names[asked]
        if served in names:
            return ""
        names.append(served)
        return f"{asked} was answered by {names[-2]} before, now by {served}" if len(names) > 1 else ""


def _named(served: str) -> str:
    return served if _NAME.fullmatch(served) else _NO_NAME
