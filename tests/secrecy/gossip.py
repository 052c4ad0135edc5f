"""A provider that says back whatever it was told, the key before all, in every place where a response has room."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def _error(status: int, words: str, **more: object) -> Answer:
    body = {"error": {"message": words, "type": words, "code": words, "param": words, **more}}
    return (
        status,
        {"x-request-id": words[:60].replace("\n", " "), "retry-after": "0"},
        json.dumps(body).encode(),
    )


def _page(status: int, words: str) -> Answer:
    return status, {"content-type": "text/html"}, f"<html><title>{words}</title>{words}</html>".encode()


def _said(words: str, **parts: Any) -> Answer:
    content = json.dumps({"mood": words, "sure": 0.9})
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    whole = {"id": "one", "model": "gossip", "choices": [choice], "usage": usage, **parts}
    return 200, {}, json.dumps(whole).encode()


MODES: dict[str, Callable[[str], Answer]] = {
    "g400": lambda words: _error(400, words),
    "g401": lambda words: _error(401, words),
    "g402": lambda words: _error(402, words),
    "g403": lambda words: _error(403, words),
    "g404": lambda words: _error(404, words),
    "g413": lambda words: _error(413, words),
    "g429": lambda words: _error(429, words),
    "gquota": lambda words: _error(429, words, code="insufficient_quota"),
    "g500": lambda words: _error(500, words),
    "g529": lambda words: _error(529, words),
    "gpage": lambda words: _page(502, words),
    "gpage200": lambda words: _page(200, words),
    "ginside": lambda words: (200, {}, _error(500, words)[2]),
    "gnothing": lambda words: (200, {}, json.dumps({"choices": None, "note": words}).encode()),
    "gnotjson": lambda words: (200, {}, words.encode()),
    "gtruncated": lambda words: _said(
        words,
        choices=[{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "length"}],
    ),
    "grefused": lambda words: _said(
        words,
        choices=[
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": words},
                "finish_reason": "stop",
            }
        ],
    ),
    "gfinish": lambda words: _said(
        words,
        choices=[{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": words}],
    ),
    "gmodel": lambda words: _said(words, model=words, id=words),
    "ganswer": _said,
    "gredirect": lambda words: (302, {"location": f"http://127.0.0.1:9/{words[:40].split(' ')[0]}"}, b""),
    "gcut": lambda words: (200, {"content-length": "99999"}, words.encode()),
}


@contextmanager
def gossip() -> Iterator[str]:
    """The base URL of one that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(asked)
            prompt = " ".join(str(message["content"]) for message in request["messages"])
            words = f"You sent {self.headers.get('Authorization', '')} and said: {prompt}"
            status, headers, body = MODES[request["model"]](words)
            self.send_response_only(status)
            headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}
            for name, value in headers.items():
                self.send_header(name, value.encode("ascii", "ignore").decode())
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join(10)
