"""Every name that a trace or an OTLP metric of ours carries, in one table.

The GenAI conventions left the core repository with version 1.41 and are in development; they have no release yet. The
version below is the one that their registry declares (github.com/open-telemetry/semantic-conventions-genai,
`model/manifest.yaml`); the names are those of its pages `client-inference.md`, `client-embeddings.md` and
`gen-ai-token-metrics.md`. What the conventions have no name for is `roadworthy.*`.
"""

from __future__ import annotations

from typing import Final

CONVENTIONS: Final = "gen-ai-dev/1.42.0-dev"
CORE: Final = "1.44.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{CONVENTIONS}"

# Spans: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
OUTPUT_TYPE: Final = "gen_ai.output.type"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

# What is said, only where the setting `telemetry_content` asks for it.
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"

# A request to the service: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
URL_SCHEME: Final = "url.scheme"

# Metrics.
DURATION: Final = "gen_ai.client.inference.duration"
USED_INPUT: Final = "gen_ai.client.inference.usage.input_tokens"
USED_OUTPUT: Final = "gen_ai.client.inference.usage.output_tokens"
USED_CACHE_READ: Final = "gen_ai.client.inference.usage.cache_read.input_tokens"
USED_CACHE_WRITE: Final = "gen_ai.client.inference.usage.cache_write.input_tokens"
USED_REASONING: Final = "gen_ai.client.inference.usage.reasoning.output_tokens"
EMBEDDINGS_DURATION: Final = "gen_ai.client.embeddings.duration"
EMBEDDINGS_INPUT: Final = "gen_ai.client.embeddings.operation.input_tokens"
MODALITY: Final = "gen_ai.token.modality"
DURATION_BUCKETS_S: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
TOKEN_BUCKETS: Final = tuple(4**power for power in range(14))

# Ours.
APP: Final = "roadworthy.app"
RUN: Final = "roadworthy.run"
RECORD: Final = "roadworthy.record"
RECORD_KEY: Final = "roadworthy.record.key"
ENTRY: Final = "roadworthy.entry"
OUTCOME: Final = "roadworthy.outcome"
WAITING_FOR: Final = "roadworthy.waiting_for"
REUSED: Final = "roadworthy.reused"
STEP: Final = "roadworthy.step"
VERDICT: Final = "roadworthy.verdict"
RANK: Final = "roadworthy.ladder.rank"
LANE: Final = "roadworthy.lane"
ENDING: Final = "roadworthy.ending"
ATTEMPT: Final = "roadworthy.attempt"
ATTEMPTS: Final = "roadworthy.attempts"
SECONDS: Final = "roadworthy.seconds"
STATE: Final = "roadworthy.state"
FAULT: Final = "roadworthy.fault"
COST: Final = "roadworthy.cost"
IMAGES: Final = "roadworthy.images"
EVENT_ATTEMPT: Final = "roadworthy.attempt"
EVENT_RETRY: Final = "roadworthy.retry"
EVENT_FALLBACK: Final = "roadworthy.fallback"
EVENT_LANE: Final = "roadworthy.lane"
RECORDS: Final = "roadworthy.records"

NOT_IN_CORE: Final = frozenset(
    {
        PROMPT_VERSION,
        CACHE_WRITE_TOKENS,
        MODALITY,
        DURATION,
        USED_INPUT,
        USED_OUTPUT,
        USED_CACHE_READ,
        USED_CACHE_WRITE,
        USED_REASONING,
        EMBEDDINGS_DURATION,
        EMBEDDINGS_INPUT,
    }
)
"""Names that came after the conventions left the core repository; the core's package does not hold them."""

PROVIDERS: Final = {
    "openai": "openai",
    "openai-responses": "openai",
    "openai-embeddings": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
}
"""What the conventions call a provider, by the part of a model's name before its colon."""

ELSEWHERE: Final = "openai_compatible"
EMBEDDINGS: Final = "embeddings"
"""The operation that turns texts into vectors: it writes no answer, and has spans and metrics of its own."""
OWN_FUNCTION: Final = "roadworthy.function"
OWN_STUDENT: Final = "roadworthy.student"


def named(model: str) -> tuple[str, str, str]:
    """A model's provider, its own name there, and the operation, as the conventions call them."""
    prefix, mark, rest = model.partition(":")
    if "@http" in model:
        return ELSEWHERE, model.partition("@")[0], "chat"
    if prefix == "student" and mark:
        return OWN_STUDENT, rest, "text_completion"
    if prefix not in PROVIDERS or not mark:
        return OWN_FUNCTION, model, "text_completion"
    if prefix == "openai-embeddings":
        return PROVIDERS[prefix], rest, EMBEDDINGS
    google = prefix == "gemini" or (prefix == "vertex" and not rest.startswith("claude"))
    return PROVIDERS[prefix], rest, "generate_content" if google else "chat"
