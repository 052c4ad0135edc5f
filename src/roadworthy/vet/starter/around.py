"""An app written around a proof of concept: a step in its place where enough is known, else a `Function`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy.vet.starter.project import PORT, Draft, app_name
from roadworthy.vet.starter.reading import Reading, read

_WIDTH: Final = 100
_SAMPLES: Final = (
    "I was charged twice for the March invoice. Please refund one of them.",
    "The export button does nothing since this morning.",
    "Thanks, that solved it.",
)
_TAKEN: Final = ("app", "ask")
STEPS: Final = (
    f"roadworthy sim --stand-in copied --port {PORT} &",
    f"export OPENAI_BASE_URL=http://127.0.0.1:{PORT}/v1 OPENAI_API_KEY=dummy",
    "roadworthy plan app.py input.jsonl",
    "roadworthy run app.py input.jsonl",
    "roadworthy vet app.py input.jsonl",
)


def around(target: str, folder: str) -> Draft:
    """The project around the function `target`, its app named for `folder`.

    Raises:
        WrongUse: the target is no function in a file that can be read.
    """
    place, _, name = target.partition(":")
    if not place.endswith(".py") or not name:
        raise WrongUse(f"--from {target!r}: write it as FILE.py:FUNCTION.")
    path = Path(place)
    if not path.stem.isidentifier() or name in _TAKEN or path.stem in _TAKEN:
        raise WrongUse(
            f"--from {target!r}: file and function need names that Python can import, and not {_TAKEN}."
        )
    found = read(path, name)
    texts = {"app.py": _app(found, path, app_name(folder)), "input.jsonl": _input(found)}
    if not found.is_whole:
        texts[path.name] = path.read_text(encoding="utf-8")
    home = files("roadworthy.vet.starter").joinpath("template")
    texts["README.md"] = _readme(found, path)
    texts[".gitignore"] = home.joinpath("gitignore").read_text(encoding="utf-8")
    return Draft(texts, STEPS)


def _app(found: Reading, path: Path, name: str) -> str:
    body = _step(found) if found.is_whole else _function(found, path)
    head = (
        f'"""An app around `{found.name}` of {path.name}. Lines with `Fill in` want your answer."""',
        "\n".join(_imports(found, path)),
        f'app = App("{name}", budget_usd=1)  # Fill in: it stops before it spends more',
    )
    return "\n\n\n".join(["\n\n".join(head), *_record(found), *body, *_check(found)]) + "\n"


def _imports(found: Reading, path: Path) -> Iterator[str]:
    """Import lines: Python's own, others', Roadworthy's, the function's."""
    names = {module: set(said) for module, said in found.imports.items()} if found.is_whole else {}
    ours = {"App", "Prompt"} | (set() if found.is_whole else {"Function"})
    if not _own_record(found):
        names.setdefault("pydantic", set()).update({"BaseModel", "Field"})
    if not found.is_whole and not found.gives:
        names.setdefault("pydantic", set()).add("BaseModel")
        names["json"] = set()
    if found.is_whole:
        ours.add("Fault")
    first = {module for module in names if module.partition(".")[0] in sys.stdlib_module_names}
    groups = [_lines(names, first), _lines(names, set(names) - first), _lines({"roadworthy": ours})]
    if not found.is_whole:
        theirs = {found.name} | ({found.gives} if found.gives else set())
        groups.append(_lines({path.stem: theirs | ({found.takes} if _own_record(found) else set())}))
    yield "\n\n".join("\n".join(group) for group in groups if group)


def _lines(names: dict[str, set[str]], modules: Iterable[str] | None = None) -> list[str]:
    return [
        f"from {module} import {', '.join(sorted(names[module]))}" if names[module] else f"import {module}"
        for module in sorted(names if modules is None else modules)
    ]


def _own_record(found: Reading) -> bool:
    """The function takes a class of its own file, which can be the record."""
    return any(text.startswith(f"class {found.takes}(") for text in found.definitions)


def _kind(found: Reading) -> str:
    return found.takes if _own_record(found) else "Record"


def _record(found: Reading) -> Iterator[str]:
    if found.is_whole:
        yield from found.definitions
    if not _own_record(found):
        yield (
            "class Record(BaseModel):\n"
            '    """What goes in. Fill in: the fields of your records; what does not fit costs nothing."""\n\n'
            "    id: str\n"
            "    text: str = Field(min_length=1, max_length=20_000)"
        )
    if not found.is_whole and not found.gives:
        yield (
            "class Answer(BaseModel):\n"
            '    """What must come out. Fill in: its fields. The function does not say, so it is one text for now."""\n\n'
            "    answer: str"
        )


def _step(found: Reading) -> Iterator[str]:
    """A step in the function's place."""
    models = ", ".join(f'"{name}"' for name in found.models)
    data = "record" if _own_record(found) else "record.text"
    note = ""
    if found.user and not found.user.isidentifier() and found.user.strip("'\"{}").isidentifier() is False:
        said = " ".join(found.user.split())[:_WIDTH]
        note = f"    # Fill in: the function's user message was {said}\n    # Here it is the record's data alone.\n"
    yield (f"# Copied from the function, word for word.\nINSTRUCTIONS = {_quoted(found.instructions)}")
    yield (
        "# Fill in: a second model after the first one is asked when an answer is not valid. Then a person is.\n"
        "# The function's own retries, and what it did to the answer afterwards, are not in here: retries are\n"
        "# Roadworthy's now, and what was done afterwards belongs behind the results.\n"
        f"@app.step(models=[{models}])\n"
        f"def {found.name}(record: {_kind(found)}) -> Prompt[{found.gives}]:\n"
        f"{note}"
        f"    return Prompt(INSTRUCTIONS, {data})"
    )


def _function(found: Reading, path: Path) -> Iterator[str]:
    """The function itself as a model."""
    give = "record" if _own_record(found) or found.takes not in {"", "str"} else "record.text"
    if found.takes in {"dict", "dict[str, Any]", "dict[str, object]", "dict[str, str]"}:
        give = "record.model_dump()"
    call = f"{found.name}({give})" + ("" if found.is_typed else "  # type: ignore[no-untyped-call]")
    word, await_ = ("async def", "await ") if found.is_async else ("def", "")
    gives = found.gives or "Answer"
    missing = [
        what
        for what, is_there in (
            ("its system message, or which one of several", found.instructions),
            ("the model that it asks", found.models),
            ("the class of its answers", found.gives),
        )
        if not is_there
    ]
    yield (
        f"{word} ask(record: {_kind(found)}) -> object:\n"
        f'    """One call is one attempt. Its own retries inside, and their price, cannot be seen."""\n'
        + (
            f"    return {await_}{call}"
            if found.gives
            else f"    said = {await_}{call}\n"
            '    return {"answer": said if isinstance(said, str) else json.dumps(said, default=str)}'
        )
    )
    yield (
        f"# {path.name} is no step yet, for this could not be read from it:\n# {', '.join(missing)}.\n"
        "# Fill in: what a call costs at most, its own retries included. Switch those off: they multiply.\n"
        '@app.step(models=[Function(ask, usd_per_call="0.01")])\n'
        f"def {found.name}_step(record: {_kind(found)}) -> Prompt[{gives}]:\n"
        f'    return Prompt("Asked by {found.name} in {path.name}.", record)'
    )


def _check(found: Reading) -> Iterator[str]:
    if found.is_whole:
        yield (
            f"@{found.name}.check\n"
            f"def answer_is_right(answer: {found.gives}, record: {_kind(found)}) -> None:\n"
            '    """Fill in: what a wrong answer gives away. A form alone is no check."""\n'
            f"    if not answer.model_dump():\n"
            '        raise Fault("The answer is empty.")'
        )


def _quoted(text: str) -> str:
    """The text as Python, in lines that can be read."""
    if len(text) <= _WIDTH and "\n" not in text:
        return json.dumps(text, ensure_ascii=False)
    words, lines = text.splitlines(keepends=True), list[str]()
    for line in words:
        while len(line) > _WIDTH and (cut := line.rfind(" ", 0, _WIDTH)) > 0:
            lines.append(line[: cut + 1])
            line = line[cut + 1 :]  # noqa: PLW2901 - what is left of it
        lines.append(line)
    return "(\n" + "\n".join(f"    {json.dumps(line, ensure_ascii=False)}" for line in lines) + "\n)"


def _input(found: Reading) -> str:
    """A few records to begin with; of a class that nobody knows, one that says so."""
    if _own_record(found):
        return json.dumps({"id": "1", "text": "Fill in: records of your own, one JSON object a line."}) + "\n"
    rows = ({"id": str(place), "text": text} for place, text in enumerate(_SAMPLES, 1))
    return "".join(json.dumps(row) + "\n" for row in rows)


def _readme(found: Reading, path: Path) -> str:
    how = (
        f"`{path.name}` was read, not run. Its system message, its model and the class of its answers became a step: "
        "`app.py` does not need it any more."
        if found.is_whole
        else f"`{path.name}` was read, not run, and copied here. It is called as it is: one call is one attempt, and "
        "what happens inside cannot be seen. A step of its own can do more: see `Prompt` in the tutorial."
    )
    steps = "\n".join(f"    {step}" for step in STEPS)
    return (
        f"# An app around `{found.name}`\n\n{how}\n\n"
        "Lines in `app.py` that say `Fill in` want your answer: the budget, the record's fields, a check.\n\n"
        f"## Try it, with nothing to sign up for\n\n{steps}\n\n"
        "The simulated provider makes answers up from the schema, with words copied from the question. For the real\n"
        "one unset `OPENAI_BASE_URL` and set `OPENAI_API_KEY` to your key.\n"
    )
