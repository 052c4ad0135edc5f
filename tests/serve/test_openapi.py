"""The OpenAPI page against the service: Schemathesis asks every route what the page allows, and what it does not."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter

_CONFIG = """
[generation]
allow-extra-parameters = false  # a header that nobody knows is nothing to refuse a request for

[checks.positive_data_acceptance]
# Which record type goes with which step, and a type's own validators, are more than the page can say.
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429, 503]

[checks.not_a_server_error]
# At the door for OpenAI clients 503 says that no model could be asked: the provider knows one text alone.
expected-statuses = ["2xx", "3xx", "4xx", 503]

[[operations]]
include-path = "/v1/jobs/{step}"
# A file is text, and any text may be one.
checks.negative_data_rejection.enabled = false

[[operations]]
# `{step}`, `{key}` and `{job_id}` stand in the same place of the path, each with other methods.
include-path-regex = "^/v1/(records|jobs)/"
checks.allow_header_conformance.enabled = false
checks.unsupported_method.enabled = false
"""


def _examine(counter: Counter, folder: Path, *words: str, seconds: float) -> None:
    # Nobody waits long here: texts that the provider does not know are tried again and again.
    counter.environ |= {"ROADWORTHY_SERVE_WAIT_S": "0.5", "ROADWORTHY_RECORD_DEADLINE_S": "0.5"}
    key = counter.new_key("all", "--role", "admin")
    counter.start()
    config = folder / "schemathesis.toml"
    config.write_text(_CONFIG)
    line = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"),
        *(f"http://127.0.0.1:{counter.port}/openapi.json", "--header", f"Authorization:Bearer {key}"),
        *("--no-color", "--generation-database", "none", "--seed", "1", "--continue-on-failure", *words),
        # How many drafts are thrown away before one fits a record's type says nothing of the service.
        "--suppress-health-check=filter_too_much",
    ]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    said = counter.stop()
    assert "Traceback" not in said, said[-4_000:]


@pytest.mark.fault("E10")
@pytest.mark.timeout(300)
def test_every_route_keeps_to_its_page(file_build: Build, tmp_path: Path) -> None:
    """A route would break on input that its page allows or forbids, or answer what its page does not say."""
    counter = file_build({"what a day": "glad"}, "later")
    words = ("--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--no-shrink")
    _examine(counter, tmp_path, *words, seconds=280)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_chains_of_requests_keep_to_the_page(file_build: Build, tmp_path: Path) -> None:
    """Two requests that each work would break the service one after the other."""
    counter = file_build({"what a day": "glad"}, "later")
    _examine(counter, tmp_path, "--max-examples", "50", "--max-time", "150", seconds=390)


def test_answers_that_take_a_chain_of_requests_stand_on_the_page(shared: Counter) -> None:
    """A client made from the page would not know a token that is used again, or a record that a person has rejected."""
    paths = shared.call("GET", "/openapi.json").json["paths"]
    rejected = paths["/v1/records/{step}"]["post"]["responses"]["422"]["content"]
    assert set(rejected) == {"application/json", "application/problem+json"}
    chat = paths["/v1/chat/completions"]["post"]["responses"]
    assert "409" in chat
    assert set(chat["200"]["headers"]) == {"Roadworthy-Key", "Roadworthy-Cost-Usd"}
