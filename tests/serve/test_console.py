"""The console without a browser: what its pages say, and what they do not let happen."""

import json
import re
from urllib.parse import quote, urlencode

import pytest
from tests.serve.conftest import Build
from tests.serve.counter import Counter, Said, until

PAGES = ("/", "/runs", "/records", "/desk", "/quality", "/cost", "/versions")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "'-alert(1)-'",
    "</pre><svg onload=alert(1)>",
    "\u202egnp.exe",
)


def form(counter: Counter, path: str, cookie: str = "", **fields: str) -> Said:
    """Send a form."""
    headers = {"Content_Type": "application/x-www-form-urlencoded"} | ({"Cookie": cookie} if cookie else {})
    return counter.call("POST", path, raw=urlencode(fields).encode(), **headers)


def token(page: Said) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="token" value="([^"]+)"', page.body.decode())
    assert found is not None
    return found[1]


def test_every_page_is_written(build: Build) -> None:
    """A page would break on one kind of ledger, or before anything came in."""
    counter = build({"what a day": "glad", "hm": "?sad"})
    for path in PAGES:
        assert counter.call("GET", path).status == 200, path
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"})
    counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "hm"})
    pages = {path: counter.call("GET", path).body.decode() for path in (*PAGES, "/records/n1", "/records/n2")}
    assert "glad" in pages["/records/n1"]
    assert 'href="/records/n1?number=' in pages["/records"]
    assert "confidence 0.20" in pages["/desk"]
    assert "openai:small" in pages["/cost"]
    assert "Glad or sad?" in pages["/versions"]
    assert all("https://" not in page and "<script>" not in page for page in pages.values())


def test_a_ruling_at_the_desk_is_the_record_s_result(build: Build) -> None:
    """What a reviewer decides in the browser would not count, could not be taken back, or would pass unchecked."""
    counter = build({"hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"})
    page = counter.call("GET", "/desk")
    place = re.search(r'action="(/desk/\d+)"', page.body.decode())
    assert place is not None
    bad = form(counter, place[1], token=token(page), ruling="wrong", answer='{"mood": 7}')
    assert (bad.status, b"not valid" in bad.body) == (422, True)
    done = form(
        counter, place[1], token=token(page), ruling="wrong", answer='{"mood": "glad"}', note="I know them"
    )
    assert done.status == 303, done.body
    assert until(counter, "n1", "accepted")["value"] == {"mood": "glad", "sure": 0.9}
    form(counter, "/desk/undo", token=token(page))
    assert until(counter, "n1", "waiting")["value"] is None


@pytest.mark.fault("E8")
def test_a_form_of_another_site_does_nothing(file_build: Build) -> None:
    """A page elsewhere could rule in a reviewer's name."""
    counter = file_build({"hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"})
    number = counter.ask("SELECT id FROM review")[0][0]
    for fields in ({}, {"token": "guessed"}):
        assert form(counter, f"/desk/{number}", ruling="right", **fields).status == 403
    assert counter.ask("SELECT ruling FROM review") == [(None,)]


def test_what_an_operator_decides_takes_the_role_and_a_form_of_ours(file_build: Build) -> None:
    """A reviewer, or another site's page, could change which version runs."""
    counter = file_build({}, "later")
    keys = {role: counter.new_key(role, "--role", role) for role in ("review", "operate")}
    counter.start()
    cookies = {
        role: form(counter, "/login", key=key).headers["set-cookie"].split(";")[0]
        for role, key in keys.items()
    }
    own = token(counter.call("GET", "/desk", Cookie=cookies["review"]))
    for path in ("/versions/promote/1", "/versions/back/0", "/alarms/clear"):
        assert form(counter, path, cookies["review"], token=own).status == 403, path
        assert form(counter, path, cookies["operate"], token=own).status == 403, path
        assert form(counter, path, cookies["operate"]).status == 403, path
        assert form(counter, path).headers["location"] == "/login", path
    assert counter.ask("SELECT count(*) FROM state") == [(0,)]


def test_a_decision_that_does_not_fit_says_so_and_changes_nothing(build: Build) -> None:
    """An operator would be met by a bare error, or a state would be made from nothing."""
    counter = build({"hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"})
    own = token(counter.call("GET", "/desk"))
    assert form(counter, "/versions/promote/7", token=own).status == 404
    assert "nothing+to+go+back+from" in form(counter, "/versions/back/0", token=own).headers[
        "location"
    ].replace("%20", "+")
    assert counter.ask("SELECT count(*) FROM state") == [(0,)]
    assert form(counter, "/alarms/clear", token=own, step="feel").status == 303


def test_a_second_reader_says_who_they_are(file_build: Build) -> None:
    """Where there are no keys, one person's rulings could not be told from another's."""
    counter = file_build({"hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "hm"})
    page = counter.call("GET", "/desk")
    named = form(counter, "/desk/name", token=token(page), name="Zoë <b>")
    cookie = named.headers["set-cookie"].split(";")[0]
    place = re.search(r'action="(/desk/\d+)"', page.body.decode())
    assert place is not None
    assert form(counter, place[1], cookie, token=token(page), ruling="right").status == 303
    assert counter.ask("SELECT ruled_by FROM review") == [("Zoë <b>",)]


def test_words_find_a_record_and_the_table_follows(build: Build) -> None:
    """A search would miss what a record says, take `%` for anything, or the exported table would hold other rows."""
    counter = build({"what a 100% day": "glad", "hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a 100% day"})
    counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "hm"})
    for query, found in (("words=100%25", ["n1"]), ("words=1%2500", []), ("outcome=waiting", ["n2"]),
                         ("waiting=budget", []), ("key=n", ["n2", "n1"]), ("entry=twice", [])):  # fmt: skip
        rows = counter.call("GET", f"/records.csv?{query}").body.decode().splitlines()[1:]
        assert [row.split(",")[0] for row in rows] == found, query
        page = counter.call("GET", f"/records?{query}").body.decode()
        assert re.findall(r'href="/records/(\w+)\?number=', page) == found, query


def test_the_report_in_a_file_holds_every_page(build: Build) -> None:
    """Whoever is sent the report would miss a page, or would have to be online."""
    counter = build({"what a day": "glad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"})
    counter.command("report", "shop.py", "--html", "report.html")
    text = (counter.folder / "report.html").read_text("utf-8")
    names = ("today", "job", "records", "stories", "quality", "cost", "versions", "runs")
    assert [name for name in names if f'<section id="{name}"' not in text] == []
    assert "glad" in text
    assert not re.search(r"<(script|link|img|form|button)|href=\"(?!#)", text), (
        "nothing is fetched or decided there"
    )
    assert counter.command("report", "shop.py", "--html", "no/such/folder.html", status=2)


def test_nobody_sees_a_page_without_a_key(file_build: Build) -> None:
    """Where keys were made, the console would stand open beside the API."""
    counter = file_build({}, "later")
    admin, reviewer = counter.new_key("ann", "--role", "admin"), counter.new_key("ben", "--role", "review")
    acme = counter.new_key("acme", "--role", "admin", "--namespace", "acme")
    counter.start()
    for path in PAGES:
        found = counter.call("GET", path)
        assert (found.status, found.headers["location"]) == (303, "/login"), path
    assert form(counter, "/login", key="rw_wrong").status == 401
    assert form(counter, "/login", key=acme).status == 401
    cookies = {}
    for name, key in (("ann", admin), ("ben", reviewer)):
        entered = form(counter, "/login", key=key)
        assert {"httponly", "samesite=strict"} <= {
            part.strip().lower() for part in entered.headers["set-cookie"].split(";")
        }
        cookies[name] = entered.headers["set-cookie"].split(";")[0]
        assert key not in entered.headers["set-cookie"]
    assert {counter.call("GET", path, Cookie=cookies["ann"]).status for path in PAGES} == {200}
    assert counter.call("GET", "/desk", Cookie=cookies["ben"]).status == 200
    assert counter.call("GET", "/cost", Cookie=cookies["ben"]).status == 403
    counter.command("keys", "shop.py", "revoke", "ben")
    assert counter.call("GET", "/desk", Cookie=cookies["ben"]).status == 303


@pytest.mark.fault("E6", "E7")
@pytest.mark.parametrize("payload", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_record_or_a_model_says_is_text(file_build: Build, payload: str) -> None:
    """A record or an answer could run a script before a reviewer's eyes."""
    counter = file_build({payload: f"?{payload}", "plain": payload})
    key = f"k{payload}"
    counter.call("POST", "/v1/records/feel", {"id": key, "text": payload})
    counter.call("POST", "/v1/records/feel", {"id": "k2", "text": "plain"})
    for path in (
        "/",
        "/records",
        "/desk",
        f"/records/{quote(key, safe='')}",
        "/records/k2",
        f"/records?key={quote(key)}",
    ):
        page = counter.call("GET", path)
        assert page.status == 200, (path, page.body[-500:])
        text = page.body.decode()
        assert not re.search(r"<(script(?! src=\"/static)|img|svg onload)", text), path
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", text), "what was searched for stands in its field"
        assert "49" not in re.findall(r"k(\d+)</", text), "a template was filled with a record's words"


def test_a_report_of_a_service_is_of_the_entry_that_is_named(build: Build) -> None:
    """Every entry's job is called "(service)", and only the newest entry's could be reported."""
    counter = build({"what a day": "glad", "hm": "glad"})
    counter.call("POST", "/v1/records/feel", {"id": "n1", "text": "what a day"})
    counter.call("POST", "/v1/records/twice", {"id": "n2", "text": "hm"})
    counter.call("POST", "/v1/records/twice", {"id": "n3", "text": "what a day"})
    for entry, records in (("feel", 1), ("twice", 2)):
        found = json.loads(counter.command("report", f"shop.py:{entry}", "--job", "(service)", "--json"))
        assert (found["entry"], found["fates"]["accepted"]) == (entry, records)
