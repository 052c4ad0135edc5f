"""The official clients and ours, request against request, and the clients against the simulator's answers.

`INTENDED` is the whole list of differences, each with its reason. A difference that is not on it fails the test, and so
does a row that nothing differs by any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from tests.wire.places import (
    ANSWER,
    CLOUD,
    KEY,
    PLACES,
    At,
    Triage,
    ask_one,
    service_account,
    token_server,
)
from tests.wire.recorder import Kept, Recorder, differences, recording

from roadworthy.vet.process import RunningSimulator

REASON = "install the group sdks: make sdks"
openai = pytest.importorskip("openai", reason=REASON)
anthropic = pytest.importorskip("anthropic", reason=REASON)
genai = pytest.importorskip("google.genai", reason=REASON)
botocore_session = pytest.importorskip("botocore.session", reason=REASON)
oauth2 = pytest.importorskip("google.oauth2.credentials", reason=REASON)

CAP = 500
ANSWER_TEXT = json.dumps(ANSWER, separators=(",", ":"))
OURS = {
    "header.user-agent": "each says who it is",
    "header.accept-encoding": "ours reads zstd and br too",
    "header.connection": "keep-alive is HTTP/1.1's own default",
    "header.content-length": "follows from the body",
}
STAINLESS = {"header.x-stainless-*": "the SDK tells its maker about the machine it runs on; we tell nothing"}
NOT_SENT = "said in words instead: the dialect does not guarantee it"
SCHEMA = {
    "*.title": "a title is the field's name again; it only costs tokens",
    "*.schema.*.quote.maxLength": NOT_SENT,
}
INTENDED: dict[str, dict[str, str]] = {
    "openai": {
        **OURS,
        **STAINLESS,
        **SCHEMA,
        "body.stream": "false is the default; the SDK's helper says so",
    },
    "openai-responses": {
        **OURS,
        **STAINLESS,
        **SCHEMA,
        "body.store": "the provider is asked not to keep a record",
    },
    "azure": {**OURS, **STAINLESS, **SCHEMA, "body.stream": "false is the default; the SDK's helper says so"},
    "anthropic": {
        **OURS,
        **STAINLESS,
        "*.title": "a title is the field's name again; it only costs tokens",
        "*.properties.*.description": "the SDK puts limits into descriptions; ours stand with the instructions, in words",
        "*.queue.type": "an enum's members have their types; the strict form says them all the same",
        "*.required*": "every field is required, and what was optional may be null: the same form for each provider",
    },
    "gemini": {
        **OURS,
        "header.accept": "we say that JSON is wanted",
        "header.x-goog-api-client": "the SDK tells its maker about itself; we tell nothing",
        "body.systemInstruction.role": "a role means nothing there",
        "*.title": "a title is the field's name again; it only costs tokens",
        "*.quote.maxLength": NOT_SENT,
        "*.additionalProperties": "objects are closed",
        "*.required*": "every field is required, and what was optional may be null: the same form for each provider",
    },
}
INTENDED["vertex-gemini"] = {
    **INTENDED["gemini"],
    "path": "the SDK asks the beta of the API; what we send is in its stable version",
    "header.authorization": "another token",
}
INTENDED["vertex-claude"] = {**INTENDED["anthropic"], "header.authorization": "another token"}
INTENDED["bedrock"] = {
    **{name: why for name, why in OURS.items() if name != "header.connection"},
    "header.accept": "we say that JSON is wanted",
    "header.amz-sdk-*": "the SDK counts its own retries; here is one owner of retries",
    "header.x-amz*": "this test pays with a Bedrock API key, the SDK signs",
    "header.authorization": "as above",
    "*.schema": "the schema goes along as text, which is ours",
}


@dataclass
class Pair:
    """What both clients are to say, and what the official one made of the answer.

    Attributes:
        body: our request's body.
        root: where the official client is to send its own.
    """

    body: dict[str, Any]
    root: str
    stream: bool
    structured: bool

    def config(self) -> Any:
        """The configuration for Google's client."""
        schema: dict[str, Any] = (
            {"response_json_schema": Triage.model_json_schema()} if self.structured else {}
        )
        return genai.types.GenerateContentConfig(
            system_instruction=self.body["systemInstruction"]["parts"][0]["text"],
            max_output_tokens=CAP,
            response_mime_type="application/json",
            **schema,
        )


def by_chat(pair: Pair, client: Any, model: str) -> str:
    """Ask with the OpenAI client's chat completions."""
    said = {"model": model, "messages": pair.body["messages"], "max_completion_tokens": CAP}
    if pair.stream:
        options = {"include_usage": True}
        chunks = list(client.chat.completions.create(**said, stream=True, stream_options=options))
        assert chunks[-1].usage.completion_tokens > 0
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    if pair.structured:
        done = client.chat.completions.parse(**said, response_format=Triage)
        assert done.choices[0].message.parsed == Triage.model_validate(ANSWER)
    else:
        done = client.chat.completions.create(**said)
    assert done.choices[0].finish_reason == "stop"
    return str(done.choices[0].message.content)


def by_openai(pair: Pair) -> str:
    """OpenAI, chat completions."""
    return by_chat(pair, openai.OpenAI(api_key=KEY, base_url=f"{pair.root}/v1", max_retries=0), "gpt-5-nano")


def by_azure(pair: Pair) -> str:
    """Azure."""
    client = openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=pair.root, api_version="2024-10-21", max_retries=0
    )
    return by_chat(pair, client, "mine")


def by_responses(pair: Pair) -> str:
    """OpenAI, responses."""
    client = openai.OpenAI(api_key=KEY, base_url=f"{pair.root}/v1", max_retries=0)
    said = {"model": "gpt-5-nano", "input": pair.body["input"], "max_output_tokens": CAP}
    if pair.stream:
        with client.responses.stream(**said) as stream:
            done = stream.get_final_response()
    elif pair.structured:
        done = client.responses.parse(**said, text_format=Triage)
        assert done.output_parsed == Triage.model_validate(ANSWER)
    else:
        done = client.responses.create(**said)
    assert done.status == "completed"
    assert done.usage.output_tokens > 0
    return str(done.output_text)


def by_messages(pair: Pair, client: Any, model: str) -> str:
    """Ask with the Anthropic client."""
    said = {
        "model": model,
        "system": pair.body["system"],
        "messages": pair.body["messages"],
        "max_tokens": CAP,
    }
    if pair.stream:
        with client.messages.stream(**said) as stream:
            done = stream.get_final_message()
    elif pair.structured:
        done = client.messages.parse(**said, output_format=Triage)
        assert done.parsed_output == Triage.model_validate(ANSWER)
    else:
        done = client.messages.create(**said)
    assert done.stop_reason == "end_turn"
    assert done.usage.output_tokens > 1
    return str(done.content[0].text)


def by_anthropic(pair: Pair) -> str:
    """Anthropic."""
    client = anthropic.Anthropic(api_key=KEY, base_url=pair.root, max_retries=0)
    return by_messages(pair, client, "claude-opus-4-8")


def by_vertex_claude(pair: Pair) -> str:
    """Anthropic behind Vertex."""
    client = anthropic.AnthropicVertex(
        access_token="ya29.other",
        region="europe-west4",
        project_id="acme",
        base_url=f"{pair.root}/v1",
        max_retries=0,
    )
    return by_messages(pair, client, "claude-sonnet-4-6")


def by_content(pair: Pair, client: Any, model: str) -> str:
    """Ask with Google's client."""
    said = {"model": model, "contents": pair.body["contents"][0]["parts"][0]["text"], "config": pair.config()}
    if pair.stream:
        pieces = list(client.models.generate_content_stream(**said))
        assert pieces[-1].usage_metadata.candidates_token_count > 0
        return "".join(piece.text for piece in pieces)
    done = client.models.generate_content(**said)
    assert done.usage_metadata.candidates_token_count > 0
    assert done.candidates[0].finish_reason.name == "STOP"
    return str(done.text)


def by_gemini(pair: Pair) -> str:
    """Gemini."""
    client = genai.Client(api_key=KEY, http_options={"base_url": pair.root})
    return by_content(pair, client, "gemini-3.8-flash")


def by_vertex_gemini(pair: Pair) -> str:
    """Gemini behind Vertex."""
    client = genai.Client(
        vertexai=True,
        project="acme",
        location="europe-west4",
        credentials=oauth2.Credentials(token="ya29.other"),
        http_options={"base_url": pair.root},
    )
    return by_content(pair, client, "gemini-2.5-flash")


def by_bedrock(pair: Pair) -> str:
    """Bedrock."""
    client = botocore_session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=pair.root,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secret",
    )
    said = {
        "modelId": PLACES["bedrock"].served,
        "system": pair.body["system"],
        "messages": pair.body["messages"],
        "inferenceConfig": {"maxTokens": CAP},
    }
    if pair.structured:
        schema = {"schema": json.dumps(Triage.model_json_schema()), "name": "Triage"}
        said["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if pair.stream:
        events = list(client.converse_stream(**said)["stream"])
        assert events[-1]["metadata"]["usage"]["outputTokens"] > 0
        deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
        return "".join(delta["delta"]["text"] for delta in deltas)
    done = client.converse(**said)
    assert done["stopReason"] == "end_turn"
    return str(done["output"]["message"]["content"][0]["text"])


CLIENTS: dict[str, Callable[[Pair], str]] = {
    "openai": by_openai,
    "openai-responses": by_responses,
    "azure": by_azure,
    "anthropic": by_anthropic,
    "gemini": by_gemini,
    "vertex-gemini": by_vertex_gemini,
    "vertex-claude": by_vertex_claude,
    "bedrock": by_bedrock,
}
MODES = {
    "text": {"structured": False, "stream": False},
    "structured": {"structured": True, "stream": False},
    "streaming": {"structured": False, "stream": True},
}


@pytest.fixture
def recorder(simulator: RunningSimulator) -> Iterator[Recorder]:
    """What passes between a client and the simulator."""
    with recording(simulator.url.removesuffix("/v1")) as kept:
        yield kept


@pytest.fixture
def vertex(tmp_path: Path) -> Iterator[dict[str, At]]:
    """Both publishers behind Vertex, with an account of their own."""
    with token_server() as url:
        account = {"GOOGLE_APPLICATION_CREDENTIALS": str(service_account(tmp_path, url)), **CLOUD}
        base = {"GOOGLE_VERTEX_BASE_URL": ""}
        yield {
            "vertex-gemini": At("vertex:gemini-2.5-flash", "gemini-2.5-flash", base, account),
            "vertex-claude": At("vertex:claude-sonnet-4-6", "claude-sonnet-4-6", base, account),
        }


def both(name: str, place: At, recorder: Recorder, *, structured: bool, stream: bool) -> tuple[Kept, Kept]:
    """The same question asked by us and by the official client, which reads the answer too."""
    more: dict[str, Any] = {"structured": structured, "stream": stream, "max_output_tokens": CAP}
    asked = ask_one(place, recorder.root, **more)
    assert json.loads(asked.outcome.text) == ANSWER
    ours = recorder.last()
    told = CLIENTS[name](Pair(json.loads(asked.ask.body), recorder.root, stream, structured))
    assert told == ANSWER_TEXT, "the client reads the simulator's answer as we do"
    return ours, recorder.last()


@pytest.mark.parametrize("name", CLIENTS)
def test_requests_differ_from_the_official_clients_only_as_intended(
    name: str, recorder: Recorder, vertex: dict[str, At]
) -> None:
    """A provider would refuse, or understand otherwise, what its own client says another way."""
    intended = INTENDED[name]
    found: dict[str, set[str]] = {pattern: set() for pattern in intended}
    unexplained = []
    for mode, how in MODES.items():
        ours, theirs = both(name, {**PLACES, **vertex}[name], recorder, **how)
        for place, values in differences(ours, theirs).items():
            patterns = [pattern for pattern in intended if fnmatchcase(place, pattern)]
            unexplained += [] if patterns else [f"{mode}: {place}: ours {values[0]!r}, theirs {values[1]!r}"]
            for pattern in patterns:
                found[pattern].add(place)
    assert unexplained == []
    assert [pattern for pattern, places in found.items() if not places] == [], (
        "nothing differs by these any more"
    )


@pytest.mark.parametrize(
    ("fault", "openais", "anthropics", "googles"),
    [
        ("429", "RateLimitError", "RateLimitError", 429),
        ("401", "AuthenticationError", "AuthenticationError", 401),
        ("404_model", "NotFoundError", "NotFoundError", 404),
        ("500", "InternalServerError", "InternalServerError", 500),
        ("529", "InternalServerError", "OverloadedError", 529),
    ],
)
def test_the_clients_know_the_simulators_errors(
    fault: str, openais: str, anthropics: str, googles: int, simulator: RunningSimulator, root: str
) -> None:
    """A team would test its handling of errors that no provider ever sends."""
    simulator.script({"faults": {fault: 1.0}})
    messages = [{"role": "user", "content": "hello"}]
    chat = openai.OpenAI(api_key=KEY, base_url=f"{root}/v1", max_retries=0)
    with pytest.raises(getattr(openai, openais)):
        chat.chat.completions.create(model="gpt-5-nano", messages=messages)
    with pytest.raises(getattr(openai, openais)):
        chat.responses.create(model="gpt-5-nano", input="hello")
    claude = anthropic.Anthropic(api_key=KEY, base_url=root, max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as refused:
        claude.messages.create(model="claude-opus-4-8", messages=messages, max_tokens=5)
    assert type(refused.value).__name__ == anthropics
    google = genai.Client(api_key=KEY, http_options={"base_url": root})
    with pytest.raises(genai.errors.APIError) as failed:
        google.models.generate_content(model="gemini-3.8-flash", contents="hello")
    assert failed.value.code == googles


def test_the_clients_notice_an_error_inside_a_stream(simulator: RunningSimulator, root: str) -> None:
    """The simulator's broken streams would be broken in a way that no client knows."""
    simulator.script({"faults": {"error_event": 1.0}})
    messages = [{"role": "user", "content": "hello"}]
    chat = openai.OpenAI(api_key=KEY, base_url=f"{root}/v1", max_retries=0)
    with pytest.raises(openai.APIError):
        list(chat.chat.completions.create(model="gpt-5-nano", messages=messages, stream=True))
    claude = anthropic.Anthropic(api_key=KEY, base_url=root, max_retries=0)
    with pytest.raises(anthropic.APIError):
        list(claude.messages.create(model="claude-opus-4-8", messages=messages, max_tokens=50, stream=True))
