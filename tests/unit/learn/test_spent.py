"""Each use of delta is noted, or what was tested with it counts for nothing."""

from pathlib import Path

import pytest

from roadworthy import App, Function, Prompt
from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.states import Proof, proofs
from roadworthy.learn.lesson import AUDIT, Aim, Case, Lesson, Parted
from roadworthy.learn.threshold import Threshold
from roadworthy.run.teaching import note_use

AIM = Aim("feel", ("small",), True, 0.1)
LESSON = Lesson(None, Threshold(None, 0, 0, 1), 0, 1, 0, {}, 0)


def parted(key: str) -> Parted:
    """One label to test on."""
    return Parted((), (Case(key, AUDIT, 1.0, (), ("small",)),), AUDIT)


def test_two_who_learn_at_one_moment_do_not_share_one_use_of_delta(tmp_path: Path) -> None:
    """Two tests would be made at the price of one: what both promise may be wrong twice as often as is said."""
    app = App("spent", ledger=tmp_path / "spent.db")

    @app.step(models=[Function(str, usd_per_call="0", name="small")], max_error=0.1)
    def feel(note: dict[str, str]) -> Prompt[str]:
        return Prompt("?", note["text"])

    runtime = app.start()
    try:
        number = Proof(1, "", 0.02, "")
        note_use(runtime, feel, AIM, parted("a"), LESSON, number)
        note_use(runtime, feel, AIM, parted("a"), LESSON, number)
        with pytest.raises(LedgerUnavailable, match="again"):
            note_use(runtime, feel, AIM, parted("b"), LESSON, number)
        assert len(runtime.store.read(lambda tx: proofs(tx, "spent", "feel"))) == 1
    finally:
        runtime.store.close()
