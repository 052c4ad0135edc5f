"""Records over HTTP: one outcome each, found again, never bought twice, never lost."""

import json
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urljoin

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter, lines, until

from roadworthy.serve.console.page import place

GLAD = {"id": "n1", "text": "what a day"}
MOODS = {"what a day": "glad", "hm": "?sad", "oh no": "sad"}


def test_a_record_is_answered_and_found_again(build: Build) -> None:
    """A caller would get no outcome, another one than the ledger holds, or would pay for the same record twice."""
    counter = build(MOODS)
    first = counter.call("POST", "/v1/records/feel", GLAD)
    assert first.status == 200, first.body
    assert (first.json["outcome"], first.json["value"]["mood"], first.json["attempts"]) == (
        "accepted",
        "glad",
        1,
    )
    again = counter.call("POST", "/v1/records/feel", GLAD)
    assert (again.status, again.json) == (200, first.json)
    assert counter.call("GET", first.headers["location"]).json == first.json
    assert len(counter.sim.requests()) == 1
    assert counter.call("GET", "/v1/records/nobody").status == 404


def test_a_token_names_one_record(build: Build) -> None:
    """A caller that sends again after a lost response would pay twice, or get another record's answer."""
    counter = build(MOODS)
    first = counter.call("POST", "/v1/records/feel", GLAD, Idempotency_Key="k1")
    again = counter.call("POST", "/v1/records/feel", GLAD, Idempotency_Key="k1")
    other = counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "oh no"}, Idempotency_Key="k1")
    assert (first.status, again.json, other.status) == (200, first.json, 409)
    assert counter.ask("SELECT count(*) FROM record") == [(1,)]


def test_what_cannot_be_used_is_told_and_costs_nothing(file_build: Build) -> None:
    """A wrong request would cost money, or answer with a stack trace."""
    counter = file_build(MOODS)
    told = {
        "no such step": counter.call("POST", "/v1/records/nothing", GLAD).status,
        "a field is missing": counter.call("POST", "/v1/records/feel", {"id": "n1"}).status,
        "not JSON": counter.call(
            "POST", "/v1/records/feel", raw=b"{", Content_Type="application/json"
        ).status,
        "a name twice": counter.call(
            "POST", "/v1/records/feel", raw=b'{"id":"1","id":"2","text":"x"}', Content_Type="application/json"
        ).status,
        "not UTF-8": counter.call(
            "POST", "/v1/records/feel", raw=b'"\xff"', Content_Type="application/json"
        ).status,
        "not called JSON": counter.call(
            "POST", "/v1/records/feel", raw=b"{}", Content_Type="text/plain"
        ).status,
    }
    assert told == {
        "no such step": 404,
        "a field is missing": 422,
        "not JSON": 400,
        "a name twice": 400,
        "not UTF-8": 400,
        "not called JSON": 415,
    }
    assert len(counter.sim.requests()) == 0


def test_a_doubtful_record_waits_for_feedback_and_goes_on(build: Build) -> None:
    """A person's ruling over HTTP would not become the record's result, or an invalid correction would pass."""
    counter = build(MOODS)
    doubtful = {"id": "n3", "text": "hm"}
    waits = counter.call("POST", "/v1/records/feel", doubtful)
    assert (waits.status, waits.json["outcome"], waits.json["waiting_for"]) == (202, "waiting", "review")
    wrong = {"ruling": "wrong", "answer": {"mood": 7}}
    assert counter.call("POST", "/v1/records/n3/feedback", wrong).status == 422
    done = counter.call("POST", "/v1/records/n3/feedback", {"ruling": "wrong", "answer": {"mood": "glad"}})
    assert done.status == 200, done.body
    assert until(counter, "n3", "accepted")["value"] == {"mood": "glad", "sure": 0.9}
    twice = counter.call("POST", "/v1/records/twice", {"id": "n4", "text": "hm"})
    assert twice.json["waiting_for"] == "review"
    counter.call("POST", "/v1/records/n4/feedback", {"ruling": "right"})
    assert until(counter, "n4", "accepted")["value"] == {"mood": "sad", "sure": 0.2}


def test_an_answer_that_fails_its_checks_is_not_right_over_http_and_in_the_browser(build: Build) -> None:
    """A caller's or a reviewer's word would make a failed record, and a label, of an answer that no check lets out."""
    counter = build({"hm": "sad", "what a day": "glad"}, "later")
    check = '\n@feel.check\ndef is_glad(answer: Mood, note: Note) -> None:\n    assert answer.mood != "sad", "nobody is sad"\n\n'
    app = counter.folder / "shop.py"
    app.write_text(app.read_text().replace("@app.workflow", check + "@app.workflow"))
    counter.start()
    assert (
        counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"}).json["waiting_for"] == "review"
    )
    told = counter.call("POST", "/v1/records/n1/feedback", {"ruling": "right"})
    assert (told.status, "nobody is sad (check is_glad)" in told.json["detail"]) == (422, True)
    page = counter.call("GET", "/desk").body.decode()
    own, place = re.search(r'name="token" value="([^"]+)"', page), re.search(r'action="(/desk/\d+)"', page)
    assert own is not None
    assert place is not None
    form = urlencode({"token": own[1], "ruling": "right"}).encode()
    shown = counter.call("POST", place[1], raw=form, Content_Type="application/x-www-form-urlencoded")
    assert (shown.status, b"nobody is sad (check is_glad)" in shown.body) == (422, True)
    assert counter.ask("SELECT ruling FROM review") == [(None,)]
    assert counter.ask("SELECT count(*) FROM label") == [(0,)]
    assert counter.call("POST", "/v1/records/n1/feedback", {"ruling": "reject"}).status == 200


def test_feedback_on_an_accepted_answer_is_a_label(file_build: Build) -> None:
    """What a user says of an answer that nobody was asked about would be lost."""
    counter = file_build(MOODS)
    counter.call("POST", "/v1/records/feel", GLAD)
    assert counter.call("POST", "/v1/records/n1/feedback", {"ruling": "right"}).status == 200
    said = counter.ask("SELECT key, correct, judged, source FROM label")
    assert [(*row[:2], json.loads(row[2]), row[3]) for row in said] == [
        ("n1", 1, {"mood": "glad", "sure": 0.9}, "feedback")
    ], "a word on no answer teaches nothing, and would count for whatever the record says later"


def test_a_word_on_an_answer_that_is_not_there_is_no_label(file_build: Build) -> None:
    """Who calls right what was never answered would label an answer that nobody has seen."""
    counter = file_build({}, latency_ms=5_000)
    waits = counter.call("POST", "/v1/records/feel", GLAD, Prefer="respond-async")
    assert waits.json["outcome"] == "pending"
    for ruling in ("right", "reject"):
        told = counter.call("POST", "/v1/records/n1/feedback", {"ruling": ruling})
        assert (told.status, "no answer" in told.json["detail"]) == (422, True)
    assert counter.ask("SELECT count(*) FROM label") == [(0,)]


def test_a_key_may_come_to_several_steps(file_build: Build) -> None:
    """Who waits for one step's answer would be shown another one's, and a person's word would meet the other record."""
    counter = file_build(MOODS)
    waits = counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"})
    other = counter.call("POST", "/v1/records/twice", GLAD)
    assert [waits.json["outcome"], other.json["outcome"]] == ["waiting", "accepted"]
    assert counter.call("GET", waits.headers["location"]).json == waits.json
    assert counter.call("GET", other.headers["location"]).json == other.json
    told = counter.call("POST", "/v1/records/n1/feedback", {"ruling": "right"})
    assert (told.status, "?step=feel" in told.json["detail"]) == (409, True)
    ruled = counter.call("POST", "/v1/records/n1/feedback?step=feel", {"ruling": "right"})
    assert (ruled.status, counter.ask("SELECT step, ruling FROM review")) == (200, [("feel", "right")])
    assert counter.ask("SELECT count(*) FROM label WHERE entry = 'twice'") == [(0,)]
    assert counter.call("GET", "/v1/records/n1?step=nobody").status == 404


def test_who_does_not_wait_gets_an_address(build: Build) -> None:
    """A caller in a hurry would have to wait, or its record would not be worked on once it is gone."""
    counter = build(MOODS, latency_ms=1000)
    sent = counter.call("POST", "/v1/records/feel", GLAD, Prefer="respond-async")
    assert (sent.status, sent.json["outcome"]) == (202, "pending")
    assert until(counter, "n1", "accepted")["value"] == {"mood": "glad", "sure": 0.9}


def test_nothing_is_sent_after_the_callers_deadline(file_build: Build) -> None:
    """An answer that is of no use any more would be bought, or a caller would wait longer than it said."""
    counter = file_build(MOODS, latency_ms=30_000)
    late = counter.call("POST", "/v1/records/feel", GLAD, Roadworthy_Deadline="0.5")
    assert (late.status, late.json["outcome"], late.json["waiting_for"]) == (202, "waiting", "provider")
    assert counter.ask("SELECT state FROM attempt ORDER BY id")[0] == ("unknown",)
    for wrong in ("0", "-1", "nan", "inf", "soon"):
        refused = counter.call(
            "POST", "/v1/records/feel", {"id": "n2", "text": "hm"}, Roadworthy_Deadline=wrong
        )
        assert refused.status == 422, wrong
    assert counter.ask("SELECT count(*) FROM record") == [(1,)]


def test_the_same_token_at_the_same_time_is_one_record(file_build: Build) -> None:
    """A caller whose first try is still on its way would pay twice."""
    counter = file_build(MOODS, latency_ms=700)
    found = []

    def send() -> None:
        found.append(counter.call("POST", "/v1/records/feel", GLAD, Idempotency_Key="k1"))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(one.status, one.body) for one in found} == {(200, found[0].body)}
    assert len(counter.sim.requests()) == 1


def test_a_killed_service_loses_nothing(build: Build) -> None:
    """A record that was taken in when the process died would never be answered."""
    counter = build(MOODS, latency_ms=1000)
    assert counter.call("POST", "/v1/records/feel", GLAD, Prefer="respond-async").status == 202
    counter.stop(signal.SIGKILL)
    if "://" in counter.ledger:
        time.sleep(1.5)
    counter.start()
    assert until(counter, "n1", "accepted")["outcome"] == "accepted"


def test_a_service_that_is_told_to_end_finishes_what_it_has(file_build: Build) -> None:
    """A deployment would cut off requests that are on the wire and pay for them twice."""
    counter = file_build(MOODS, latency_ms=1000)
    assert counter.call("POST", "/v1/records/feel", GLAD, Prefer="respond-async").status == 202
    counter.stop()
    assert counter.ask("SELECT outcome FROM record") == [("accepted",)]
    assert counter.ask("SELECT state FROM attempt") == [("settled",)]


def test_who_waits_while_the_service_ends_is_told_where_to_look(file_build: Build) -> None:
    """A record that is in the ledger would be a mistake of the service to its caller: 500, without a word."""
    counter = file_build(MOODS, latency_ms=10_000, serve_drain_s=1)
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(counter.call, "POST", "/v1/records/feel", GLAD)
        while not counter.sim.requests() and not counter.ask("SELECT id FROM attempt"):
            time.sleep(0.05)
        said = counter.stop()
        told = calling.result()
    assert (told.status, told.json["outcome"]) == (202, "pending")
    assert told.headers["location"].startswith("/v1/records/n1")
    assert "Exception" not in said


def test_records_go_on_after_their_job_was_cancelled(file_build: Build) -> None:
    """A cancelled job of single records, which no file brings back, would leave every later ruling on them without effect."""
    counter = file_build(MOODS)
    counter.call("POST", "/v1/records/feel", GLAD)
    [(job,)] = counter.ask("SELECT id FROM job")
    assert counter.call("POST", f"/v1/jobs/{job}/cancel").status == 200
    time.sleep(0.5)  # the service looks every tenth of a second
    doubtful = counter.call("POST", "/v1/records/feel", {"id": "n3", "text": "hm"})
    assert doubtful.json["waiting_for"] == "review"
    counter.call("POST", "/v1/records/n3/feedback", {"ruling": "right"})
    assert until(counter, "n3", "accepted")["value"] == {"mood": "sad", "sure": 0.2}


def test_more_than_it_takes_is_told_to_come_later(file_build: Build) -> None:
    """Overload would queue without bound instead of slowing its callers."""
    counter = file_build(MOODS, latency_ms=2000, serve_records_max=1)
    assert counter.call("POST", "/v1/records/feel", GLAD, Prefer="respond-async").status == 202
    full = counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "oh no"})
    assert (full.status, full.headers["retry-after"]) == (429, "1")
    assert counter.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(("kind", "third"), [("x-ndjson", "line-3"), ("json", "item-3")])
def test_a_file_is_a_job(build: Build, kind: str, third: str) -> None:
    """A file would lose records, or its rows would not be those that the command writes."""
    counter = build(MOODS)
    notes = [GLAD, {"id": "n2", "text": "oh no"}, {"text": 3}, GLAD]
    text = json.dumps(notes) if kind == "json" else "\n".join(map(json.dumps, notes))
    taken = counter.call("POST", "/v1/jobs/feel", raw=text.encode(), Content_Type=f"application/{kind}")
    assert taken.status == 202, taken.body
    where = taken.headers["location"]
    for _ in range(200):
        stands = counter.call("GET", where).json
        if not stands["pending"]:
            break
        time.sleep(0.1)
    assert (stands["records"], stands["accepted"], stands["rejected"]) == (4, 3, 1)
    rows = list(lines(counter.call("GET", f"{where}/rows").body))
    assert [(row["key"], row["outcome"]) for row in rows] == [
        ("n1", "accepted"),
        ("n2", "accepted"),
        (third, "rejected"),
        ("n1", "accepted"),
    ]
    assert len(counter.sim.requests()) == 2


def test_a_cancelled_job_stands_still_and_goes_on_when_it_comes_again(file_build: Build) -> None:
    """Nobody could stop a job that was handed over by mistake, or it could never be taken up again."""
    counter = file_build(MOODS, latency_ms=200, concurrency=1, serve_again_s=0.1)
    body = "".join(json.dumps({"id": f"n{n}", "text": f"note {n}"}) + "\n" for n in range(100)).encode()
    send = {"raw": body, "Content_Type": "application/x-ndjson"}
    where = counter.call("POST", "/v1/jobs/feel", **send).headers["location"]  # type: ignore[arg-type] # headers are text
    assert counter.call("POST", f"{where}/cancel").status == 200
    time.sleep(1.0)
    stands = counter.call("GET", where).json
    assert stands["pending"] > 0
    time.sleep(1.0)
    assert counter.call("GET", where).json["pending"] == stands["pending"]
    counter.call("POST", "/v1/jobs/feel", **send)  # type: ignore[arg-type] # as above
    for _ in range(100):
        if counter.call("GET", where).json["pending"] < stands["pending"]:
            return
        time.sleep(0.1)
    raise AssertionError(counter.call("GET", where).body)


def test_a_file_that_is_refused_changes_no_job(file_build: Build) -> None:
    """A file sent by mistake would take a cancelled job up again, which spends, or leave an empty job behind."""
    counter = file_build(MOODS, latency_ms=200, concurrency=1, serve_again_s=0.1)
    body = json.dumps([{"id": f"n{n}", "text": f"note {n}"} for n in range(100)]).encode()
    send = {"Content_Type": "application/json"}
    where = counter.call("POST", "/v1/jobs/feel?name=mine", raw=body, **send).headers["location"]
    assert counter.call("POST", f"{where}/cancel").status == 200
    for wrong in (b"[]", b"", b'{"id": "n1"}', b'[{"id": "n1", "text": "no'):
        for name in ("mine", "other"):
            assert counter.call("POST", f"/v1/jobs/feel?name={name}", raw=wrong, **send).status == 422
    time.sleep(1.0)
    stands = counter.call("GET", where).json
    time.sleep(1.0)
    assert counter.call("GET", where).json == stands
    assert stands["pending"] > 0
    assert counter.ask("SELECT count(*) FROM job") == [(1,)]


def test_a_long_body_that_breaks_off_is_refused_whole(file_build: Build) -> None:
    """A caller who is told 422 would be charged for the records before the break, in a job whose number nobody told."""
    counter = file_build(MOODS, intake_batch=10)
    body = json.dumps([{"id": f"n{n}", "text": f"note {n}"} for n in range(35)]).encode()
    send = {"Content_Type": "application/json"}
    assert counter.call("POST", "/v1/jobs/feel", raw=body[:-9], **send).status == 422
    assert counter.ask("SELECT count(*) FROM job WHERE entry = 'feel'") == [(0,)]
    where = counter.call("POST", "/v1/jobs/feel", raw=body, **send).headers["location"]
    assert counter.call("GET", where).json["records"] == 35


def test_what_is_wrong_with_a_body_speaks_of_no_file(file_build: Build) -> None:
    """Whoever sent an array from a program would be told to name a file otherwise and to run a command."""
    counter = file_build(MOODS)
    told = [
        str(counter.call("POST", "/v1/jobs/feel", raw=raw, Content_Type="application/json").json["detail"])
        for raw in (b"[]", b"", b'{"id": "n1"}', b"[1] [2]", b'[{"id": "n1", "text": "no', b"[\xff\xfe")
    ]
    for detail in told:
        assert detail.startswith("The body "), detail
        assert "file" not in detail, detail
        assert "command" not in detail, detail


def test_what_is_wrong_with_a_body_is_a_sentence(file_build: Build) -> None:
    """Whoever reads "the body is the field" would look for a fault of the service and not of theirs."""
    counter = file_build(MOODS)
    told = [
        counter.call("POST", "/v1/records/feel", raw=raw, Content_Type="application/json").json["detail"]
        for raw in (b"{", b'{"id":"1","id":"2"}', b"[" * 100, b'{"id":1e999}')
    ]
    assert told[0].startswith("The body is not JSON: ")
    assert (
        told[1] == "The body cannot be used: the field 'id' is given 2 times in one object, with '1' and '2'."
    )
    assert told[2] == "The body cannot be used: the JSON is nested deeper than 64 levels."
    assert told[3] == "The body cannot be used: the number 1e999 is larger than a double can hold."


def test_callers_who_come_at_once_share_one_run(file_build: Build) -> None:
    """One service would stand among the runs many times over, and each of its records under any of them."""
    counter = file_build({f"day {n}": "glad" for n in range(16)})

    def hand_over(number: int) -> int:
        body = {"id": f"r{number}", "text": f"day {number}"}
        return counter.call("POST", "/v1/records/feel", body).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(hand_over, range(16))) == {200}
    assert counter.ask("SELECT count(*) FROM run") == [(1,)]


def test_the_statuses_are_those_of_the_page(shared: Counter) -> None:
    """Whoever wrote a client by the page would wait for a 415 that never comes."""
    path = "/v1/records/feel"
    found = {
        "not JSON": shared.call("POST", path, raw=b"{", Content_Type="application/json").status,
        "not UTF-8": shared.call("POST", path, raw=b"\xff", Content_Type="application/json").status,
        "another type": shared.call("POST", path, raw=b"{}", Content_Type="text/plain").status,
        "no type of file": shared.call("POST", "/v1/jobs/feel", raw=b"{}", Content_Type="text/plain").status,
        "no such step": shared.call("POST", "/v1/records/nope", {"id": "1", "text": "x"}).status,
        "no such record": shared.call("GET", "/v1/records/nope").status,
        "another method": shared.call("DELETE", path).status,
    }
    assert found == {
        "not JSON": 400,
        "not UTF-8": 400,
        "another type": 415,
        "no type of file": 415,
        "no such step": 404,
        "no such record": 404,
        "another method": 405,
    }
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    rows = dict(re.findall(r"^\| ([0-9, ]+) \| (.+) \|$", page, re.MULTILINE))
    told = {int(code): words for codes, words in rows.items() for code in codes.split(",")}
    assert set(found.values()) <= set(told)
    assert "not JSON" in told[400]
    assert "not JSON" not in told[415]


def test_a_key_that_reads_like_a_path_is_found_where_it_is_said_to_be(file_build: Build) -> None:
    """A caller would look at another record, or at no record at all, for a key with a slash or a dot in it."""
    counter = file_build(MOODS)
    keys = [
        "a/b",
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "../a",
        "...",
        "%2F",
        "x?y#z",
        "n/feedback",
        " a ",
        "a;b=c",
        "é+",
    ]
    for key in keys:
        told = counter.call("POST", "/v1/records/feel", {"id": key, "text": f"what a day, {key}"})
        assert (told.status, told.json["key"]) in {(200, key), (202, key)}, (key, told.body)
        where = urljoin("http://host/", told.headers["location"]).removeprefix("http://host")
        found = counter.call("GET", where)
        assert (found.status, found.json["key"]) == (200, key), (key, where)
        page = counter.call("GET", f"/records/{place(key)}")
        assert page.status == 200, key
    for key in (".", ".."):
        told = counter.call("POST", "/v1/records/feel", {"id": key, "text": "what a day"})
        assert told.status == 422, key
        assert "in an address is a way and no name" in told.json["detail"], told.body
