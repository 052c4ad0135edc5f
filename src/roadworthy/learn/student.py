"""The student: a small local model for closed-set answers, trained on labels and kept answers. Extra `learn`.

Words and pieces of words are hashed, weighted, and given to a logistic regression. It is stored with skops, which
holds numbers and names of classes and runs no code; the names are checked against a list before anything is loaded.
It promises nothing by itself: it joins the ladder when labels newer than its training certify it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadworthy._errors import WrongUse
from roadworthy._quick import quick

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMAT = 1  # of what the pipeline is made of; a change makes old files unreadable on purpose
# What a student's file may hold beside what skops trusts by itself.
TRUSTED: frozenset[str] = frozenset()
MISSING = "The student needs scikit-learn, scipy and skops: pip install 'roadworthy[learn]'."


@quick(frozen=True, slots=True)
class Recipe:
    """How a student is made.

    Attributes:
        penalty: of the logistic regression (`alpha` of scikit-learn's SGDClassifier).
        words: longest run of words that is hashed.
        letters: longest run of letters inside a word that is hashed; 0 leaves letters out.
        columns: of the hashed table, as a power of two.
        passes: over ten thousand texts; half as many texts or fewer are passed over twice as often.
        seed: of the folds and of the order of learning.
    """

    penalty: float = 1e-5
    words: int = 2
    letters: int = 4
    columns: int = 18
    passes: int = 12
    seed: int = 0


@quick(frozen=True, slots=True)
class Guess:
    """What a student says of one text: the label, its chance, and the chance of the next best."""

    label: str
    chance: float
    next_chance: float


class Student:
    """A trained student. `train` or `load` makes one.

    Attributes:
        labels: that it can say, sorted.
        version: hash of the training data and the recipe; a retrained one is another student.
    """

    def __init__(self, pipeline: Pipeline, recipe: Recipe, labels: Sequence[str], version: str) -> None:
        self.labels = tuple(labels)
        self.recipe = recipe
        self.version = version
        self._pipeline = pipeline

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[str], recipe: Recipe | None = None) -> Student:
        """A student of these texts.

        Raises:
            WrongUse: fewer than two different labels, or scikit-learn is not installed.
        """
        recipe = recipe or Recipe()
        if len(texts) != len(labels) or len(set(labels)) < 2:
            raise WrongUse(
                f"{len(texts)} texts with {len(set(labels))} different labels cannot train a student. Give two or more."
            )
        pipeline = _pipeline(recipe, len(texts)).fit(list(texts), list(labels))
        return cls(pipeline, recipe, [str(x) for x in pipeline.classes_], version_of(texts, labels, recipe))

    def chances(self, texts: Sequence[str]) -> list[list[float]]:
        """For each text the chance of each of `labels`."""
        if not texts:
            return []
        table: list[list[float]] = self._pipeline.predict_proba(list(texts)).tolist()
        return table

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """The most likely label of each text."""
        return [guess_of(self.labels, row) for row in self.chances(texts)]

    def to_bytes(self) -> bytes:
        """It as a file's contents."""
        dump: bytes = _skops().dumps({"format": FORMAT, "recipe": asdict(self.recipe), "labels": list(self.labels),
                               "version": self.version, "pipeline": self._pipeline})  # fmt: skip
        return dump

    def save(self, path: Path) -> None:
        """Write it; atomically, so that a reader sees the old file or the new one."""
        dump = self.to_bytes()
        part = path.with_name(path.name + ".part")
        part.write_bytes(dump)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Student:
        """Read one; refuses a file that holds any class it does not need.

        Raises:
            WrongUse: the file holds something else, or is of another format.
        """
        return cls.from_bytes(path.read_bytes(), str(path))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "The kept student") -> Student:
        """Read one that was kept; refuses as `load` does.

        Raises:
            WrongUse: it holds something else, or is of another format.
        """
        skops = _skops()
        strange = sorted(set(skops.get_untrusted_types(data=data)) - TRUSTED)
        if strange:
            raise WrongUse(f"{name} holds {', '.join(strange)}, which no student needs. Train a new one.")
        held = skops.loads(data, trusted=sorted(TRUSTED))
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            raise WrongUse(f"{name} is not a student of format {FORMAT}. Train a new one.")
        return cls(held["pipeline"], Recipe(**held["recipe"]), held["labels"], held["version"])


def out_of_fold(
    texts: Sequence[str], labels: Sequence[str], recipe: Recipe | None = None, folds: int = 5
) -> list[Guess]:
    """What students say of texts they were not trained on: the honest scores to tune a threshold with.

    Equal texts stand in one fold, so that none is its own teacher.
    """
    recipe = recipe or Recipe()
    place = [_fold(text, recipe.seed, folds) for text in texts]
    found: dict[int, Guess] = {}
    for fold in range(folds):
        inside = [i for i, p in enumerate(place) if p != fold]
        outside = [i for i, p in enumerate(place) if p == fold]
        if outside:
            student = Student.train([texts[i] for i in inside], [labels[i] for i in inside], recipe)
            found.update(zip(outside, student.guess([texts[i] for i in outside]), strict=True))
    return [found[i] for i in range(len(texts))]


def guess_of(labels: Sequence[str], chances: Sequence[float]) -> Guess:
    """The best label of a row of chances."""
    best = max(range(len(labels)), key=lambda index: chances[index])
    others = (chance for index, chance in enumerate(chances) if index != best)
    return Guess(labels[best], chances[best], max(others, default=0.0))


def version_of(texts: Sequence[str], labels: Sequence[str], recipe: Recipe) -> str:
    """Names a student: the first 16 hex digits of a hash of what it learned from, in order, and how."""
    digest = hashlib.sha256(json.dumps([FORMAT, asdict(recipe)]).encode())
    for text, label in zip(texts, labels, strict=True):
        digest.update(json.dumps([text, label]).encode() + b"\n")
    return digest.hexdigest()[:16]


def _fold(text: str, seed: int, folds: int) -> int:
    digest = hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % folds


def _pipeline(recipe: Recipe, texts: int) -> Any:
    try:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer  # noqa: PLC0415 - heavy
        from sklearn.feature_selection import VarianceThreshold  # noqa: PLC0415 - heavy
        from sklearn.linear_model import SGDClassifier  # noqa: PLC0415 - heavy
        from sklearn.pipeline import make_pipeline, make_union  # noqa: PLC0415 - heavy
    except ImportError as missing:
        raise WrongUse(MISSING) from missing
    columns, kinds = 2**recipe.columns, []
    passes = round(recipe.passes * min(2.0, max(1.0, 10_000 / texts)))
    hashed = {"n_features": columns, "alternate_sign": False, "norm": None}
    kinds.append(HashingVectorizer(analyzer="word", ngram_range=(1, recipe.words), **hashed))
    if recipe.letters:
        kinds.append(HashingVectorizer(analyzer="char_wb", ngram_range=(2, recipe.letters), **hashed))
    return make_pipeline(
        make_union(*kinds),
        TfidfTransformer(sublinear_tf=True),
        VarianceThreshold(),  # drops the columns no training text fell into
        # one against the rest, by stochastic gradient: ten times faster than a joint fit, half a point less right
        SGDClassifier(
            loss="log_loss", alpha=recipe.penalty, max_iter=passes, tol=None, random_state=recipe.seed
        ),
    )


def _skops() -> Any:
    try:
        import skops.io  # noqa: PLC0415 - heavy
    except ImportError as missing:
        raise WrongUse(MISSING) from missing
    return skops.io
