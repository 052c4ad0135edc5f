"""OpenAI embeddings: texts in, vectors out. The vectors are the answer's text, as JSON.

Source: platform.openai.com/docs/api-reference/embeddings. Output tokens are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from roadworthy._errors import WrongUse
from roadworthy.ask.question import Form, Message
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.wire.error import as_name
from roadworthy.call.wire.stream import Assembly
from roadworthy.call.wire.value import as_count, at, objects
from roadworthy.call.wire.wire import Terms, Wire, provider_id_of

TEXTS = "texts"
VECTORS = "vectors"


class OpenAIEmbeddings(Wire):
    """Embeddings as OpenAI speaks them; the question's last message is a JSON object with `texts`."""

    name = "openai embeddings"
    takes_words = False

    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """One address for all models."""
        del model_id, stream
        return f"{base}/embeddings"

    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """The model: no schema, no cap."""
        del form
        return {"model": terms.model_id, "encoding_format": "float"}

    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """The texts alone, and no instructions."""
        try:
            return {"input": orjson.loads(messages[-1].text)[TEXTS]}
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise WrongUse(
                "A model for embeddings gives vectors and no answers. Name it in Passages(embed=...)."
            ) from error

    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """Vectors come whole."""
        return body

    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """The vectors in the order of the texts, whatever order they came in."""
        usage = self.usage(said)
        rows = sorted(objects(said.get("data")), key=lambda row: as_count(row.get("index")) or 0)
        vectors = [row.get("embedding") for row in rows]
        places = [as_count(row.get("index")) for row in rows]
        if (
            not vectors
            or places != list(range(len(rows)))
            or not all(isinstance(one, list) for one in vectors)
        ):
            ending = Ending.UNKNOWN if usage is None else Ending.EMPTY
            return Outcome(
                ending, usage=usage, provider_id=provider_id_of(headers), detail="no vector for each text"
            )
        return Outcome(
            Ending.OK,
            text=orjson.dumps({VECTORS: vectors}).decode(),
            finish="stop",
            served_model=as_name(said.get("model")),
            usage=usage,
            provider_id=provider_id_of(headers),
        )

    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """Tokens of the texts."""
        prompt = as_count(at(said, "usage").get("prompt_tokens"))
        return None if prompt is None else Usage(input_tokens=prompt)

    def assembly(self) -> Assembly:
        """Nothing is streamed."""
        return Assembly()
