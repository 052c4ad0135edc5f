"""The table of providers: where each one is, which wire format it speaks, and which variables name key and place.

The variables are those of the official SDKs. A key may stand in a file that `<NAME>_FILE` names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._secret import Secret
from roadworthy.call.address import checked_base, is_loopback
from roadworthy.call.auth import Auth, AwsSignature, GoogleToken, KeyInHeader
from roadworthy.call.wire.anthropic import AnthropicMessages, VertexAnthropic
from roadworthy.call.wire.converse import BedrockConverse
from roadworthy.call.wire.gemini import GeminiContent, VertexGemini
from roadworthy.call.wire.openai_chat import AzureChat, OpenAIChat
from roadworthy.call.wire.openai_embeddings import OpenAIEmbeddings
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.wire import Wire

Environ = Mapping[str, str]


@quick(frozen=True, slots=True)
class Place:
    """Where a model is reached, and how.

    Attributes:
        base: the base URL, without a slash at its end.
        headers: sent with every request; no secret.
        cuts_prompts: a server of one's own may cut a prompt that is too long and not say so.
    """

    wire: Wire
    base: str
    auth: Auth
    key: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cuts_prompts: bool = False


@quick(frozen=True, slots=True)
class Provider:
    """One row.

    Attributes:
        find: the place of a model, from its name and the environment.
        lists: what the price list calls the provider; empty where it is not on it.
    """

    find: Callable[[str, Environ], Place]
    lists: tuple[str, ...] = ()


def _openai(wire: Wire, prefix: str) -> Callable[[str, Environ], Place]:
    def find(model_id: str, environ: Environ) -> Place:
        base = _base("OPENAI_BASE_URL", "https://api.openai.com/v1", environ)
        key = _needed_key(f"{prefix}:{model_id}", ("OPENAI_API_KEY",), base, environ)
        named = {"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"}
        headers = {
            header: in_header(name, value)
            for header, name in named.items()
            if (value := environ.get(name, "").strip())
        }
        return Place(wire, base, KeyInHeader(key), key, headers)

    return find


def _anthropic(model_id: str, environ: Environ) -> Place:
    base = _base("ANTHROPIC_BASE_URL", "https://api.anthropic.com", environ)
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    key = _needed_key(f"anthropic:{model_id}", names, base, environ)
    return Place(AnthropicMessages(), base, KeyInHeader(key), key)


def _gemini(model_id: str, environ: Environ) -> Place:
    base = _base("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com", environ)
    key = _needed_key(f"gemini:{model_id}", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), base, environ)
    version = _in_path(
        "GOOGLE_GENAI_API_VERSION", environ.get("GOOGLE_GENAI_API_VERSION", "").strip() or "v1"
    )
    return Place(GeminiContent(f"{version}/"), base, KeyInHeader(key, "x-goog-api-key", ""), key)


def _azure(model_id: str, environ: Environ) -> Place:
    name = f"azure:{model_id}"
    base = _base("AZURE_OPENAI_ENDPOINT", "", environ)
    if not base:
        raise WrongUse(
            f"{name} needs its resource. Set AZURE_OPENAI_ENDPOINT to https://NAME.openai.azure.com."
        )
    version = environ.get("OPENAI_API_VERSION", "").strip()
    if not version:
        raise WrongUse(f"{name} needs the version of the API. Set OPENAI_API_VERSION, such as 2024-10-21.")
    wire = AzureChat(_in_path("OPENAI_API_VERSION", version))
    if (token := read_key("AZURE_OPENAI_AD_TOKEN", environ)) is not None:
        return Place(wire, base, KeyInHeader(token), token)
    key = _needed_key(name, ("AZURE_OPENAI_API_KEY",), base, environ)
    return Place(wire, base, KeyInHeader(key, "api-key", ""), key)


def _bedrock(model_id: str, environ: Environ) -> Place:
    region = environ.get("AWS_REGION", "").strip() or environ.get("AWS_DEFAULT_REGION", "").strip()
    if not region:
        raise WrongUse(f"bedrock:{model_id} needs a region. Set AWS_REGION, such as eu-central-1.")
    region = _in_path("AWS_REGION", region)
    everywhere = environ.get("AWS_ENDPOINT_URL", "").strip()
    default = everywhere or f"https://bedrock-runtime.{region}.amazonaws.com"
    base = _base("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", default, environ)
    token = read_key("AWS_BEARER_TOKEN_BEDROCK", environ)
    auth: Auth = KeyInHeader(token) if token is not None else AwsSignature(environ, region)
    return Place(BedrockConverse(), base, auth, token)


def _vertex(model_id: str, environ: Environ) -> Place:
    auth = GoogleToken(environ)
    project = environ.get("GOOGLE_CLOUD_PROJECT", "").strip() or auth.project
    if not project:
        raise WrongUse(f"vertex:{model_id} needs a project. Set GOOGLE_CLOUD_PROJECT.")
    location = _in_path("GOOGLE_CLOUD_LOCATION", environ.get("GOOGLE_CLOUD_LOCATION", "").strip() or "global")
    host = "aiplatform.googleapis.com" if location == "global" else f"{location}-aiplatform.googleapis.com"
    base = _base("GOOGLE_VERTEX_BASE_URL", f"https://{host}", environ)
    folder = f"{base}/v1/projects/{_in_path('GOOGLE_CLOUD_PROJECT', project)}/locations/{location}"
    wire: Wire = VertexAnthropic() if model_id.startswith("claude") else VertexGemini()
    return Place(wire, folder, auth)


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(_openai(OpenAIChat(), "openai"), ("openai",)),
        "openai-responses": Provider(_openai(OpenAIResponses(), "openai-responses"), ("openai",)),
        "openai-embeddings": Provider(_openai(OpenAIEmbeddings(), "openai-embeddings"), ("openai",)),
        "anthropic": Provider(_anthropic, ("anthropic",)),
        "gemini": Provider(_gemini, ("google",)),
        "azure": Provider(_azure, ("azure", "openai")),
        "bedrock": Provider(_bedrock, ("aws",)),
        "vertex": Provider(_vertex, ("google",)),
    }
)


def find_compatible(base: str, environ: Environ) -> Place:
    """The place of a server of one's own, or of any compatible provider."""
    key = read_key("ROADWORTHY_API_KEY", environ)
    checked = checked_base(base, environ)
    return Place(OpenAIChat("max_tokens"), checked, KeyInHeader(key), key, cuts_prompts=True)


def read_key(name: str, environ: Environ) -> Secret | None:
    """The key in variable `name`, or in the file that `<name>_FILE` names; None where neither is set.

    Raises:
        WrongUse: the file cannot be read or is empty, or what is set cannot be a key.
    """
    if value := environ.get(name, "").strip():
        return Secret(in_header(name, value))
    if not (place := environ.get(f"{name}_FILE", "").strip()):
        return None
    try:
        value = Path(place).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{name}_FILE names {place!r}, which cannot be read: {error}.") from error
    if not value:
        raise WrongUse(f"{name}_FILE names {place!r}, which is empty.")
    return Secret(in_header(f"{name}_FILE", value), place)


def in_header(name: str, value: str) -> str:
    """A value that can stand in a header (RFC 9110 section 5.5); it is not shown where it cannot."""
    if value and not (value.isascii() and value.isprintable()):
        raise WrongUse(f"{name} holds a line break or a character that no key has. Set it again.")
    return value


def _in_path(name: str, value: str) -> str:
    """A value that can stand in a URL as it is."""
    if not value.replace("-", "").replace("_", "").replace(".", "").replace(":", "").isalnum():
        raise WrongUse(f"{name} is {value!r}. Use letters, digits, `-`, `_`, `.` and `:`.")
    return value


def _base(name: str, default: str, environ: Environ) -> str:
    base = environ.get(name, "").strip() or default
    return checked_base(base, environ) if base else ""


def _needed_key(model: str, names: tuple[str, ...], base: str, environ: Environ) -> Secret | None:
    """The first key that is set; a server on this machine may need none."""
    found = next((key for name in names if (key := read_key(name, environ)) is not None), None)
    if found is None and not is_loopback(urlsplit(base).hostname or ""):
        raise WrongUse(f"{model} needs a key. Set {names[0]}, or {names[0]}_FILE to a file that holds it.")
    return found
