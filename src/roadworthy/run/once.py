"""Functions that run once per record and arguments: look-ups and side effects inside a workflow."""

from __future__ import annotations

import inspect
import typing
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from roadworthy._failpoints import failpoint
from roadworthy.ask.part import REPLACED
from roadworthy.keep.record import json_text
from roadworthy.keep.reviews import begin_once, finish_once
from roadworthy.run.session import Session, WouldAsk
from roadworthy.run.subject import subject_of

T = TypeVar("T")


class Once(Generic[T]):
    """An async function whose result is kept.

    It runs at least once: a process that dies inside it runs it again, with the same idempotency key.
    """

    def __init__(self, fn: Callable[..., Awaitable[T]]) -> None:
        self._fn = fn
        self._name = fn.__qualname__
        self._takes_key = "idempotency_key" in inspect.signature(fn).parameters

    @cached_property
    def _type(self) -> TypeAdapter[T]:
        kind: Any = typing.get_type_hints(self._fn).get("return", object)
        return TypeAdapter(kind)

    async def run(self, session: Session, args: Sequence[object], kwargs: Mapping[str, object]) -> T:
        """The kept result, or the result of running it now.

        Raises:
            WouldAsk: in a session that may not do anything new.
        """
        subject = subject_of(self._name, [list(args), dict(kwargs)])
        record_id, store = session.kept.id, session.runtime.store
        known = store.read(lambda tx: tx.row("once", record_id=record_id, name=self._name, subject=subject))
        if known is not None and known[1]:
            return self._type.validate_json(str(known[0]))
        if session.offline:
            raise WouldAsk(self._name, "once", worst_pico=0, request_bytes=0, output_cap=0)
        fresh = uuid.uuid4().hex
        done, value, token = await store.write(
            lambda tx: begin_once(tx, record_id, self._name, subject, fresh)
        )
        if done and value is not None:
            return self._type.validate_json(value)
        failpoint("once_begun_committed")
        handed = {"idempotency_key": token} if self._takes_key else {}
        result = await self._fn(*args, **kwargs, **handed)
        failpoint("once_ran")
        text = json_text(to_jsonable_python(result, inf_nan_mode="null"))
        await store.write(lambda tx: finish_once(tx, record_id, self._name, subject, text))
        failpoint("once_kept_committed")
        # Text that no ledger holds was replaced: a later run would be given that, so this one is too.
        return self._type.validate_json(text) if REPLACED in text else result
