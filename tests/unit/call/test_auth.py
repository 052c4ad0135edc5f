"""Who pays: signatures that AWS would accept, and tokens that are fetched once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from urllib.parse import quote, urlsplit

import pytest

from roadworthy._errors import WrongUse
from roadworthy._secret import Secret
from roadworthy.call.auth import AwsSignature, KeyInHeader

REASON = "install the group sdks: make sdks"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse"
BODY = b'{"messages":[]}'


def expected(headers: dict[str, str], url: str, body: bytes, secret: str) -> str:
    """Signature version 4, worked out from AWS's own description of it (docs.aws.amazon.com, "Create a signed request")."""
    scope = headers["authorization"].partition("Credential=")[2].partition(",")[0].split("/")[1:]
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    parts = urlsplit(url)
    there = {**headers, "host": parts.netloc}
    canonical = "\n".join(
        [
            "POST",
            quote(parts.path, safe="/~"),
            parts.query,
            *(f"{name}:{there[name].strip()}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            headers["x-amz-date"],
            "/".join(scope),
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("token", ["", "a-session"])
def test_a_request_is_signed_as_aws_describes_it(token: str) -> None:
    """Bedrock would refuse every request, or accept one whose body was changed on its way."""
    pytest.importorskip("botocore", reason=REASON)
    environ = {**KEYS, "AWS_SESSION_TOKEN": token} if token else KEYS
    auth = AwsSignature(environ, "us-east-1")
    headers = dict(asyncio.run(auth.headers(URL, BODY)))
    signature = headers["authorization"].partition("Signature=")[2]
    assert signature == expected(headers, URL, BODY, KEYS["AWS_SECRET_ACCESS_KEY"])
    assert signature != expected(headers, URL, BODY + b" ", KEYS["AWS_SECRET_ACCESS_KEY"])
    assert headers.get("x-amz-security-token", "") == token
    assert "/us-east-1/bedrock/aws4_request" in headers["authorization"]
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in "".join(headers.values())
    assert "AKID" not in auth.fingerprint


def test_credentials_that_are_nowhere_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request would fail instead of the start of the run."""
    pytest.importorskip("botocore", reason=REASON)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(WrongUse, match="AWS_BEARER_TOKEN_BEDROCK"):
        AwsSignature({}, "us-east-1")


def test_a_key_goes_where_its_provider_wants_it() -> None:
    """A key would be sent in a header that its provider does not read, or where there is none to send."""
    key = Secret("sk-1")
    assert asyncio.run(KeyInHeader(key).headers("", b"")) == {"authorization": "Bearer sk-1"}
    assert asyncio.run(KeyInHeader(key, "api-key", "").headers("", b"")) == {"api-key": "sk-1"}
    assert asyncio.run(KeyInHeader(None).headers("", b"")) == {}
    assert KeyInHeader(None).fingerprint == ""
    assert "sk-1" not in repr(KeyInHeader(key))
