"""Mutation testing: small faults put into the classifier, the state machines and the budget, and who notices.

`make mutants`. Each mutant lives in a process of its own, forked from one that has loaded everything but Roadworthy;
there the changed code is handed to the import of one module, so no file is ever touched. The unit tests of that module
decide. What was decided is kept, a line of JSON a mutant, and not decided again unless `--again` asks for it.
Survivors that docs/mutants.md argues are told apart from those it does not, which fail the command.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.machinery import SourceFileLoader
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "roadworthy"
ARGUED = ROOT / "docs" / "mutants.md"
COUNT_MAX = 300
TIMEOUT_S = 150.0
LOADED = (
    "orjson",
    "pydantic",
    "genai_prices",
    "psycopg",
    "hypothesis.strategies",
    "asyncio",
    "sqlite3",
    "jinja2",
)
ENDINGS = (
    *("OK", "THROTTLED", "TRANSIENT", "QUOTA", "AUTH", "GONE", "TOO_LONG", "BAD_REQUEST"),
    *("TRUNCATED", "REFUSED", "FILTERED", "EMPTY", "UNKNOWN", "UNSENT", "UNTRUSTED"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A module, the tests that answer for it, and the names in it that are meant; all of them where none is given."""

    path: str
    tests: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: which place of the module's tree, and which of the changes that are possible there."""

    path: str
    place: int
    choice: int
    line: int
    name: str
    change: str

    @property
    def key(self) -> str:
        """What a row of docs/mutants.md holds, whatever its line is by now."""
        return f"`{self.path}` | `{self.name}` | `{self.change}`"

    @property
    def identity(self) -> str:
        """What tells it from every other one, as long as its module stays as it is."""
        return f"{self.place} {self.choice} {self.key}"


@dataclass(slots=True)
class Trial:
    """A mutant under its tests."""

    mutant: Mutant
    process: BaseProcess
    took_s: float = 0.0


CALL, WIRES = "tests/unit/call/", tuple(f"tests/unit/call/test_{name}.py" for name in ("wires", "stream"))
ANSWER, OUTCOME = f"{CALL}test_read_answer.py", f"{CALL}test_outcome.py"
MONEY = ("tests/contract/test_money.py",)
TARGETS = (
    Target("call/wire/error.py", (ANSWER, OUTCOME, *WIRES)),
    Target(
        "call/wire/wire.py",
        (ANSWER, OUTCOME, *WIRES),
        ("Wire.read", "Wire.read_stream", "provider_id_of", "_is_html"),
    ),
    Target(
        "call/wire/openai_chat.py",
        (ANSWER, OUTCOME, *WIRES),
        ("_FINISHES", "OpenAIChat.answer", "_ending", "_categories", "_content", "_text", "_first"),
    ),
    Target(
        "call/wire/openai_responses.py",
        (OUTCOME, *WIRES),
        (
            "_INCOMPLETE",
            "_NO_ANSWER",
            "OpenAIResponses.error",
            "OpenAIResponses.answer",
            "_parts",
            "_ending",
        ),
    ),
    Target("call/wire/anthropic.py", (OUTCOME, *WIRES), ("_STOPS", "AnthropicMessages.answer")),
    Target(
        "call/wire/gemini.py", (OUTCOME, *WIRES), ("_FINISHES", "GeminiContent.answer", "_ending", "_text")
    ),
    Target(
        "call/ending.py",
        (f"{CALL}test_ending.py", f"{CALL}test_retry.py", f"{CALL}test_breaker.py", f"{CALL}test_driver.py"),
    ),
    Target("call/retry.py", (f"{CALL}test_retry.py",)),
    Target("call/pace.py", (f"{CALL}test_pace.py", f"{CALL}test_lane.py")),
    Target("call/breaker.py", (f"{CALL}test_breaker.py", f"{CALL}test_lane.py")),
    Target("call/lane.py", (f"{CALL}test_lane.py",)),
    Target("call/price.py", (f"{CALL}test_price.py", f"{CALL}test_usage.py")),
    Target("check/repair.py", ("tests/unit/check/test_repair.py",)),
    Target("keep/transaction.py", (*MONEY, "tests/contract/test_records.py")),
    Target("keep/attempts.py", (*MONEY, "tests/contract/test_records.py")),
)

_NEGATED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "bases", "keywords_of_class", "ctx"})


def changes(node: ast.AST, field_name: str) -> list[ast.AST]:  # noqa: C901 - a table of cases
    """What may stand in a node's place."""
    if isinstance(node, ast.cmpop):
        return [other() for other in _NEGATED[type(node)]]
    if type(node) in _OPERATORS:
        return [_OPERATORS[type(node)]()]
    match node:
        case ast.BoolOp(values=[first, *rest]):
            return [first, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)]
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=inner):
            return [inner]
        case ast.Constant(value=value):
            return _constants(value)
        case ast.Name(id="min" | "max" as name):
            return [ast.Name("max" if name == "min" else "min", ast.Load())]
        case ast.Attribute(value=ast.Name(id="Ending"), attr=name) if name in ENDINGS:
            following = ENDINGS[(ENDINGS.index(name) + 1) % len(ENDINGS)]
            return [ast.Attribute(ast.Name("Ending", ast.Load()), following, ast.Load())]
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            return [ast.Return(ast.Constant(None))]
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            return [ast.Pass()]
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return [ast.Pass()]
        case ast.Break():
            return [ast.Continue()]
        case ast.Name() | ast.Call() | ast.Attribute() if field_name == "test":
            return [ast.UnaryOp(ast.Not(), node)]
    return []


def _constants(value: object) -> list[ast.AST]:
    """Another value. A text with blanks in it is a message for a person: it stays."""
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, int | float):
        return [ast.Constant(value + 1)]
    if isinstance(value, str) and " " not in value:
        return [ast.Constant(f"{value}XX")]
    return []


def places(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST, str, int | None, ast.AST]]:
    """Every place that may be changed: the name it belongs to, its parent, field, number in the field, and node."""
    for field_name, value in ast.iter_fields(tree):
        if field_name in _SKIPPED_FIELDS or (field_name == "op" and isinstance(value, ast.BitOr)):
            continue
        nodes: Sequence[object] = value if isinstance(value, list) else [value]
        for number, node in enumerate(nodes):
            if not isinstance(node, ast.AST) or _is_no_code(node):
                continue
            inner = f"{name}.{own}".lstrip(".") if (own := _own_name(node, name)) else name
            yield inner, tree, field_name, number if isinstance(value, list) else None, node
            yield from places(node, inner)


def _own_name(node: ast.AST, outer: str) -> str:
    """The name that a definition gives; at the top of a module or class an assignment is one too."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name
    if not outer and isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return target.id if isinstance(target, ast.Name) else ""
    return ""


def _is_no_code(node: ast.AST) -> bool:
    """Documentation, types, f-strings and failpoints, which are the crash sweep's."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr() | ast.ImportFrom() | ast.Import():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="failpoint"))):
            return True
        case ast.Call(func=ast.Name(id="TypeVar" | "dataclass")):
            return True
    return False


def mutate(source: str, place: int, choice: int) -> tuple[ast.Module, str, str]:
    """The module with one change, and the code before and after it."""
    tree = ast.parse(source)
    _, parent, field_name, number, node = list(places(tree))[place]
    other = changes(node, field_name)[choice]
    ast.copy_location(other, node)
    shown = isinstance(parent, ast.expr | ast.keyword | ast.Return) and len(ast.unparse(parent)) <= 90
    if not hasattr(node, "lineno") or shown:
        before = ast.unparse(parent)
        _put(parent, field_name, number, other)
        after = ast.unparse(parent)
    else:
        before, after = ast.unparse(node), ast.unparse(other)
        _put(parent, field_name, number, other)
    return ast.fix_missing_locations(tree), " ".join(before.split()), " ".join(after.split())


def _put(parent: ast.AST, field_name: str, number: int | None, node: ast.AST) -> None:
    if number is None:
        setattr(parent, field_name, node)
    else:
        getattr(parent, field_name)[number] = node


def all_of(target: Target) -> list[Mutant]:
    """Every mutant of a target, in the order of its source."""
    source = (PACKAGE / target.path).read_text(encoding="utf-8")
    found = []
    for place, (name, parent, field_name, _, node) in enumerate(places(ast.parse(source))):
        if target.names and name not in target.names:
            continue
        line: int = getattr(node, "lineno", 0) or getattr(parent, "lineno", 0)
        for choice in range(len(changes(node, field_name))):
            _, before, after = mutate(source, place, choice)
            change = f"{before} → {after}".replace("|", "∣")  # noqa: RUF001 - a bar would end the table's cell
            found.append(Mutant(target.path, place, choice, line, name, change))
    return found


def sample(count: int, seed: int) -> list[Mutant]:
    """The same mutants for the same seed and source: an equal share of each target, as far as it has so many."""
    decks = []
    for target in TARGETS:
        deck = all_of(target)
        random.Random(f"{seed} {target.path}").shuffle(deck)
        decks.append(deck)
    drawn = [deck[turn] for turn in range(max(map(len, decks))) for deck in decks if turn < len(deck)]
    return sorted(drawn[:count], key=lambda mutant: (mutant.path, mutant.place, mutant.choice))


def judge(path: str, tree: ast.Module | None, tests: Sequence[str]) -> None:
    """In a process of its own: run the tests over the module as it was changed; ends with pytest's word."""
    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    if tree is not None:
        file = str(PACKAGE / path)
        code, load = compile(tree, file, "exec"), SourceFileLoader.get_code

        def get_code(self: SourceFileLoader, fullname: str) -> object:
            return code if self.path == file else load(self, fullname)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment] # this process has no other use
    settings.register_profile(
        "mutants", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
    )
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "timeout=60", "--hypothesis-profile", "mutants"]
    word = pytest.main([*options, "-k", "not postgres", *(str(ROOT / test) for test in tests)])
    os._exit(int(word))  # no test's thread or exit handler has a say any more


def trials(mutants: Sequence[Mutant], processes: int, decided: Callable[[Mutant, str, float], None]) -> None:
    """Try them all, some at a time; each one's verdict is told as it falls."""
    tests = {target.path: target.tests for target in TARGETS}
    fork = multiprocessing.get_context("fork")
    waiting, running = list(reversed(mutants)), list[Trial]()
    while waiting or running:
        while waiting and len(running) < processes:
            mutant = waiting.pop()
            tree = _tree(mutant) if mutant.place >= 0 else None
            process = fork.Process(target=judge, args=(mutant.path, tree, tests[mutant.path]))
            process.start()
            running.append(Trial(mutant, process))
        began = time.monotonic()
        wait([trial.process.sentinel for trial in running], timeout=1)
        looked_s = min(time.monotonic() - began, 2.0)  # whoever stops this program stops its mutants too
        for trial in tuple(running):
            trial.took_s += looked_s
            if trial.process.is_alive() and trial.took_s < TIMEOUT_S:
                continue
            verdict = "timeout" if trial.process.is_alive() else _verdict(trial.process.exitcode)
            _end(trial.process)
            running.remove(trial)
            decided(trial.mutant, verdict, trial.took_s)


def _tree(mutant: Mutant) -> ast.Module:
    return mutate((PACKAGE / mutant.path).read_text(encoding="utf-8"), mutant.place, mutant.choice)[0]


def _verdict(code: int | None) -> str:
    match code:
        case 0:
            return "survived"
        case 5:
            return "no tests"
        case _:
            return "killed"


def _end(process: BaseProcess) -> None:
    """End a trial with everything that its tests started."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join(10)


def decided_before(results: Path, *, again: bool) -> dict[str, str]:
    """The verdicts that are kept, by the mutant's identity; what lived is left out where it is to be tried again."""
    if not results.exists():
        return {}
    rows = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    known = {f"{row['place']} {row['choice']} {row['key']}": str(row["verdict"]) for row in rows}
    return {name: verdict for name, verdict in known.items() if verdict == "killed" or not again}


def main() -> int:
    """Draw, try, and say what survived."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--count", type=int, default=COUNT_MAX, help="mutants to try")
    options.add_argument("--seed", type=int, default=1, help="which ones")
    options.add_argument("--processes", type=int, default=2, help="how many at a time")
    options.add_argument("--only", default="", help="targets whose path holds this")
    options.add_argument("--again", action="store_true", help="try those again that survived")
    options.add_argument("--results", type=Path, default=ROOT / ".mutants.jsonl", help="what was decided")
    asked = options.parse_args()
    for name in LOADED:
        importlib.import_module(name)
    chosen = [mutant for mutant in sample(asked.count, asked.seed) if asked.only in mutant.path]
    known = decided_before(asked.results, again=asked.again)
    todo = [mutant for mutant in chosen if mutant.identity not in known]
    sound: list[str] = []
    paths = sorted({mutant.path for mutant in todo})
    trials(
        [Mutant(path, -1, 0, 0, "", "unchanged") for path in paths],
        asked.processes,
        lambda mutant, verdict, _: sound.append(mutant.path) if verdict == "survived" else None,
    )
    if broken := sorted(set(paths) - set(sound)):
        print("The tests fail without any mutant: " + ", ".join(broken))
        return 2
    began = time.monotonic()
    with asked.results.open("a", encoding="utf-8") as out:

        def decided(mutant: Mutant, verdict: str, took_s: float) -> None:
            known[mutant.identity] = verdict
            row = {**asdict(mutant), "key": mutant.key, "verdict": verdict, "seconds": round(took_s, 1)}
            print(json.dumps(row, ensure_ascii=False), file=out, flush=True)
            print(f"{verdict:9} {took_s:5.1f} s  {mutant.path}:{mutant.line} {mutant.change}", flush=True)

        trials(todo, asked.processes, decided)
    return report(chosen, lambda mutant: known[mutant.identity], time.monotonic() - began, len(todo))


def report(chosen: Sequence[Mutant], verdict: Callable[[Mutant], str], took_s: float, tried: int) -> int:
    """The score, and the survivors; 1 where one of them is argued nowhere."""
    argued = ARGUED.read_text(encoding="utf-8") if ARGUED.exists() else ""
    survived = [mutant for mutant in chosen if verdict(mutant) == "survived"]
    unargued = [mutant for mutant in survived if mutant.key not in argued]
    for target in TARGETS:
        own = [mutant for mutant in chosen if mutant.path == target.path]
        lived = [mutant for mutant in survived if mutant.path == target.path]
        print(
            f"{target.path:32} {len(own):4} mutants {len(own) - len(lived):4} killed {len(lived):4} survived"
        )
    timeouts = sum(verdict(mutant) == "timeout" for mutant in chosen)
    print(
        f"{len(chosen)} mutants: {len(chosen) - len(survived)} killed ({timeouts} by time), {len(survived)} survived, "
        f"{len(survived) - len(unargued)} of them argued in docs/mutants.md. {tried} tried in {took_s:.0f} s."
    )
    for mutant in unargued:
        print(f"SURVIVED  {mutant.path}:{mutant.line}\n  | {mutant.key} | |")
    return 1 if unargued else 0


if __name__ == "__main__":
    sys.exit(main())
