"""The system around the model: one input becomes one accepted, priced, explained, correctable result."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadworthy._errors import Failed, Fault, Rejected, Waiting
    from roadworthy.accept.image import Image
    from roadworthy.accept.passage import Passage
    from roadworthy.ask.passages import Passages
    from roadworthy.ask.prompt import Prompt
    from roadworthy.call.model import Function, Model
    from roadworthy.call.price import Price
    from roadworthy.run.app import App
    from roadworthy.run.entry import Result
else:
    from importlib import import_module

    _HOMES = {
        "_errors": ("Failed", "Fault", "Rejected", "Waiting"),
        "accept.image": ("Image",),
        "accept.passage": ("Passage",),
        "ask.passages": ("Passages",),
        "ask.prompt": ("Prompt",),
        "call.model": ("Function", "Model"),
        "call.price": ("Price",),
        "run.app": ("App",),
        "run.entry": ("Result",),
    }

    def __getattr__(name: str) -> object:
        """A public name, out of its room when it is first asked for (PEP 562): a command pays for what it uses."""
        for home, names in _HOMES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(f"roadworthy.{home}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "App",
    "Failed",
    "Fault",
    "Function",
    "Image",
    "Model",
    "Passage",
    "Passages",
    "Price",
    "Prompt",
    "Rejected",
    "Result",
    "Waiting",
]
