"""The audit coin: drawn by a secret, so that nobody who submits a record can know which answer is checked."""

from __future__ import annotations

import hashlib
import hmac

from roadworthy._secret import Secret

SPAN = 1 << 64


def coin(secret: Secret, key: str, policy_version: str) -> float:
    """A number in [0, 1) for this record under this policy; the same whenever it is asked for.

    HMAC-SHA256 (RFC 2104) of the length of the key, the key and the version; its first 64 bits are the number.
    Assumes: the secret is not known to anyone who chooses records or answers, and does not depend on them. Then the
    coin is independent of whether the answer is right, which is the one assumption of the certificate.
    """
    name = key.encode("utf-8", "surrogatepass")
    message = len(name).to_bytes(8, "big") + name + policy_version.encode("utf-8", "surrogatepass")
    digest = hmac.new(secret.reveal().encode(), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / SPAN


def is_audited(secret: Secret, key: str, policy_version: str, share: float) -> bool:
    """Whether a person checks this accepted answer, when a `share` of them is checked.

    Store the share beside the answer before any label exists.
    """
    if not 0 < share <= 1:
        raise ValueError(f"The audit share is {share!r}. Give a share above 0, up to 1.")
    return coin(secret, key, policy_version) < share
