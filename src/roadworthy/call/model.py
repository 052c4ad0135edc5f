"""What may answer a prompt: a provider's model, a compatible endpoint's, or the team's own function."""

from __future__ import annotations

import functools
import inspect
import math
import re
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from roadworthy._errors import WrongUse
from roadworthy._figure import is_number, is_whole, plain
from roadworthy.accept.record import Json
from roadworthy.call.price import Price, pico

PREFIXES = ("openai", "openai-responses", "anthropic", "gemini", "azure", "bedrock", "vertex")
"""What a provider's models are named by; call/provider.py has a row for each."""
EMBEDDINGS = "openai-embeddings"
"""The same for models that turn texts into vectors; for `Passages(embed=...)`."""
_NAME = re.compile(
    rf"student:\w+|(?:{'|'.join((*PREFIXES, EMBEDDINGS))}):[A-Za-z0-9._:/@-]+|[A-Za-z0-9._:/-]+@https?://\S+"
)
_WHOLE = ("max_output_tokens", "requests_per_minute", "tokens_per_minute", "context_tokens")
_OWN = frozenset(
    {"best_of", "max_completion_tokens", "max_output_tokens", "max_tokens", "messages", "model", "n"}
    | {"response_format", "stream", "stream_options"}
    | {"input", "instructions", "background", "store", "previous_response_id", "conversation"}
    | {"system", "anthropic_version", "contents", "systemInstruction"}
)
_OWN_INSIDE: Mapping[str, frozenset[str]] = {
    "text": frozenset({"format"}),
    "output_config": frozenset({"format"}),
    "outputConfig": frozenset({"textFormat"}),
    "inferenceConfig": frozenset({"maxTokens"}),
    "generationConfig": frozenset(
        {"maxOutputTokens", "candidateCount", "responseMimeType", "responseSchema", "responseJsonSchema"}
    ),
}
_DEARER = frozenset(
    {"service_tier", "serviceTier", "web_search_options", "tools", "toolConfig", "speed", "inference_geo"}
    | {"mcp_servers", "container", "performanceConfig"}
)
ACCEPTED = (
    f"`PROVIDER:NAME` with one of {', '.join(PREFIXES)}, `NAME@https://host/v1` for any OpenAI-compatible endpoint, `student:STEP`, "
    "or Function(your_function, usd_per_call=...)"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its settings; a bare name such as `"openai:gpt-5"` is the same without any.

    Args:
        name: `openai:NAME`, `openai-responses:NAME`, `anthropic:NAME`, `gemini:NAME`, `azure:DEPLOYMENT`,
            `bedrock:MODEL`, `vertex:MODEL`, or `NAME@https://host/v1` for any OpenAI-compatible endpoint.
        max_output_tokens: the cap that is sent; default: what the output schema bounds.
        temperature: sent where given; some models refuse it.
        extra: more fields of the request body, such as `{"reasoning_effort": "low"}`.
        price: USD per million tokens; default: the bundled price list.
        requests_per_minute: at most so many, even where the provider's headers allow more.
        tokens_per_minute: the same in tokens.
        timeout_s: one attempt at most, in seconds.
        context_tokens: the most input the model takes.
        stream: read the answer as it is written. It is accepted whole as ever; what changes is that a provider that
            falls silent is noticed after `stream_idle_s`, and that gateways which cut long silences do not.
        structured: False for a model that knows no structured outputs: the schema goes into the instructions.

    Raises:
        WrongUse: a name of another form, a figure that cannot be, or `extra` that would replace what Roadworthy
            itself sends or cost what the price does not say.
    """

    name: str
    max_output_tokens: int | None = field(default=None, kw_only=True)
    temperature: float | None = field(default=None, kw_only=True)
    extra: Mapping[str, Json] = field(default_factory=dict, kw_only=True)
    price: Price | None = field(default=None, kw_only=True)
    requests_per_minute: int | None = field(default=None, kw_only=True)
    tokens_per_minute: int | None = field(default=None, kw_only=True)
    timeout_s: float | None = field(default=None, kw_only=True)
    context_tokens: int | None = field(default=None, kw_only=True)
    stream: bool = field(default=False, kw_only=True)
    structured: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise WrongUse(f"There is no model {self.name!r}. Use {ACCEPTED}.")
        self._check_extra()
        for name in (*_WHOLE, "timeout_s", "temperature"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        for name in _WHOLE:
            value: int | None = getattr(self, name)
            if value is not None and (not is_whole(value) or value < 1):
                raise WrongUse(f"Model({self.name!r}, {name}={value!r}): give a whole number of 1 or more.")
        if self.timeout_s is not None and (not is_number(self.timeout_s) or not self.timeout_s > 0):
            raise WrongUse(f"Model({self.name!r}, timeout_s={self.timeout_s!r}): give seconds, more than 0.")
        warm = self.temperature
        if warm is not None and (not is_number(warm) or not 0 <= warm < math.inf):
            raise WrongUse(f"Model({self.name!r}, temperature={warm!r}): give a number, 0 or more.")
        if self.price is not None and not isinstance(self.price, Price):
            raise WrongUse(
                f"Model({self.name!r}, price={self.price!r}) is no price. Say USD per million tokens: "
                'price=Price(input="0.05", output="0.40").'
            )

    @property
    def manner(self) -> tuple[object, ...]:
        """What changes its answers; what it costs and how fast it may be asked does not."""
        settings = (self.max_output_tokens, self.temperature, sorted(self.extra.items()), self.structured)
        return (self.name, *settings)

    def _check_extra(self) -> None:
        inside = ((name, value) for name, value in self.extra.items() if isinstance(value, Mapping))
        own = sorted(_OWN & set(self.extra))
        own += [
            f"{name}.{field}"
            for name, value in inside
            for field in value
            if field in _OWN_INSIDE.get(name, ())
        ]
        if own:
            raise WrongUse(
                f"Model({self.name!r}, extra=...) may not set {', '.join(own)}: Roadworthy sends those itself."
            )
        dearer = sorted(_DEARER & set(self.extra))
        if dearer and self.price is None:
            raise WrongUse(
                f"Model({self.name!r}, extra=...) sets {', '.join(dearer)}, which changes what a token costs. "
                "Say the dearest price beside it: price=Price(...)."
            )
        try:
            orjson.dumps(dict(self.extra))
        except TypeError as error:
            raise WrongUse(f"Model({self.name!r}, extra=...) is not JSON: {error}.") from error


class Function:
    """The team's own proof of concept as a model. One call is one attempt; what happens inside cannot be seen.

    Args:
        fn: sync or async; given the prompt as text, or the record where its parameter is annotated with
            another type than `str`. It returns text or anything JSON-able.
        usd_per_call: what one call costs, as text or Decimal; charged for every call, whatever comes back.
        name: part of each reply's identity; give a new one when the function's answers change.

    Raises:
        WrongUse: not callable, or a price that is no amount.
    """

    __slots__ = ("fn", "name", "takes_record", "usd_per_call")

    def __init__(
        self,
        fn: Callable[[Any], object] | Callable[[Any], Awaitable[object]],
        *,
        usd_per_call: str | Decimal,
        name: str | None = None,
    ) -> None:
        if not callable(fn):
            raise WrongUse(f"Function({fn!r}) is not callable. Pass the function itself.")
        self.fn = fn
        self.usd_per_call = Decimal(pico(usd_per_call)).scaleb(-12)
        self.name = f"function:{name or getattr(fn, '__qualname__', type(fn).__name__)}"
        self.takes_record = _takes_record(fn)

    @property
    def manner(self) -> tuple[object, ...]:
        """What changes its answers."""
        return (self.name,)

    def __repr__(self) -> str:
        return f"Function({self.name!r}, usd_per_call={self.usd_per_call:f})"


def as_models(given: Sequence[str | Model | Function] | Model | Function) -> list[Model | Function]:
    """The models of a list of them.

    Raises:
        WrongUse: one alone, or a name that is no model's.
    """
    if isinstance(given, str | Model | Function):
        said = repr(given) if isinstance(given, str) else f"{type(given).__name__}(...)"
        raise WrongUse(
            f"models={said} is one model, and models takes a list of them, cheapest first: models=[{said}]."
        )
    return [as_model(model) for model in given]


def as_model(item: str | Model | Function) -> Model | Function:
    """A model from its name, or as it is."""
    if isinstance(item, Model | Function):
        return item
    if not isinstance(item, str):
        raise WrongUse(f"models=[{item!r}] is no model. Use {ACCEPTED}.")
    return Model(item)


def _takes_record(fn: Callable[..., object]) -> bool:
    """Whether the first parameter is annotated, and not as text. A name that cannot be resolved is not `str`."""
    plain = fn.func if isinstance(fn, functools.partial) else fn
    if not inspect.isroutine(plain):
        plain = type(plain).__call__
    try:
        first = next(iter(inspect.signature(fn).parameters.values()), None)
    except (TypeError, ValueError):
        return False
    if first is None:
        return False
    try:
        kind = typing.get_type_hints(plain).get(first.name, str)
    except (TypeError, NameError):
        kind = str if first.annotation is inspect.Parameter.empty else first.annotation
    return kind not in {str, "str"}
