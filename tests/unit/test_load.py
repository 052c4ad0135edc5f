"""An app's file is run as it stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.run.load import load

APP = 'from roadworthy import App\n\napp = App("{name}")\n'


def test_an_edit_within_the_same_second_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of the same length would run as the old file did, with its old promise and prompt."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    place = tmp_path / "shop.py"
    for name in ("one", "two"):
        place.write_text(APP.format(name=name))
        os.utime(place, (1_700_000_000, 1_700_000_000))
        assert load(str(place)).app.name == name


def test_nothing_is_written_beside_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may only be read, or is watched, would hold what nobody put there."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    place = tmp_path / "shop.py"
    place.write_text(APP.format(name="one"))
    load(str(place))
    assert [path.name for path in tmp_path.iterdir()] == ["shop.py"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("poc.py", r"'poc\.py' holds no app\..*app = App\('name'\).*roadworthy vet poc\.py:FUNCTION"),
        ("poc.py:sort", r"'poc\.py' holds no app\..*roadworthy vet poc\.py:FUNCTION"),
        ("poc.py:srot", r"'poc\.py' holds no app, and nothing is called 'srot' there\."),
    ],
)
def test_a_file_without_an_app_is_told_what_it_can_be_used_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    """Who mistypes the name of a function that is to be vetted would be sent to declare an app."""
    monkeypatch.chdir(tmp_path)
    Path("poc.py").write_text("def sort(mail):\n    return mail\n")
    with pytest.raises(WrongUse, match=said):
        load(target)
