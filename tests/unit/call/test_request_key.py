"""The identity of a request: the same for ever, and no other request's."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from roadworthy.call.rung import request_key


def test_the_keys_of_old_ledgers_are_made_again() -> None:
    """Every reply that was ever bought would be bought a second time."""
    first = request_key("demo", "openai:gpt-5-nano", b'{"model":"gpt-5-nano"}', 0)
    other = request_key("demo/é", "openai:gpt-5-nano", b"", 1_002)
    assert first.hex() == "3dc06d3fb6bee20dad637c4cf7581ee911d51c0c12fc0676c18a4423698f19f5"
    assert other.hex() == "07fa527131002cf759da6177db952b26c62ca33c1a7557cfb00d2cc3f43f4678"


@given(st.text(), st.text(), st.binary(), st.integers(0, 10_000))
def test_each_part_is_hashed_with_its_length(namespace: str, model: str, body: bytes, sample: int) -> None:
    """Two requests whose parts run into one another would share a reply."""
    parts = (namespace.encode(), model.encode(), str(sample).encode(), body)
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert request_key(namespace, model, body, sample) == hashlib.sha256(text).digest()
