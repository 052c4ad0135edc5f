"""How a request shows who pays for it: a key in a header, a signature, or a token that is renewed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._secret import Secret

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from google.auth.credentials import Credentials as GoogleCredentials

_CLOUD = "https://www.googleapis.com/auth/cloud-platform"


class NotAuthorized(Exception):
    """No token could be had, so that nothing was sent.

    Attributes:
        passing: a later try may get one.
    """

    def __init__(self, words: str, *, passing: bool) -> None:
        super().__init__(words)
        self.passing = passing


class Auth(Protocol):
    """Who pays. Shows no secret but in the headers it makes."""

    @property
    def fingerprint(self) -> str:
        """What tells one account from another in a lane's name; "" where there is none."""

    async def headers(self, url: str, body: bytes) -> Mapping[str, str]:
        """The headers of one request.

        Raises:
            NotAuthorized: no token could be had.
        """


@quick(frozen=True, slots=True)
class KeyInHeader:
    """A key in a header.

    Args:
        key: None for a server that wants none.
        header: its name, lower case.
        scheme: what stands before the key.
    """

    key: Secret | None
    header: str = "authorization"
    scheme: str = "Bearer "

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of the key's hash."""
        return "" if self.key is None else hashlib.sha256(self.key.reveal().encode()).hexdigest()[:8]

    async def headers(self, url: str, body: bytes) -> Mapping[str, str]:
        """The one place where the key is revealed."""
        del url, body
        return {} if self.key is None else {self.header: f"{self.scheme}{self.key.reveal()}"}


class AwsSignature:
    """Signature version 4, made by botocore (the extra `bedrock`).

    Args:
        environ: AWS_ACCESS_KEY_ID and its companions; without them botocore looks where the AWS tools look.

    Raises:
        WrongUse: botocore is not installed, or there are no credentials.
    """

    def __init__(self, environ: Mapping[str, str], region: str) -> None:
        try:
            from botocore.auth import SigV4Auth  # noqa: PLC0415 - heavy, and an extra
            from botocore.credentials import Credentials  # noqa: PLC0415 - as above
            from botocore.session import get_session  # noqa: PLC0415 - as above
        except ImportError as error:
            raise WrongUse(
                'Bedrock signs its requests with botocore, which is not installed. Run pip install "roadworthy[bedrock]", '
                "or set AWS_BEARER_TOKEN_BEDROCK to a Bedrock API key."
            ) from error
        found: Credentials | None
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            found = Credentials(
                environ["AWS_ACCESS_KEY_ID"],
                environ["AWS_SECRET_ACCESS_KEY"],
                environ.get("AWS_SESSION_TOKEN"),
            )
        else:
            found = get_session().get_credentials()
        if found is None:
            raise WrongUse(
                "There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or "
                "AWS_BEARER_TOKEN_BEDROCK."
            )
        self._credentials = found
        self._region = region
        self._signer = SigV4Auth

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of the access key id's hash."""
        name = self._credentials.get_frozen_credentials().access_key or ""
        return hashlib.sha256(name.encode()).hexdigest()[:8]

    async def headers(self, url: str, body: bytes) -> Mapping[str, str]:
        """Sign this very request, now. Credentials that run out are renewed by botocore, off the event loop."""
        return await asyncio.to_thread(self._sign, url, body)

    def _sign(self, url: str, body: bytes) -> Mapping[str, str]:
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - heavy, and an extra
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above

        request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=body)
        try:
            frozen = self._credentials.get_frozen_credentials()
            self._signer(frozen, "bedrock", self._region).add_auth(request)
        except BotoCoreError as error:
            raise NotAuthorized(f"the AWS credentials cannot be renewed: {error}", passing=True) from error
        return {name.lower(): value for name, value in request.headers.items()}


class GoogleToken:
    """An access token that google-auth gets and renews (the extra `vertex`).

    Args:
        environ: GOOGLE_APPLICATION_CREDENTIALS names a file; without it google-auth looks where Google's tools look.

    Raises:
        WrongUse: google-auth is not installed, or there are no credentials.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        try:
            import google.auth  # noqa: PLC0415 - heavy, and an extra
            from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - as above
            from google.oauth2.service_account import Credentials  # noqa: PLC0415 - as above
        except ImportError as error:
            raise WrongUse(
                'Vertex wants tokens from google-auth, which is not installed. Run pip install "roadworthy[vertex]".'
            ) from error
        place = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
        try:
            if place and _is_service_account(Path(place)):
                found = Credentials.from_service_account_file(place, scopes=[_CLOUD])
                project = found.project_id
            else:
                found, project = google.auth.default(scopes=[_CLOUD])
        except (GoogleAuthError, OSError, ValueError) as error:
            raise WrongUse(
                f"There are no Google credentials: {error} Set GOOGLE_APPLICATION_CREDENTIALS to a file that holds them."
            ) from error
        self._credentials: GoogleCredentials = found
        self._renewing = asyncio.Lock()
        self.project: str = project or ""

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of the account's hash."""
        name = str(getattr(self._credentials, "service_account_email", "") or self.project)
        return hashlib.sha256(name.encode()).hexdigest()[:8]

    async def headers(self, url: str, body: bytes) -> Mapping[str, str]:
        """A token that is still good; one request renews it for all."""
        del url, body
        async with self._renewing:
            if not self._credentials.valid:
                await asyncio.to_thread(self._renew)
        return {"authorization": f"Bearer {self._credentials.token}"}

    def _renew(self) -> None:
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415 - heavy, and an extra
        from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

        try:
            self._credentials.refresh(Request())
        except GoogleAuthError as error:
            passing = isinstance(error, TransportError) or bool(getattr(error, "retryable", False))
            raise NotAuthorized(f"Google gives no token: {error}", passing=passing) from error


def _is_service_account(place: Path) -> bool:
    """What google-auth calls the safe way to load a file: by the kind that it says it is."""
    said = orjson.loads(place.read_bytes())
    return isinstance(said, dict) and said.get("type") == "service_account"
