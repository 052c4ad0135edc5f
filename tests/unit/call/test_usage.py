"""Usage: each provider's own counting in one normal form, and the same price that genai-prices makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest
from genai_prices import extract_usage
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.call.price import find_price, usd
from roadworthy.call.reply import Usage
from roadworthy.call.wire.anthropic import AnthropicMessages, VertexAnthropic
from roadworthy.call.wire.converse import BedrockConverse
from roadworthy.call.wire.gemini import GeminiContent, VertexGemini
from roadworthy.call.wire.openai_chat import AzureChat, OpenAIChat
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.wire import Wire

COUNTS = st.integers(0, 900_000)


@dataclass(frozen=True)
class Billed:
    """A usage object as a provider sends it, and what it means.

    Attributes:
        lists, flavor: what genai-prices calls the provider and the format.
        said: the response's body, as far as it matters.
    """

    wire: Wire
    lists: tuple[str, ...]
    flavor: str
    model: str
    said: dict[str, Any]
    usage: Usage


def chat(prompt: int, completion: int, cached: int, written: int, reasoning: int) -> dict[str, Any]:
    """Chat completions: cached and written are parts of the prompt, reasoning of the completion."""
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": written,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
    }


def responses(given: int, produced: int, cached: int, written: int, reasoning: int) -> dict[str, Any]:
    """Responses: the same by other names."""
    return {
        "usage": {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "output_tokens": produced,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": given + produced,
        }
    }


def messages(
    plain: int, produced: int, cached: int, minutes: int, hour: int, thinking: int = 0
) -> dict[str, Any]:
    """Messages: the cache stands beside the input."""
    return {
        "usage": {
            "input_tokens": plain,
            "cache_creation_input_tokens": minutes + hour,
            "cache_read_input_tokens": cached,
            "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
            "output_tokens": produced,
            "output_tokens_details": {"thinking_tokens": thinking},
            "service_tier": "standard",
        }
    }


def content(prompt: int, candidates: int, thoughts: int, cached: int, tools: int) -> dict[str, Any]:
    """generateContent: thoughts and tools stand beside."""
    return {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": candidates,
            "thoughtsTokenCount": thoughts,
            "cachedContentTokenCount": cached,
            "toolUsePromptTokenCount": tools,
            "totalTokenCount": prompt + candidates + thoughts + tools,
        }
    }


def converse(plain: int, produced: int, cached: int, written: int) -> dict[str, Any]:
    """Converse: the cache stands beside the input."""
    return {
        "usage": {
            "inputTokens": plain,
            "outputTokens": produced,
            "totalTokens": plain + produced + cached + written,
            "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": written,
        }
    }


CLAUDE = "claude-opus-4-8"
ROWS = [
    Billed(
        OpenAIChat(), ("openai",), "chat", "gpt-5-nano", chat(2006, 300, 1920, 0, 128),
        Usage(2006, 300, cached_tokens=1920, reasoning_tokens=128),
    ),
    Billed(
        OpenAIChat(), ("openai",), "chat", "gpt-5.4", chat(300_000, 300, 1920, 0, 128),
        Usage(300_000, 300, cached_tokens=1920, reasoning_tokens=128),
    ),
    Billed(
        OpenAIResponses(), ("openai",), "responses", "gpt-5.6-sol", responses(4_096, 512, 1024, 2048, 448),
        Usage(4_096, 512, cached_tokens=1024, cache_write_tokens=2048, reasoning_tokens=448),
    ),
    Billed(
        AzureChat("v"), ("azure", "openai"), "chat", "o3-mini", chat(120, 30, 0, 0, 20),
        Usage(120, 30, reasoning_tokens=20),
    ),
    Billed(
        AnthropicMessages(), ("anthropic",), "default", CLAUDE, messages(21, 393, 188_086, 300, 156, 40),
        Usage(
            188_563, 393, cached_tokens=188_086, cache_write_tokens=456, cache_write_1h_tokens=156, reasoning_tokens=40
        ),
    ),
    Billed(
        AnthropicMessages(), ("anthropic",), "default", "claude-sonnet-4-5", messages(150_000, 10, 60_000, 0, 0),
        Usage(210_000, 10, cached_tokens=60_000),
    ),
    Billed(
        VertexAnthropic(), ("google",), "anthropic", "claude-opus-4-6", messages(2095, 503, 0, 0, 0),
        Usage(2095, 503),
    ),
    Billed(
        GeminiContent("v1/"), ("google",), "default", "gemini-2.5-flash", content(264, 80, 1_000, 64, 0),
        Usage(264, 1_080, cached_tokens=64, reasoning_tokens=1_000),
    ),
    Billed(
        VertexGemini(), ("google",), "default", "gemini-2.5-pro", content(250_000, 80, 1_000, 64, 0),
        Usage(250_000, 1_080, cached_tokens=64, reasoning_tokens=1_000),
    ),
    Billed(
        BedrockConverse(), ("aws",), "default", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        converse(30, 628, 1_200, 400), Usage(1_630, 628, cached_tokens=1_200, cache_write_tokens=400),
    ),
    Billed(
        BedrockConverse(), ("aws",), "default", "amazon.nova-lite-v1:0",
        converse(30, 628, 1_200, 0), Usage(1_230, 628, cached_tokens=1_200),
    ),
]  # fmt: skip


def listed_usd(billed: Billed, said: dict[str, Any]) -> Decimal:
    """What genai-prices itself makes of the body, rounded up once to a whole pico-dollar as a ledger keeps it."""
    for provider in billed.lists:
        named = {**said, "model": billed.model, "modelVersion": billed.model}
        try:
            found = extract_usage(named, provider_id=provider, api_flavor=billed.flavor)
            price = found.calc_price().total_price
        except LookupError:
            continue
        return price.quantize(Decimal("1e-12"), ROUND_CEILING).normalize() + Decimal(0)
    raise LookupError(billed.model)


@pytest.mark.parametrize("billed", ROWS, ids=lambda row: f"{row.wire.name}, {row.model}")
def test_usage_has_one_normal_form_and_the_listed_price(billed: Billed) -> None:
    """A cached token would be charged twice at one provider and not at all at another."""
    assert billed.wire.usage(billed.said) == billed.usage
    price = find_price("x", billed.model, lists=billed.lists)
    assert usd(price.cost_pico(billed.usage)) == listed_usd(billed, billed.said)


def bodies(billed: Billed) -> st.SearchStrategy[dict[str, Any]]:
    """Other figures in the same shape, each part no larger than its whole."""
    if billed.flavor in {"chat", "responses"}:
        make = chat if billed.flavor == "chat" else responses
        return st.builds(
            lambda plain, rest, cached, written, reasoning: make(
                plain + cached + written, rest + reasoning, cached, written, reasoning
            ),
            *[COUNTS] * 5,
        )
    if "usageMetadata" in billed.said:
        return st.builds(
            lambda plain, cached, candidates, thoughts, tools: content(
                plain + cached, candidates, thoughts, cached, tools
            ),
            *[COUNTS] * 5,
        )
    if isinstance(billed.wire, BedrockConverse):
        return st.builds(converse, *[COUNTS] * 4)
    return st.builds(messages, *[COUNTS] * 5)


@pytest.mark.parametrize("billed", ROWS, ids=lambda row: f"{row.wire.name}, {row.model}")
@given(data=st.data())
def test_any_figures_have_the_listed_price(billed: Billed, data: st.DataObject) -> None:
    """The examples above would be right by chance."""
    said = data.draw(bodies(billed))
    usage = billed.wire.usage(said)
    assert usage is not None
    price = find_price("x", billed.model, lists=billed.lists)
    assert usd(price.cost_pico(usage)) == listed_usd(billed, said)
    assert price.cost_pico(usage) <= price.worst_pico(usage.input_tokens, usage.output_tokens)


@pytest.mark.parametrize("billed", ROWS, ids=lambda row: f"{row.wire.name}, {row.model}")
@pytest.mark.parametrize(
    "wrong", [None, [], "12", {"prompt_tokens": "12"}, {"input_tokens": -1, "output_tokens": 1}]
)
def test_usage_that_cannot_be_read_is_none(billed: Billed, wrong: object) -> None:
    """An answer would cost nothing because its figures were text."""
    assert billed.wire.usage({"usage": wrong, "usageMetadata": wrong}) is None
