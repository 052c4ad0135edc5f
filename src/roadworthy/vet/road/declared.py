"""What an app declares, told by the child that has loaded it: entries, models, prices, caps, and its input's records."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.source import Source
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.model import Function, Model
from roadworthy.call.price import Price, usd
from roadworthy.decide.confidence import Combined, SelfReported
from roadworthy.decide.confidence import Source as Confidence
from roadworthy.run.app import App
from roadworthy.run.entry import Entry, Step, Workflow
from roadworthy.run.load import Loaded, load

RECORDS_MAX: Final = 20_000
"""So many records of the input are read; a road test works on a sample of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredModel:
    """One model of a ladder.

    Attributes:
        name: as the app names it.
        id: its name on the wire; "" for a function.
        price: `INPUT,OUTPUT` in USD per million tokens; for a function, of a call.
        cached: USD per million input tokens read from the provider's cache; "" for a function.
        is_function: the team's own function; what happens inside is its own affair.
        requests_per_minute: the app's own limit, where it sets one.
    """

    name: str
    id: str
    price: str
    is_function: bool
    requests_per_minute: int | None = None
    cached: str = ""
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredStep:
    """One step.

    Attributes:
        checks: the names of its checks.
        schema: the JSON Schema of its answer.
        max_error: the share of wrong answers that it promises; None for no promise.
        doubts: fields of the answer that say how sure it is, as dotted paths.
    """

    name: str
    models: tuple[DeclaredModel, ...]
    checks: tuple[str, ...]
    schema: dict[str, Any]
    confidence: str
    review_below: float | None
    review: bool
    samples: int
    max_error: float | None
    masks: tuple[str, ...]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An app as the road test sees it.

    Attributes:
        entry: the step or workflow that each record is run through.
        function: the name of a plain function, where the target is no app; then nothing else is set.
        ledger: the team's own ledger, as the app names it. It is copied, never opened for writing.
        budget_usd: the cap per `budget_period`; "" for none.
        key_field: the field that names a record; "" where a function does.
        records: usable records found in the input, duplicates included.
        unusable: lines that cannot be used.
    """

    app: str = ""
    entry: str = ""
    is_workflow: bool = False
    function: str = ""
    ledger: str = ""
    budget_usd: str = ""
    budget_period: str = ""
    record_budget_usd: str = ""
    key_field: str = ""
    steps: tuple[DeclaredStep, ...] = ()
    records: int = 0
    unusable: int = 0

    @property
    def named_ledger(self) -> str:
        """The team's own ledger as a run of the app would open it here: the environment's word goes before the app's."""
        return os.environ.get("ROADWORTHY_LEDGER") or self.ledger

    @property
    def models(self) -> tuple[DeclaredModel, ...]:
        """Every model of every step, once."""
        return tuple({model.name: model for step in self.steps for model in step.models}.values())

    @property
    def prices(self) -> dict[str, str]:
        """`INPUT,OUTPUT` by the name on the wire."""
        return {model.id: model.price for model in self.models if not model.is_function}


def declare(target: str, input_: str, records: str) -> dict[str, Any]:
    """Load the app, tell what it declares, and write its input's usable records to a file, one JSON object a line.

    Raises:
        WrongUse: app or input cannot be used.
    """
    import pydantic_core  # noqa: PLC0415 - heavy, and only the child needs it

    place, _, name = target.partition(":")
    try:
        loaded = load(target)
        entry = loaded.entry()
    except WrongUse:
        if name and _is_function(place, name):
            return {"function": name}
        raise
    usable, unusable = _write_records(loaded, entry, input_, Path(records))
    told = _declared(loaded, entry, usable, unusable)
    plain: dict[str, Any] = pydantic_core.to_jsonable_python(told)
    return plain


def _is_function(place: str, name: str) -> bool:
    module = sys.modules.get(f"_roadworthy_app_{Path(place).stem}" if place.endswith(".py") else place)
    found = getattr(module, name, None)
    return callable(found) and not isinstance(found, App | Entry)


def _declared(loaded: Loaded, entry: Entry[Any, Any], usable: int, unusable: int) -> Declared:
    plan = loaded.app.plan
    steps = plan.steps if isinstance(entry, Workflow) else [entry]
    return Declared(
        app=plan.name,
        entry=entry.name,
        is_workflow=isinstance(entry, Workflow),
        ledger=plan.ledger or f"{plan.name}.db",
        budget_usd="" if plan.budget_pico is None else f"{usd(plan.budget_pico):f}",
        budget_period=plan.budget_period,
        record_budget_usd="" if plan.record_budget_pico is None else f"{usd(plan.record_budget_pico):f}",
        key_field="" if callable(entry.key) else entry.key or "id",
        steps=tuple(_step(step, loaded.app) for step in steps if isinstance(step, Step)),
        records=usable,
        unusable=unusable,
    )


def _step(step: Step[Any, Any], app: App) -> DeclaredStep:
    return DeclaredStep(
        name=step.name,
        models=tuple(_model(model, app) for model in step.models),
        checks=tuple(check.__name__ for check in step.checks),
        schema=orjson.loads(step.prepared.schema.canonical),
        confidence="" if step.rule.source is None else type(step.rule.source).__name__,
        review_below=step.rule.review_below,
        review=step.rule.people,
        samples=step.samples,
        max_error=None if step.promise is None else step.promise.max_error,
        masks=step.mask,
        doubts=_doubts(step.rule.source),
    )


def _doubts(source: Confidence | None) -> tuple[str, ...]:
    parts = source.sources if isinstance(source, Combined) else (source,)
    return tuple(part.path for part in parts if isinstance(part, SelfReported))


def _model(model: Model | Function, app: App) -> DeclaredModel:
    if isinstance(model, Function):
        return DeclaredModel(name=model.name, id="", price=f"{model.usd_per_call:f}", is_function=True)
    endpoint = find_endpoint(model, os.environ, app.plan.prices)
    return DeclaredModel(
        name=model.name,
        id=endpoint.model_id,
        price=_said(endpoint.price),
        is_function=False,
        requests_per_minute=model.requests_per_minute,
        cached=f"{endpoint.price.cached:f}",
        tokens_per_minute=model.tokens_per_minute,
    )


def _said(price: Price) -> str:
    return f"{price.input:f},{price.output:f}"


def _write_records(loaded: Loaded, entry: Entry[Any, Any], input_: str, place: Path) -> tuple[int, int]:
    usable = unusable = 0
    with place.open("wb") as file:
        for item in islice(_items(loaded, entry, input_), RECORDS_MAX):
            if isinstance(item, Unusable):
                unusable += 1
                continue
            usable += 1
            file.write(orjson.dumps({"key": item.key, "body": item.body}) + b"\n")
    return usable, unusable


def _items(loaded: Loaded, entry: Entry[Any, Any], input_: str) -> Iterator[Record | Unusable]:
    settings = loaded.app.start_settings()
    settings = replace(settings, document_held_chars=settings.document_chars_max)  # records are varied whole
    source = Source.from_path(Path(input_), settings)
    return read_records(source, schema=entry.record_schema, key=entry.key, settings=settings)
