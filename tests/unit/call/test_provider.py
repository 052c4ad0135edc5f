"""The table of providers: what each one is reached by, and what is refused before anything is paid."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.call.endpoint import Endpoint, find_endpoint
from roadworthy.call.model import EMBEDDINGS, PREFIXES, Model
from roadworthy.call.price import Price
from roadworthy.call.provider import PROVIDERS

KEY = "sk-test-0123456789abcdef"
FREE = Price(input="0", output="0")
AZURE = {"AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/", "OPENAI_API_VERSION": "2024-10-21"}
AWS = {"AWS_REGION": "eu-central-1", "AWS_BEARER_TOKEN_BEDROCK": KEY}


def found(name: str, environ: dict[str, str], **more: object) -> Endpoint:
    """The endpoint of a model that costs nothing."""
    return find_endpoint(Model(name, price=FREE, **more), environ, {})  # type: ignore[arg-type] # any setting


def headers(endpoint: Endpoint) -> dict[str, str]:
    """The headers of a request to it, less those that all have."""
    sent = asyncio.run(endpoint.headers(b"{}"))
    return {name: value for name, value in sent.items() if name not in {"content-type", "accept"}}


def test_every_prefix_has_a_row() -> None:
    """A name would be accepted that leads nowhere."""
    assert set(PROVIDERS) == {*PREFIXES, EMBEDDINGS}
    page = (Path(__file__).parents[3] / "docs" / "providers.md").read_text(encoding="utf-8")
    assert [prefix for prefix in PREFIXES if f"| `{prefix}:" not in page] == []


@pytest.mark.parametrize(
    ("name", "environ", "url", "sent"),
    [
        (
            "openai-responses:gpt-5",
            {"OPENAI_API_KEY": KEY},
            "https://api.openai.com/v1/responses",
            {"authorization": f"Bearer {KEY}"},
        ),
        (
            "anthropic:claude-opus-4-8",
            {"ANTHROPIC_API_KEY": KEY},
            "https://api.anthropic.com/v1/messages",
            {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"},
        ),
        (
            "anthropic:claude-opus-4-8",
            {"ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_BASE_URL": "https://gateway.example/claude/"},
            "https://gateway.example/claude/v1/messages",
            {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"},
        ),
        (
            "gemini:gemini-2.5-flash",
            {"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": "other"},
            "https://generativelanguage.googleapis.com/v1/models/gemini-2.5-flash:generateContent",
            {"x-goog-api-key": KEY},
        ),
        (
            "gemini:gemini-2.5-flash",
            {"GEMINI_API_KEY": KEY, "GOOGLE_GENAI_API_VERSION": "v1beta"},
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
            {"x-goog-api-key": KEY},
        ),
        (
            "azure:mine",
            {**AZURE, "AZURE_OPENAI_API_KEY": KEY},
            "https://acme.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
            {"api-key": KEY},
        ),
        (
            "azure:mine",
            {**AZURE, "AZURE_OPENAI_AD_TOKEN": KEY, "AZURE_OPENAI_API_KEY": "other"},
            "https://acme.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
            {"authorization": f"Bearer {KEY}"},
        ),
        (
            "bedrock:eu.anthropic.claude-m-v1:0",
            AWS,
            "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-m-v1%3A0/converse",
            {"authorization": f"Bearer {KEY}"},
        ),
        (
            "bedrock:amazon.nova-lite-v1:0",
            {**AWS, "AWS_ENDPOINT_URL": "https://vpce.example"},
            "https://vpce.example/model/amazon.nova-lite-v1%3A0/converse",
            {"authorization": f"Bearer {KEY}"},
        ),
    ],
)
def test_a_model_is_found_as_its_official_sdk_finds_it(
    name: str, environ: dict[str, str], url: str, sent: dict[str, str]
) -> None:
    """A team whose environment works with the SDK would have to set it up anew."""
    endpoint = found(name, environ)
    assert endpoint.url == url
    assert headers(endpoint) == sent
    assert KEY not in endpoint.lane
    assert KEY not in repr(endpoint)


@pytest.mark.parametrize(
    ("name", "environ", "url"),
    [
        ("gemini:m", {"GEMINI_API_KEY": KEY}, "/v1/models/m:streamGenerateContent?alt=sse"),
        ("bedrock:m", AWS, "/model/m/converse-stream"),
        ("anthropic:m", {"ANTHROPIC_API_KEY": KEY}, "/v1/messages"),
    ],
)
def test_a_stream_has_the_address_that_its_provider_gives_it(
    name: str, environ: dict[str, str], url: str
) -> None:
    """A stream would be asked for where only whole answers are."""
    assert found(name, environ, stream=True).url.endswith(url)


def test_a_temperature_asks_for_the_version_of_the_api_that_knows_one() -> None:
    """Every request with a temperature would be refused: the newest version took it out."""
    endpoint = found("anthropic:claude-sonnet-4-6", {"ANTHROPIC_API_KEY": KEY}, temperature=0.2)
    assert headers(endpoint)["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        ("openai-responses:m", {}, "OPENAI_API_KEY"),
        ("anthropic:m", {}, "ANTHROPIC_API_KEY_FILE"),
        ("gemini:m", {}, "GOOGLE_API_KEY"),
        ("azure:m", {"AZURE_OPENAI_API_KEY": KEY}, "AZURE_OPENAI_ENDPOINT"),
        (
            "azure:m",
            {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://h"},
            "OPENAI_API_VERSION",
        ),
        ("azure:m", AZURE, "AZURE_OPENAI_API_KEY"),
        ("bedrock:m", {"AWS_BEARER_TOKEN_BEDROCK": KEY}, "AWS_REGION"),
        ("bedrock:m", {**AWS, "AWS_REGION": "x/../y"}, "AWS_REGION"),
        ("azure:m", {**AZURE, "OPENAI_API_VERSION": "1&x=2"}, "OPENAI_API_VERSION"),
        ("anthropic:m", {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://h"}, "unencrypted"),
        ("vertex:m", {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_paid(
    name: str, environ: dict[str, str], said: str
) -> None:
    """The first request of a run would fail instead of its start."""
    if name.startswith("vertex"):
        pytest.importorskip("google.auth", reason="install the group sdks: make sdks")
    with pytest.raises(WrongUse, match=re.escape(said)) as refused:
        found(name, environ)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "name", "environ"),
    [
        ("ANTHROPIC_API_KEY", "anthropic:m", {}),
        ("GEMINI_API_KEY", "gemini:m", {}),
        ("AZURE_OPENAI_API_KEY", "azure:m", AZURE),
        ("AWS_BEARER_TOKEN_BEDROCK", "bedrock:m", {"AWS_REGION": "us-east-1"}),
    ],
)
def test_every_key_may_be_in_a_file(
    variable: str, name: str, environ: dict[str, str], tmp_path: Path
) -> None:
    """A key that a secret store mounts as a file would have to be copied into the environment."""
    place = tmp_path / "key"
    place.write_text(f"{KEY}\n")
    endpoint = found(name, {**environ, f"{variable}_FILE": str(place)})
    assert KEY in "".join(headers(endpoint).values())


@pytest.mark.parametrize(
    ("name", "environ"),
    [
        ("anthropic:claude-floobarp", {"ANTHROPIC_API_KEY": KEY}),
        ("gemini:gemini-floobarp", {"GEMINI_API_KEY": KEY}),
        ("azure:my-deployment", {**AZURE, "AZURE_OPENAI_API_KEY": KEY}),
        ("bedrock:floobarp", AWS),
        ("openai-responses:floobarp", {"OPENAI_API_KEY": KEY}),
    ],
)
def test_an_unknown_price_refuses(name: str, environ: dict[str, str]) -> None:
    """A deployment's own name, or a misspelt one, would be counted at another model's price or at none."""
    with pytest.raises(WrongUse, match="is not known"):
        find_endpoint(Model(name), environ, {})
    assert find_endpoint(Model(name), environ, {name: FREE}).price == FREE


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("openai-responses:gpt-5-nano", {"OPENAI_API_KEY": KEY}),
        ("anthropic:claude-opus-4-8", {"ANTHROPIC_API_KEY": KEY}),
        ("gemini:gemini-2.5-pro", {"GEMINI_API_KEY": KEY}),
        ("azure:gpt-4.1", {**AZURE, "AZURE_OPENAI_API_KEY": KEY}),
        ("bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", AWS),
    ],
)
def test_list_prices_are_found_for_each_provider(name: str, price: dict[str, str]) -> None:
    """Every team would have to write its prices by hand."""
    assert find_endpoint(Model(name), price, {}).price.input > 0


@pytest.mark.parametrize(
    "extra",
    [
        {"system": "x"},
        {"contents": []},
        {"text": {"format": {"type": "text"}}},
        {"output_config": {"format": {}}},
        {"generationConfig": {"maxOutputTokens": 9}},
        {"inferenceConfig": {"maxTokens": 9}},
        {"store": True},
    ],
)
def test_what_roadworthy_sends_cannot_be_replaced_in_any_dialect(extra: dict[str, object]) -> None:
    """The question, or the cap that bounds its price, would be another one than was reserved for."""
    with pytest.raises(WrongUse, match="Roadworthy sends those itself"):
        Model("anthropic:m", extra=extra)  # type: ignore[arg-type] # as a user would write it


def test_settings_beside_ours_are_kept() -> None:
    """Effort or thinking could not be set where they stand in the same object as the schema."""
    Model("anthropic:m", extra={"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}})
    Model("gemini:m", extra={"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}})
    with pytest.raises(WrongUse, match="changes what a token costs"):
        Model("anthropic:m", extra={"speed": "fast"})
