"""The student: trained, stored without code, and named by what it learned from."""

from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.learn.student import Guess, Recipe, Student, guess_of, out_of_fold, version_of

pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra `learn`)")

WORDS = {
    "billing": ["I was charged twice", "refund my payment", "the invoice is wrong", "charge on my card"],
    "access": ["I cannot log in", "password reset fails", "locked out of my account", "login code missing"],
    "shipping": ["where is my parcel", "the delivery is late", "package arrived broken", "track my parcel"],
}
TEXTS = [text for texts in WORDS.values() for text in texts]
LABELS = [label for label, texts in WORDS.items() for _ in texts]


def test_a_student_learns_is_stored_and_answers_the_same(tmp_path: Path) -> None:
    """What was certified would not be what answers after a restart."""
    student = Student.train(TEXTS, LABELS)
    asked = ["my payment was charged two times", "cannot login", "late parcel"]
    guesses = student.guess(asked)
    assert [guess.label for guess in guesses] == ["billing", "access", "shipping"]
    assert all(0 <= guess.next_chance <= guess.chance <= 1 for guess in guesses)
    student.save(tmp_path / "s.skops")
    again = Student.load(tmp_path / "s.skops")
    assert again.guess(asked) == guesses
    assert (again.version, again.labels, again.recipe) == (student.version, student.labels, student.recipe)
    assert [path.name for path in tmp_path.iterdir()] == ["s.skops"]
    assert student.guess([]) == []


def test_a_file_with_anything_else_in_it_is_refused(tmp_path: Path) -> None:
    """A student's file could run code when it is read."""
    skops = pytest.importorskip("skops.io", reason="skops is not installed (extra `learn`)")
    path = tmp_path / "evil.skops"
    path.write_bytes(skops.dumps({"format": 1, "pipeline": Guess("a", 1.0, 0.0)}))
    with pytest.raises(WrongUse, match="Guess"):
        Student.load(path)
    path.write_bytes(skops.dumps({"format": 0}))
    with pytest.raises(WrongUse, match="format"):
        Student.load(path)


def test_other_data_or_another_recipe_is_another_student() -> None:
    """A retrained student would inherit the old one's certificate."""
    names = {
        version_of(TEXTS, LABELS, Recipe()),
        version_of(TEXTS[::-1], LABELS[::-1], Recipe()),
        version_of(TEXTS, LABELS, Recipe(words=1)),
    }
    assert len(names) == 3
    assert Student.train(TEXTS, LABELS).version == version_of(TEXTS, LABELS, Recipe())


def test_equal_texts_are_never_their_own_teachers() -> None:
    """The tuning scores would be those of a student that has seen the answers."""
    texts = ["same words here"] * 4 + TEXTS
    labels = ["billing", "access", "billing", "access", *LABELS]
    guesses = out_of_fold(texts, labels, folds=3)
    assert len({(g.label, g.chance) for g in guesses[:4]}) == 1
    assert len(guesses) == len(texts)


def test_one_label_cannot_be_learned() -> None:
    """A student that can say only one thing would be trained, and seem sure."""
    with pytest.raises(WrongUse, match="two or more"):
        Student.train(["a", "b"], ["x", "x"])
    assert guess_of(["a"], [1.0]) == Guess("a", 1.0, 0.0)
