"""What people ruled on goes on, whatever the rulings on other records came to."""

from contextlib import closing
from functools import partial
from pathlib import Path

from pydantic import BaseModel
from tests.serve.conftest import Build
from tests.serve.counter import until

from roadworthy._settings import DEFAULTS
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import choose, rule
from roadworthy.keep.store import SqliteStore
from roadworthy.run.subject import subject_of

MANY = 101
HELD = ", max_error=0.1, audit_share=0.000001, hold_until_certified=True"


class Note(BaseModel):
    """A record as the app has it."""

    id: str
    text: str


def test_rulings_that_change_nothing_hold_up_no_later_one(file_build: Build) -> None:
    """Records that wait for something else would be worked on again at each look, and the hundred first starve all others."""
    counter = file_build({"what a day": "glad"}, "later")
    app = counter.folder / "shop.py"
    app.write_text(app.read_text().replace(', confidence="field:sure", review_below=0.5', HELD))
    counter.start()
    for number in range(MANY):
        asked = counter.call("POST", "/v1/records/feel", {"id": f"n{number}", "text": "what a day"})
        assert asked.json["waiting_for"] == "review", asked
    with closing(SqliteStore(Path(counter.ledger), DEFAULTS)) as store:
        ids = [record_id for (record_id,) in counter.ask("SELECT id FROM record ORDER BY id")]
        for record_id in ids[:-1]:
            pair = Doubt("feel", b"p" * 32, "gate", "which is right?", '{"a":1,"b":2}', about=b"o" * 32)
            store.write_now(partial(ask_person, record_id=record_id, doubt=pair))
        for (review_id,) in counter.ask("SELECT id FROM review"):
            assert store.write_now(partial(choose, review_id=review_id, ruling="neither", ruled_by="ann"))
        subject = subject_of("feel", Note(id=f"n{MANY - 1}", text="what a day"))
        doubt = Doubt("feel", subject, "doubt", "is it?", '{"mood":"glad","sure":0.9}')
        store.write_now(partial(ask_person, record_id=ids[-1], doubt=doubt))
        ((last,),) = counter.ask("SELECT max(id) FROM review")
        assert store.write_now(lambda tx: rule(tx, last, "right", None, "ann"))
    until(counter, f"n{MANY - 1}", "accepted")
