"""Runs in the child process: loads one function behind walls and calls it. The standard library alone, so that it runs in the function's own environment, with no Roadworthy in it."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import importlib
import importlib.util
import inspect
import json
import os
import resource
import sys
import threading
import time
import traceback
import typing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

Json = typing.Any
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
TEXT_FIELDS = ("text", "body", "message", "content", "question", "prompt")
_VALUE_CHARS_MAX = 1_000_000
_MESSAGE_CHARS_MAX = 2_000
_NET_CONNECT_TCP, _RULE_NET_PORT, _NO_NEW_PRIVS = 2, 2, 38
_CREATE, _ADD, _RESTRICT = 444, 445, 446


class Out:
    """The pipe to the parent: one JSON object a line, whole lines only."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._turn = threading.Lock()
        self._pid = os.getpid()

    def say(self, said: Json) -> None:
        """Write one line; a process that was forked says nothing."""
        if os.getpid() != self._pid:
            return
        line = (json.dumps(said) + "\n").encode("ascii")
        with self._turn:
            while line:
                line = line[os.write(self._number, line) :]


def wall(port: int, out: Out) -> None:
    """No connection but to `port` of this machine, for what Python opens: an audit hook, which nothing can take off."""

    def refuse(where: object) -> None:
        out.say({"blocked": str(where)[:200]})
        raise ConnectionRefusedError(f"no network here but the simulated provider: {where!r} was refused")

    def hook(event: str, args: tuple[Json, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            address = args[1]
            if event == "socket.sendmsg" and address is None:
                return
            if not isinstance(address, tuple) or address[0] not in _LOOPBACK or address[1] != port:
                refuse(address[0] if isinstance(address, tuple) else address)
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and args[0] is not None:
            host = args[0].decode("ascii", "replace") if isinstance(args[0], bytes) else args[0]
            if host not in (*_LOOPBACK, ""):
                refuse(host)

    sys.addaudithook(hook)


def lock_ports(port: int) -> bool:
    """The same for native code, TCP alone: Landlock, in Linux from 6.7 on (https://docs.kernel.org/userspace-api/landlock.html)."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) < 4:
        return False
    rules = (ctypes.c_uint64 * 2)(0, _NET_CONNECT_TCP)
    made = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(16), ctypes.c_uint32(0))
    if made < 0:
        return False
    rule = (ctypes.c_uint64 * 2)(_NET_CONNECT_TCP, port)
    steps: tuple[typing.Callable[[], int], ...] = (
        lambda: libc.syscall(_ADD, made, _RULE_NET_PORT, ctypes.byref(rule), ctypes.c_uint32(0)),
        lambda: libc.prctl(_NO_NEW_PRIVS, *(ctypes.c_ulong(number) for number in (1, 0, 0, 0))),
        lambda: libc.syscall(_RESTRICT, made, ctypes.c_uint32(0)),
    )
    done = all(step() == 0 for step in steps)
    os.close(made)
    return done


def limit(memory_bytes: int, file_bytes: int) -> None:
    """Bound what the process may take."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def load(place: str, name: str) -> Json:
    """The function `name` of a file, or of a module."""
    if place.endswith(".py"):
        stem = Path(place).stem
        sys.path.insert(0, str(Path(place).resolve().parent))
        spec = importlib.util.spec_from_file_location(stem, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[stem] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(place)
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{name} is not callable")
    return found


def plain_of(function: Json) -> Json:
    """What has the annotations: the function itself, its `fn` where it is wrapped, or its `__call__`."""
    inner = getattr(function, "fn", None)
    if callable(inner) and not inspect.isroutine(function):
        return inner
    return function if inspect.isroutine(function) else type(function).__call__


def kind_of(function: Json) -> Json:
    """The annotation of its first parameter; None without one."""
    plain = plain_of(function)
    names = [name for name in inspect.signature(plain).parameters if name != "self"]
    if not names:
        return None
    try:
        return typing.get_type_hints(plain).get(names[0])
    except (AttributeError, NameError, SyntaxError, TypeError):  # an annotation that says nothing here
        return None


def argument(record: Json, kind: Json) -> Json:
    """The record as the function wants it: text, a pydantic model, a dataclass, or as it is."""
    if kind is str and isinstance(record, dict):
        texts = {name: value for name, value in record.items() if isinstance(value, str) and name != "id"}
        if len(texts) == 1:
            return next(iter(texts.values()))
        named = next((texts[name] for name in TEXT_FIELDS if name in texts), None)
        return json.dumps(record, ensure_ascii=False) if named is None else named
    if hasattr(kind, "model_validate"):
        return kind.model_validate(record)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**record)
    return record


def plain(value: Json) -> Json:
    """What JSON does not know, as something it does."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


class Desk:
    """Calls the function and tells how each call ended."""

    def __init__(self, function: Json, out: Out) -> None:
        self._function = function
        self._kind = kind_of(function)
        self._out = out
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            plain_of(function)
        )
        self._runner: Json = None

    def told(self) -> Json:
        """What the parent is told about the function."""
        kind = self._kind
        return {
            "async": self._is_async,
            "takes": "" if kind is None else getattr(kind, "__name__", str(kind)),
        }

    def run(self, calls: Json, together: int) -> None:
        """All calls, so many at a time; an async function's in one event loop that stays for all."""
        if self._is_async:
            self._runner = self._runner or asyncio.Runner()
            self._runner.run(self._gather(calls, together))
        elif together == 1:
            for call in calls:
                self._call(call)
        else:
            with ThreadPoolExecutor(together) as pool:
                list(pool.map(self._call, calls))

    async def _gather(self, calls: Json, together: int) -> None:
        gate = asyncio.Semaphore(together)

        async def one(call: Json) -> None:
            async with gate:
                with Ending(call["id"], self._out) as ending:
                    given = argument(call["record"], self._kind)
                    ending.state = "raised"
                    ending.returned(await self._function(given))

        await asyncio.gather(*(one(call) for call in calls))

    def _call(self, call: Json) -> None:
        with Ending(call["id"], self._out) as ending:
            given = argument(call["record"], self._kind)
            ending.state = "raised"
            ending.returned(self._function(given))


class Ending:
    """How one call ended; "refused" until the function has its argument.

    Whatever somebody else's code raises in the call ends here and is told to the parent; the calls after it go on.
    """

    def __init__(self, number: Json, out: Out) -> None:
        self.state = "refused"
        self.said: dict[str, str] = {}
        self._number = number
        self._out = out
        self._began = time.monotonic()

    def __enter__(self) -> typing.Self:
        """The call begins."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """The call has ended."""
        del kind, trace
        if error is not None:
            self.raised(error)
        said = {"id": self._number, "state": self.state, **self.said}
        self._out.say({**said, "seconds": time.monotonic() - self._began})
        return True

    def returned(self, value: Json) -> None:
        """It came back; a value that is no JSON counts as raised."""
        text = json.dumps(value, default=plain, sort_keys=True)
        self.state = "returned"
        self.said = {"value": text[:_VALUE_CHARS_MAX], "kind": type(value).__name__}

    def raised(self, error: BaseException) -> None:
        """It raised. The standard library words the error: its own words may raise too."""
        last = traceback.extract_tb(error.__traceback__)[-1:]
        name = type(error).__name__
        words = "".join(traceback.format_exception_only(type(error), error)).strip()
        _, mark, message = words.partition(f"{name}: ")
        self.said = {
            "error": name,
            "where": f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "",
            "message": (message if mark else "")[:_MESSAGE_CHARS_MAX],
        }


class Loading:
    """The function's file runs. Whatever it raises is told to the parent, and ends the process."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def __enter__(self) -> None:
        """It begins."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """It has run."""
        del kind, trace
        if error is not None:
            last = traceback.format_exception(error)[-3:]
            words = f"{type(error).__name__}: {error}"[:_MESSAGE_CHARS_MAX]
            self._out.say({"broken": words, "trace": last})
            os._exit(3)


def main() -> None:
    """Read what to do from one pipe, tell what happened on the other."""
    commands = os.fdopen(int(sys.argv[1]), "rb")
    out = Out(int(sys.argv[2]))
    del sys.argv[1:], sys.path[0]
    told = json.loads(commands.readline())
    limit(told["memory_bytes"], told["file_bytes"])
    wall(told["port"], out)
    locked = lock_ports(told["port"])
    with Loading(out):
        desk = Desk(load(told["place"], told["name"]), out)
    out.say({"ready": {**desk.told(), "native_tcp_locked": locked}})
    for line in commands:
        command = json.loads(line)
        desk.run(command["calls"], command["together"])
    os._exit(0)


if __name__ == "__main__":
    main()
