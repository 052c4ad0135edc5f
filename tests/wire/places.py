"""Every provider, all served by one simulator, and a way to ask one question of each."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from roadworthy._settings import DEFAULTS, Settings
from roadworthy.ask.build import build_question
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.schema import compile_schema
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.lane import Lane
from roadworthy.call.meter import Ask
from roadworthy.call.model import Model
from roadworthy.call.price import Price
from roadworthy.call.reply import Outcome
from roadworthy.call.rung import EndpointRung
from roadworthy.call.transport import PyreqwestTransport

KEY = "sk-test-0123456789abcdef"
TEXT = "Where is my card? It said 5 days."
ANSWER = {"queue": "shipping", "urgency": 3, "quote": "Where is my card?", "note": None}
INSTRUCTIONS = "Sort the ticket."
PRICE = Price(input="1", output="4")
PRICED = "1,4"


class Triage(BaseModel):
    queue: Literal["billing", "shipping"]
    urgency: int = Field(ge=1, le=5)
    quote: str = Field(max_length=200)
    note: str | None = None


@dataclass(frozen=True)
class At:
    """One provider as a model's name names it.

    Attributes:
        model: the name.
        served: the name that the simulator bills under.
        environ: what else is in the environment.
        roots: the variables that name its base URL, and what stands behind the simulator's root.
    """

    model: str
    served: str
    roots: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    def environment(self, root: str) -> dict[str, str]:
        """The environment that leads to a server at `root`."""
        return {**self.environ, **{name: root + rest for name, rest in self.roots.items()}}

    def named(self, root: str) -> str:
        """The model's name, for a server at `root`."""
        return self.model.replace("ROOT", root)


OPENAI = {"OPENAI_BASE_URL": "/v1"}
CLOUD = {"GOOGLE_CLOUD_PROJECT": "acme", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
PLACES = {
    "openai": At("openai:gpt-5-nano", "gpt-5-nano", OPENAI, {"OPENAI_API_KEY": KEY}),
    "openai-responses": At("openai-responses:gpt-5-nano", "gpt-5-nano", OPENAI, {"OPENAI_API_KEY": KEY}),
    "anthropic": At(
        "anthropic:claude-opus-4-8",
        "claude-opus-4-8",
        {"ANTHROPIC_BASE_URL": ""},
        {"ANTHROPIC_API_KEY": KEY},
    ),
    "gemini": At(
        "gemini:gemini-3.8-flash", "gemini-3.8-flash", {"GOOGLE_GEMINI_BASE_URL": ""}, {"GEMINI_API_KEY": KEY}
    ),
    "azure": At(
        "azure:mine",
        "mine",
        {"AZURE_OPENAI_ENDPOINT": ""},
        {"AZURE_OPENAI_API_KEY": KEY, "OPENAI_API_VERSION": "2024-10-21"},
    ),
    "bedrock": At(
        "bedrock:us.amazon.nova-lite-v1:0",
        "us.amazon.nova-lite-v1:0",
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": ""},
        {"AWS_REGION": "us-east-1", "AWS_BEARER_TOKEN_BEDROCK": KEY},
    ),
    "compatible": At("llama@ROOT/v1", "llama"),
}
"""Vertex is apart: it wants a token first."""


@dataclass(frozen=True)
class Asked:
    """What was asked, and what came of it."""

    ask: Ask
    outcome: Outcome
    cost_pico: int


async def ask_at(
    place: At,
    root: str,
    *,
    kind: type = Triage,
    settings: Settings = DEFAULTS,
    timeout_s: float = 10.0,
    text: str = TEXT,
    **more: Any,
) -> Asked:
    """Ask one question of one provider, as a run does, and classify what comes back."""
    model = Model(place.named(root), **{"price": PRICE, **more})
    endpoint = find_endpoint(model, place.environment(root), {})
    schema = compile_schema(kind)
    transport = PyreqwestTransport(settings)
    rung = EndpointRung(
        model, endpoint, schema, Lane(endpoint.lane, settings), transport, settings, logprobs=False
    )
    question = build_question(Prompt[Any](INSTRUCTIONS, text), schema)
    ask = rung.ask(question, None, words="", room=1, namespace="t", sample=0)
    outcome = await rung.send(ask, timeout_s, 1_700_000_000.0)
    await transport.close()
    return Asked(ask, outcome, rung.cost_pico(outcome.usage) if outcome.usage is not None else -1)


def ask_one(place: At, root: str, **more: Any) -> Asked:
    """The same from outside an event loop."""
    return asyncio.run(ask_at(place, root, **more))


@contextmanager
def token_server() -> Iterator[str]:
    """Where Google's tokens come from."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            said = json.dumps(
                {"access_token": "ya29.test", "expires_in": 3600, "token_type": "Bearer"}
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()
    thread.join()


def service_account(folder: Path, token_url: str) -> Path:
    """A service account's file with a key made for this test."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - comes with the group sdks
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - as above

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "account.json"
    said = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "app@acme.example",
        "client_id": "1",
        "token_uri": token_url,
    }
    path.write_text(json.dumps(said))
    return path
