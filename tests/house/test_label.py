"""Labels from a file or from standard input: each line is taken, or it is said what is wrong with it."""

import json

import pytest
from tests.house.conftest import Build
from tests.house.house import STEP, letter

LINES = (
    '{"key": "L1", "label": {"topic": "post", "sure": 1.0}}',
    "not json",
    '{"key": "L9", "label": 1}',
    '{"label": 3}',
    '{"key": "L1"}',
    '{"key": "L1", "correct": "maybe"}',
    '{"key": "L2", "correct": true}',
)
WRONG = (
    ("2", "not JSON", "Write each record as one JSON object on one line."),
    ("3", "no record has the key 'L9'", "Run the record first, or mend the key."),
    ("4", "the key field `key` gives None", "Give each record a key of its own."),
    ("5", "there is neither `label` nor `correct`", "Give the right answer as `label`, or `correct`"),
    ("6", "`correct` is 'maybe'", "Say true or false."),
    ("7", "'L2' has no answer that could be right or wrong", "Give the right answer as `label`."),
)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("place", ["labels.jsonl", "-"])
def test_each_line_of_labels_is_taken_or_told(build: Build, place: str) -> None:
    """Whoever pipes labels in would be told of a file called `-`, and whoever has wrong ones not what to do about them."""
    house = build([letter(1), letter(2)], {"L2": "?unsure"})
    house.json("run", STEP, "in.jsonl")
    said = "\n".join(LINES) + "\n"
    (house.folder / "labels.jsonl").write_text(said)
    done = house.call("label", STEP, place, said=said if place == "-" else "")
    assert done.stdout == f"1 labels taken, {len(WRONG)} lines left out\n", done.stderr
    assert done.returncode == 1
    name = "standard input" if place == "-" else "labels.jsonl"
    told = done.stderr.splitlines()
    assert len(told) == len(WRONG), told
    for line, (number, what, remedy) in zip(told, WRONG, strict=True):
        assert line.startswith(f"{name}, line {number}: {what}"), line
        assert remedy in line
    assert house.ask("SELECT key, source FROM label") == [("L1", name)]
    assert json.loads(house.call("label", STEP, place, "--json", said=said).stdout)["labels"] == 1
    nothing = house.call("label", STEP, "nothing.jsonl")
    assert (nothing.returncode, "nothing.jsonl does not exist" in nothing.stderr) == (2, True)


@pytest.mark.timeout(90)
def test_a_label_is_named_by_its_place_as_intake_names_it(file_build: Build) -> None:
    """Whoever gives an array on one line, or a table, would look for a line that is not there."""
    house = file_build([letter(1)])
    house.json("run", STEP, "in.jsonl")
    (house.folder / "labels.json").write_text(
        '[{"key": "L1", "label": "post"}, {"key": "L9", "label": "post"}]'
    )
    told = house.call("label", STEP, "labels.json").stderr
    assert told.startswith("labels.json, item 2: no record has the key 'L9'"), told
