"""The public names are few and frozen."""

import roadworthy

NAMES = [
    "App",
    "Failed",
    "Fault",
    "Function",
    "Image",
    "Model",
    "Passage",
    "Passages",
    "Price",
    "Prompt",
    "Rejected",
    "Result",
    "Waiting",
]


def test_the_public_names_are_these() -> None:
    """A name would be added or lost without anybody deciding it."""
    assert sorted(roadworthy.__all__) == NAMES
    assert all(hasattr(roadworthy, name) for name in NAMES)
