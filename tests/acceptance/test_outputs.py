"""Where an output may go: nowhere that it would destroy an input, and nowhere that it cannot be written."""

from pathlib import Path

import pytest
from tests.acceptance.small import call, notes

LINES = notes("note 0", "note 1", "note 2")
TABLE = "id,text\n1,one\n2,two\n"


@pytest.fixture
def folder(folder: Path) -> Path:
    """An input by several names, and a table."""
    (folder / "own.jsonl").write_text(LINES)
    (folder / "own.csv").write_text(TABLE)
    (folder / "deep").mkdir()
    (folder / "hard.jsonl").hardlink_to(folder / "own.jsonl")
    (folder / "soft.jsonl").symlink_to("own.jsonl")
    return folder


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("own.jsonl", "own.jsonl"),
        ("own.csv", "own.csv"),
        ("own.jsonl", "deep/../own.jsonl"),
        ("own.jsonl", "hard.jsonl"),
        ("own.jsonl", "soft.jsonl"),
        ("soft.jsonl", "own.jsonl"),
    ],
)
def test_an_output_never_takes_the_place_of_its_input(folder: Path, given: str, output: str) -> None:
    """A run would destroy the only copy of its input without a word, and could not be repeated."""
    done = call(folder, "run", "app.py", given, "-o", output)
    assert done.returncode == 2, done.stdout
    assert "is the input itself" in done.stderr
    assert "Name another file" in done.stderr
    assert (folder / "own.jsonl").read_text() == LINES
    assert (folder / "own.csv").read_text() == TABLE
    assert not (folder / "paid").exists()


def test_an_output_never_takes_the_place_of_what_is_piped_in(folder: Path) -> None:
    """`run - -o own.jsonl < own.jsonl` would destroy its input as well."""
    words = ("run", "app.py", "-", "--job", "piped", "-o", "own.jsonl")
    done = call(folder, *words, said=folder / "own.jsonl")
    assert done.returncode == 2, done.stdout
    assert "is the input itself" in done.stderr
    assert (folder / "own.jsonl").read_text() == LINES
    assert not (folder / "paid").exists()


def test_an_output_does_not_lie_in_the_folder_that_is_read(folder: Path) -> None:
    """The output would take a document's place, or the next run would read it as one and count it as rejected."""
    (folder / "deep" / "a.md").write_text("# Note\n\nGlad.\n")
    done = call(folder, "run", "app.py", "deep", "-o", "deep/out.jsonl")
    assert done.returncode == 2, done.stdout
    assert "lies in the folder that is the input" in done.stderr
    assert [path.name for path in (folder / "deep").iterdir()] == ["a.md"]


def test_an_export_never_takes_the_place_of_an_input(folder: Path) -> None:
    """An export would destroy the input of a job that can then not be run again."""
    assert call(folder, "run", "app.py", "own.jsonl", "-o", "out.jsonl").returncode == 0
    done = call(folder, "export", "app.py", "-o", "hard.jsonl")
    assert done.returncode == 2, done.stdout
    assert f"is the input of the job '{folder / 'own.jsonl'}'" in done.stderr
    assert "Name another file" in done.stderr
    assert (folder / "hard.jsonl").read_text() == LINES
    assert call(folder, "export", "app.py", "-o", "out.jsonl").returncode == 0, (
        "an output may be written over"
    )


@pytest.mark.parametrize("output", ["/proc/out.jsonl", "deep.jsonl", f"{'x' * 240}.jsonl"])
def test_an_output_that_cannot_be_written_is_found_before_anything_is_paid(folder: Path, output: str) -> None:
    """A whole run would be paid before it is told that its output has no place."""
    (folder / "deep.jsonl").mkdir()
    done = call(folder, "run", "app.py", "own.jsonl", "-o", output)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "cannot be written" in done.stderr
    assert not (folder / "paid").exists()
    assert not list(folder.glob(".*part*")), "looking leaves nothing behind"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--no-wait",), "--no-wait goes with --batch"),
        (("--workers", "7"), "--workers goes with --engine"),
        (("--workers", "2"), "--workers goes with --engine"),
        (("--direct-after", "2"), "--direct-after goes with --batch"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(folder: Path, words: tuple[str, ...], told: str) -> None:
    """A run would ask at once and at full price, or in one process, while whoever started it believes otherwise."""
    done = call(folder, "run", "app.py", "own.jsonl", *words)
    assert done.returncode == 2, done.stdout
    assert told in done.stderr
    assert not (folder / "paid").exists()


@pytest.mark.parametrize(
    "command",
    [("gc",), ("forget",), ("backup",), ("work",), ("serve",), ("keys",), ("doctor",)],
    ids=lambda words: words[0],
)
def test_a_command_about_the_whole_app_does_not_take_an_entry(folder: Path, command: tuple[str, ...]) -> None:
    """Whoever sweeps one entry would sweep them all, and lose what they wanted to keep."""
    more = {"forget": ["a"], "backup": ["copy.db"], "keys": ["add", "ann"]}
    done = call(folder, *command, "app.py:own", *more.get(command[0], []))
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Name the app alone: app.py" in done.stderr
