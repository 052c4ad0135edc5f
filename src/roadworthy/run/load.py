"""Finding the app that a command names: `file.py`, `file.py:name` or `module:name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NoReturn

from roadworthy._edge import told_to
from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._whence import kind_and_place
from roadworthy.run.app import App
from roadworthy.run.entry import Entry

APP_MODULE = "_roadworthy_app_"


@quick(frozen=True, slots=True)
class Loaded:
    """An app and the entry that was named, if one was."""

    app: App
    name: str | None

    def entry(self) -> Entry[Any, Any]:
        """The entry that the command means.

        Raises:
            WrongUse: there is none of that name, or a choice that nobody made.
        """
        return self.app.plan.entry(self.name)


def load(target: str, prefix: str = APP_MODULE) -> Loaded:
    """The app behind `target`. Its file runs, as any Python file that is imported does.

    Args:
        prefix: of the name that a file is imported under; files of one name under two prefixes are two modules.

    Raises:
        WrongUse: no such file or module, its code fails, or it holds no app.
    """
    place, _, name = target.partition(":")
    module = _run_file(Path(place), prefix) if place.endswith(".py") else _import(place, target)
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    if name and isinstance(chosen := vars(module).get(name), App):
        return Loaded(chosen, None)
    unique = list({id(app): app for app in apps}.values())
    if not unique:
        raise WrongUse(_without_app(place, "" if name in vars(module) else name))
    if len(unique) > 1:
        raise WrongUse(f"{target!r} holds {len(unique)} apps. Name one: FILE.py:APP.")
    return Loaded(unique[0], name or None)


def _without_app(place: str, missing: str) -> str:
    """What is said of a file without an app, and of a name that nothing in it has."""
    found = f"no app, and nothing is called {missing!r} there" if missing else "no app"
    return (
        f"{place!r} holds {found}. Make one: `app = App('name')`. A plain function needs none to be tested: "
        f"roadworthy vet {place}:FUNCTION INPUT."
    )


def load_app(target: str) -> App:
    """The app behind `target`, for a command that is about the whole of it.

    Raises:
        WrongUse: as `load`, or an entry is named.
    """
    loaded = load(target)
    if loaded.name is not None:
        place = target.partition(":")[0]
        raise WrongUse(
            f"{target!r} names {loaded.name!r}, and this command is about the whole app: it would do the same to every entry. "
            f"Name the app alone: {place}"
        )
    return loaded.app


class _AsItStands(SourceFileLoader):
    """Compiles the file each time. Python's own cache tells an edit by its second and its length alone, and misses some."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the text as it is now."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _run_file(path: Path, prefix: str) -> ModuleType:
    if not path.is_file():
        raise WrongUse(f"There is no file {str(path)!r} (looked in {Path.cwd()}).")
    resolved = path.resolve()
    loader = _AsItStands(prefix + path.stem, str(resolved))
    spec = importlib.util.spec_from_file_location(prefix + path.stem, resolved, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(resolved.parent))
    try:
        with told_to(partial(_cannot_load, path), but=(WrongUse,)):
            loader.exec_module(module)
    finally:
        sys.path.remove(str(resolved.parent))
    return module


def _cannot_load(path: Path, error: BaseException) -> NoReturn:
    """What the team's own file raised is told with its place, and nothing runs."""
    words = error.msg if isinstance(error, SyntaxError) else error  # its own words repeat the place
    raise WrongUse(f"{path} cannot be loaded: {kind_and_place(error)}: {words}.") from error


def _import(place: str, target: str) -> ModuleType:
    try:
        with told_to(partial(_cannot_load, Path(place)), but=(WrongUse, ImportError)):
            importlib.import_module(place)
    except ImportError as error:
        raise WrongUse(
            f"{target!r} is neither a .py file nor a module that can be imported: {error}."
        ) from error
    return sys.modules[place]
