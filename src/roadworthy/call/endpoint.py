"""Where a model is reached: its URL, key and price, found before the first paid request."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from roadworthy._errors import WrongUse
from roadworthy._secret import Secret
from roadworthy.call.model import Model
from roadworthy.call.price import Price, find_price

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model behind HTTP.

    Attributes:
        model_id: its name on the wire.
        url: where chat completions are posted.
        lane: provider, host, model and a fingerprint of the key; holds no secret.
        is_openai: whether OpenAI's own fields are spoken, or those that compatible servers know.
    """

    model_id: str
    url: str
    key: Secret | None
    price: Price
    lane: str
    is_openai: bool
    organization: str = ""
    project: str = ""

    def headers(self) -> dict[str, str]:
        """The headers of a request; the one place where the key is revealed."""
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.key is not None:
            headers["authorization"] = f"Bearer {self.key.reveal()}"
        if self.organization:
            headers["openai-organization"] = self.organization
        if self.project:
            headers["openai-project"] = self.project
        return headers


def find_endpoint(model: Model, environ: Mapping[str, str], prices: Mapping[str, Price]) -> Endpoint:
    """The endpoint of a model.

    `openai:NAME` reads OPENAI_API_KEY (or OPENAI_API_KEY_FILE), OPENAI_BASE_URL, OPENAI_ORG_ID and
    OPENAI_PROJECT_ID, as the official SDK does. `NAME@URL` reads ROADWORTHY_API_KEY (or ..._FILE) where one is
    set; a server of your own often needs none.

    Raises:
        WrongUse: no key, no price, or an address that cannot be used.
    """
    if model.name.startswith("openai:"):
        model_id = model.name.removeprefix("openai:")
        base = environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
        key = read_key("OPENAI_API_KEY", environ)
        host = _host(base, environ)
        if key is None and not is_loopback(urlsplit(base).hostname or ""):
            raise WrongUse(
                f"{model.name} needs a key. Set OPENAI_API_KEY, or OPENAI_API_KEY_FILE to a file that holds it."
            )
        price = (
            model.price or prices.get(model.name) or prices.get(model_id) or find_price("openai", model_id)
        )
        organization = _in_header("OPENAI_ORG_ID", environ.get("OPENAI_ORG_ID", "").strip())
        project = _in_header("OPENAI_PROJECT_ID", environ.get("OPENAI_PROJECT_ID", "").strip())
    else:
        model_id, _, base = model.name.partition("@")
        key = read_key("ROADWORTHY_API_KEY", environ)
        host = _host(base, environ)
        found = model.price or prices.get(model.name) or prices.get(model_id)
        if found is None:
            raise WrongUse(
                f"The price of {model.name} is not known. Say it, 0 if it is free: "
                f'App(..., prices={{"{model_id}": Price(input="0", output="0")}}).'
            )
        price, organization, project = found, "", ""
    fingerprint = "" if key is None else hashlib.sha256(key.reveal().encode()).hexdigest()[:8]
    return Endpoint(
        model_id=model_id,
        url=base.rstrip("/") + "/chat/completions",
        key=key,
        price=price,
        lane="/".join(filter(None, (host, model_id, fingerprint))),
        is_openai=model.name.startswith("openai:"),
        organization=organization,
        project=project,
    )


def read_key(name: str, environ: Mapping[str, str]) -> Secret | None:
    """The key in variable `name`, or in the file that `<name>_FILE` names; None where neither is set.

    Raises:
        WrongUse: the file cannot be read or is empty, or what is set cannot be a key.
    """
    if value := environ.get(name, "").strip():
        return Secret(_in_header(name, value))
    if not (place := environ.get(f"{name}_FILE", "").strip()):
        return None
    try:
        value = Path(place).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{name}_FILE names {place!r}, which cannot be read: {error}.") from error
    if not value:
        raise WrongUse(f"{name}_FILE names {place!r}, which is empty.")
    return Secret(_in_header(f"{name}_FILE", value), place)


def _in_header(name: str, value: str) -> str:
    """A value that can stand in a header (RFC 9110 section 5.5); it is not shown where it cannot."""
    if value and not (value.isascii() and value.isprintable()):
        raise WrongUse(f"{name} holds a line break or a character that no key has. Set it again.")
    return value


def _host(base: str, environ: Mapping[str, str]) -> str:
    try:
        parts = urlsplit(base)
        _ = parts.port
    except ValueError:  # its words may quote a password
        raise WrongUse("The base URL is not one. Write it as https://host/v1.") from None
    if parts.username or parts.password:
        raise WrongUse(
            f"The base URL for {parts.hostname!r} holds a password. Put the key in its variable instead."
        )
    if parts.query or parts.fragment or parts.path.endswith("/chat/completions"):
        raise WrongUse(
            f"The base URL {base!r} is too long. Write it as https://host/v1, and nothing behind it."
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WrongUse(f"The base URL {base!r} is not one. Write it as https://host/v1.")
    if (
        parts.scheme == "http"
        and not is_loopback(parts.hostname)
        and environ.get("ROADWORTHY_ALLOW_HTTP") != "1"
    ):
        raise WrongUse(
            f"The base URL {base!r} would send the key unencrypted. Use https, or set ROADWORTHY_ALLOW_HTTP=1 "
            "for a network that you trust."
        )
    return parts.netloc


def is_loopback(host: str) -> bool:
    """Whether a host name, without a port, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
