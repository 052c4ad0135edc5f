"""The environment that a function under test sees: dummy keys, every base URL at the simulated provider, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

DUMMY: Final = "sk-roadworthy-dummy-0000000000000000"
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")

KEYS: Final = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "AZURE_OPENAI_API_KEY",
    "AZURE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "MISTRAL_API_KEY", "GROQ_API_KEY", "OPENROUTER_API_KEY",
    "TOGETHER_API_KEY", "DEEPSEEK_API_KEY", "COHERE_API_KEY", "FIREWORKS_API_KEY", "XAI_API_KEY", "HF_TOKEN",
)  # fmt: skip
"""Keys that official SDKs, LiteLLM and LangChain read."""

WITH_V1: Final = (
    "OPENAI_BASE_URL",  # openai; langchain-openai; pydantic-ai
    "OPENAI_API_BASE",  # LiteLLM; langchain-openai before it took the SDK's name
    "DEEPSEEK_API_BASE",
    "OPENROUTER_API_BASE",
    "OPENROUTER_BASE_URL",
    "TOGETHERAI_API_BASE",
    "FIREWORKS_API_BASE",
    "XAI_API_BASE",
)
"""Base URLs that end in `/v1`."""

WITHOUT_V1: Final = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_API_URL",  # langchain-anthropic
    "ANTHROPIC_API_BASE",  # LiteLLM
    "GOOGLE_GEMINI_BASE_URL",
    "GEMINI_API_BASE",  # LiteLLM
    "GOOGLE_VERTEX_BASE_URL",
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_API_BASE",  # LiteLLM
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
)
"""Base URLs that do not."""

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PLAIN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS_ACCESS_KEY_ID": "AKIADUMMY00000000000",
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AZURE_API_VERSION": "2024-10-21",
        "OPENAI_API_VERSION": "2024-10-21",
        "GOOGLE_CLOUD_PROJECT": "dummy",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Nobody is told anything, and no list is fetched from the network.
        "LANGCHAIN_TRACING_V2": "false",
        "LANGSMITH_TRACING": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_SDK_DISABLED": "true",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
)


def environ_of(
    url: str, home: Path, token: str, given: Mapping[str, str], passed: Mapping[str, str]
) -> dict[str, str]:
    """The child's whole environment.

    Args:
        url: the simulated provider, ending in `/v1`.
        home: a folder that stands for home and for temporary files.
        token: marks every process that comes from the child.
        given: the environment of this process, of which a few plain names are kept.
        passed: what the user wants the function to see besides.
    """
    root = url.removesuffix("/v1")
    where = urlsplit(url).netloc
    found = {name: given[name] for name in _KEPT if name in given}
    found |= _PLAIN
    found |= dict.fromkeys(KEYS, DUMMY)
    found |= dict.fromkeys(WITH_V1, url)
    found |= dict.fromkeys(WITHOUT_V1, root)
    # Whoever goes elsewhere and heeds proxies ends at a port where nothing is proxied.
    found |= {spelt: f"http://{where}" for name in _PROXIES for spelt in (name, name.lower())}
    found |= {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    return {**found, **passed, "ROADWORTHY_VET_CHILD": token}
