"""Endpoints: address, key and price are found before anything is paid, and no key is shown."""

import asyncio
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy._secret import Secret
from roadworthy.call.address import is_loopback
from roadworthy.call.endpoint import Endpoint, find_endpoint
from roadworthy.call.model import Model
from roadworthy.call.price import Price

KEY = "sk-proj-abcdefghijklmnop"
FREE = Price(input="0", output="0")


def found(name: str, **environ: str) -> Endpoint:
    """The endpoint of a model that costs nothing."""
    return find_endpoint(Model(name, price=FREE), environ, {})


def headers(endpoint: Endpoint) -> dict[str, str]:
    """The headers of a request to it."""
    return asyncio.run(endpoint.headers(b"{}"))


def test_openai_is_found_as_the_official_sdk_finds_it() -> None:
    """A team whose environment works with the SDK would have to set it up anew."""
    endpoint = found(
        "openai:gpt-5", OPENAI_API_KEY=f" {KEY}\n", OPENAI_ORG_ID="org-1", OPENAI_PROJECT_ID="proj-1"
    )
    assert endpoint.url == "https://api.openai.com/v1/chat/completions"
    assert endpoint.model_id == "gpt-5"
    assert headers(endpoint) == {
        "content-type": "application/json",
        "accept": "application/json",
        "authorization": f"Bearer {KEY}",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
    }


def test_a_compatible_server_needs_no_key_and_never_gets_openais() -> None:
    """A key would be sent to a server that it was not made for."""
    endpoint = found("llama3@http://localhost:11434/v1/", OPENAI_API_KEY=KEY, OPENAI_ORG_ID="org-1")
    assert endpoint.url == "http://localhost:11434/v1/chat/completions"
    assert endpoint.key is None
    assert "authorization" not in headers(endpoint)
    assert "openai-organization" not in headers(endpoint)
    assert found("m@https://h/v1", ROADWORTHY_API_KEY="other").key == Secret("other")


def test_a_key_may_be_in_a_file(tmp_path: Path) -> None:
    """A key that a secret store mounts as a file would have to be copied into the environment."""
    place = tmp_path / "key"
    place.write_text(f"{KEY}\n")
    assert found("openai:m", OPENAI_API_KEY_FILE=str(place)).key == Secret(KEY)
    place.write_text("  \n")
    with pytest.raises(WrongUse, match="is empty"):
        found("openai:m", OPENAI_API_KEY_FILE=str(place))
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(WrongUse, match="cannot be read"):
        found("openai:m", OPENAI_API_KEY_FILE=str(place))
    with pytest.raises(WrongUse, match="cannot be read"):
        found("openai:m", OPENAI_API_KEY_FILE=str(tmp_path / "none"))


def test_a_missing_key_names_its_variable() -> None:
    """The first request would come back with a 401 instead."""
    with pytest.raises(WrongUse, match="OPENAI_API_KEY_FILE"):
        found("openai:gpt-5")
    assert found("openai:gpt-5", OPENAI_BASE_URL="http://127.0.0.1:9/v1").key is None


@pytest.mark.parametrize("value", [f"{KEY}\nx-evil: 1", f"{KEY}\x00", f"{KEY}é"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(value: str) -> None:
    """A line break in a key would write a header of its own, or crash in the first call."""
    with pytest.raises(WrongUse) as refused:
        found("openai:m", OPENAI_API_KEY=value)
    assert KEY not in str(refused.value)


def test_no_key_is_shown_by_an_endpoint() -> None:
    """A key would reach a log with the first traceback."""
    endpoint = found("openai:m", OPENAI_API_KEY=KEY)
    for shown in (repr(endpoint), str(endpoint), endpoint.lane):
        assert KEY not in shown
        assert KEY[8:] not in shown


def test_lanes_are_apart_by_host_model_and_key() -> None:
    """One key that is throttled would pause another one's lane, or the other way round."""
    lanes = {
        found("openai:a", OPENAI_API_KEY="k1").lane,
        found("openai:b", OPENAI_API_KEY="k1").lane,
        found("openai:a", OPENAI_API_KEY="k2").lane,
        found("openai:a", OPENAI_API_KEY="k1", OPENAI_BASE_URL="https://other/v1").lane,
    }
    assert len(lanes) == 4
    assert found("openai:a", OPENAI_API_KEY="k1").lane in lanes


@pytest.mark.parametrize(
    "base",
    [
        "https://user:hunter2@h/v1",
        "https://h/v1?key=hunter2",
        "https://h/v1#hunter2",
        "https://h/v1/chat/completions",
        "ftp://h/v1",
        "h/v1",
        "http://[::1",
        "https://h:port/v1",
        "https://",
        "http://h/v1",
        "http://10.0.0.1/v1",
        "http://localhost.evil.com/v1",
        "http://127.0.0.1.evil.com/v1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(base: str) -> None:
    """A password would stand in the ledger, or a key go over the network unencrypted."""
    with pytest.raises(WrongUse) as refused:
        found("openai:m", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=base)
    assert "user:hunter2" not in str(refused.value)


def test_plain_http_is_a_decision() -> None:
    """A network that the team trusts could not be used, or an untrusted one by accident."""
    assert found("m@http://10.0.0.1/v1", ROADWORTHY_ALLOW_HTTP="1").url.startswith("http://10.0.0.1/")


@pytest.mark.parametrize(
    ("host", "true"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.evil.com", False),
        ("127.evil.com", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, *, true: bool) -> None:
    """A name that begins like this machine's would be trusted like it."""
    assert is_loopback(host) is true


def test_prices_come_from_the_model_then_the_app_then_the_list() -> None:
    """A price that the team set would be overruled, or an unknown one taken for zero."""
    mine, apps = Price(input="1", output="2"), Price(input="3", output="4")
    environ = {"OPENAI_API_KEY": KEY}
    assert find_endpoint(Model("openai:gpt-5", price=mine), environ, {"gpt-5": apps}).price == mine
    assert find_endpoint(Model("openai:gpt-5"), environ, {"gpt-5": apps}).price == apps
    assert find_endpoint(Model("openai:gpt-5"), environ, {"openai:gpt-5": apps}).price == apps
    assert find_endpoint(Model("openai:gpt-5"), environ, {}).price.input > 0
    with pytest.raises(WrongUse, match=r'prices=\{"llama3"'):
        find_endpoint(Model("llama3@https://h/v1"), {}, {})
