"""Several services on one ledger: what one of them does, the others leave alone."""

import time

from tests.serve.conftest import Build
from tests.serve.counter import Counter, until

RECORDS = 6
PAYS = """
@app.once
async def pay(note_id: str) -> str:
    with open("paid.txt", "a") as file:
        file.write(note_id + "\\n")
    await asyncio.sleep(0.5)
    return "paid"

@app.workflow
async def claim(note: Note) -> Mood:
    mood = await feel(note)
    await app.approval("Pay this?", mood)
    await pay(note.id)
    return mood
"""


def test_what_a_person_approved_is_done_by_one_service_alone(build: Build) -> None:
    """Two services on one ledger would each go on with what a person ruled on, and pay twice what is to be paid once."""
    counter = build({"what a day": "glad"}, "later")
    app = counter.folder / "shop.py"
    app.write_text("import asyncio\n" + app.read_text() + PAYS)
    counter.start()
    other = Counter(counter.folder, counter.ledger, counter.sim)
    other.start()
    try:
        keys = [f"n{number}" for number in range(RECORDS)]
        for key in keys:
            asked = counter.call("POST", "/v1/records/claim", {"id": key, "text": "what a day"})
            assert asked.json["waiting_for"] == "review"
        for key in keys:
            counter.call("POST", f"/v1/records/{key}/feedback", {"ruling": "right"})
        for key in keys:
            until(counter, key, "accepted")
        time.sleep(0.5)  # whoever began later would be at it still
    finally:
        other.stop()
    assert sorted((counter.folder / "paid.txt").read_text().split()) == keys
