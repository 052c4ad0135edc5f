"""Where a model is reached: its URL, key and price, found before the first paid request."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._secret import Secret
from roadworthy.call.auth import Auth
from roadworthy.call.model import Model
from roadworthy.call.price import Price, find_price
from roadworthy.call.provider import PROVIDERS, Place, find_compatible
from roadworthy.call.wire.wire import Wire


@quick(frozen=True, slots=True)
class Endpoint:
    """One model behind HTTP.

    Attributes:
        model_id: its name on the wire.
        url: where its requests are posted.
        key: what pays for them, where that is one key; None for none, or where requests are signed.
        lane: host, model and a fingerprint of who pays; holds no secret.
        fixed_headers: sent with every request; no secret.
        cuts_prompts: the server may cut a prompt that is too long and not say so.
    """

    model_id: str
    url: str
    key: Secret | None
    price: Price
    lane: str
    wire: Wire
    auth: Auth
    fixed_headers: Mapping[str, str]
    cuts_prompts: bool

    async def headers(self, body: bytes) -> dict[str, str]:
        """The headers of one request.

        Raises:
            NotAuthorized: no token could be had.
        """
        return {**self.fixed_headers, **await self.auth.headers(self.url, body)}


def find_endpoint(model: Model, environ: Mapping[str, str], prices: Mapping[str, Price]) -> Endpoint:
    """The endpoint of a model: `PROVIDER:NAME` by the table of providers, or `NAME@URL` for a compatible server.

    `NAME@URL` reads ROADWORTHY_API_KEY (or ..._FILE) where one is set; a server of your own often needs none.

    Raises:
        WrongUse: no key, no price, or an address that cannot be used.
    """
    prefix, _, model_id = model.name.partition(":")
    provider = None if "@http" in model.name else PROVIDERS.get(prefix)
    if provider is None:
        model_id, _, base = model.name.partition("@")
        place = find_compatible(base, environ)
    else:
        place = provider.find(model_id, environ)
    price = model.price or prices.get(model.name) or prices.get(model_id)
    if price is None:
        price = _listed_price(prefix, model_id, provider.lists if provider else ())
    return _endpoint(model, model_id, place, price)


def _listed_price(prefix: str, model_id: str, lists: tuple[str, ...]) -> Price:
    if not lists:
        raise WrongUse(
            f"The price of {model_id} is not known. Say it, 0 if it is free: "
            f'App(..., prices={{"{model_id}": Price(input="0", output="0")}}).'
        )
    return find_price(prefix, model_id, lists=lists)


def _endpoint(model: Model, model_id: str, place: Place, price: Price) -> Endpoint:
    fixed = {"content-type": "application/json", "accept": "application/json"}
    host = urlsplit(place.base).netloc
    return Endpoint(
        model_id=model_id,
        url=place.wire.url(place.base, model_id, stream=model.stream),
        key=place.key,
        price=price,
        lane="/".join(filter(None, (host, model_id, place.auth.fingerprint))),
        wire=place.wire,
        auth=place.auth,
        fixed_headers={**fixed, **place.headers, **place.wire.headers(model)},
        cuts_prompts=place.cuts_prompts,
    )
