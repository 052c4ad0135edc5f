"""An address that a key may be sent to."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from roadworthy._errors import WrongUse


def checked_base(base: str, environ: Mapping[str, str]) -> str:
    """A base URL without a slash at its end.

    Raises:
        WrongUse: it is none, holds a password or a query, or would send a key over a network unencrypted.
    """
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
    unencrypted = parts.scheme == "http" and not is_loopback(parts.hostname)
    if unencrypted and environ.get("ROADWORTHY_ALLOW_HTTP") != "1":
        raise WrongUse(
            f"The base URL {base!r} would send the key unencrypted. Use https, or set ROADWORTHY_ALLOW_HTTP=1 "
            "for a network that you trust."
        )
    return base.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name, without a port, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
