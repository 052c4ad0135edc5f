"""The SQL of the ledger, by name. It lives in `.sql` files, each query with a name and a sentence."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- (?P<name>[a-z0-9_]+): (?P<sentence>.+)$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """Every named query of `sql/queries.sql`: name -> SQL with `:named` parameters."""
    text = files(__package__).joinpath("sql/queries.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {
        head["name"]: text[head.end() : end].strip().rstrip(";")
        for head, end in zip(heads, ends, strict=True)
    }


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """Every numbered migration in order: (number, SQL script)."""
    found = [
        (int(path.name[:4]), path.read_text(encoding="utf-8"))
        for path in files(__package__).joinpath("sql").iterdir()
        if re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", path.name)
    ]
    return tuple(sorted(found))
