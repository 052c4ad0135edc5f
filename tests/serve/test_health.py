"""What machines ask of the service."""

import re

from tests.serve.conftest import Build

WAITED, RECORDS = "roadworthy_http_request_duration_seconds", 'route="/v1/records/{step}"'


def test_what_is_scraped_is_what_happened(file_build: Build) -> None:
    """A dashboard would show other figures than the ledger holds, or words of a record as labels."""
    counter = file_build({"what a day": "glad", "hm": "?sad"})
    counter.call("POST", "/v1/records/feel", {"id": "SECRETKEY", "text": "what a day"})
    counter.call("POST", "/v1/records/feel", {"id": "n2", "text": "hm"})
    page = counter.call("GET", "/metrics").body.decode()
    values = dict(re.findall(r"^(roadworthy_\S+(?: \S+\})?) (\S+)$", page, re.MULTILINE))
    assert values['roadworthy_attempts_total{ending="ok",model="openai:small"}'] == "2.0"
    assert values['roadworthy_records{entry="feel",outcome="accepted",waiting_for=""}'] == "1.0"
    assert values['roadworthy_records{entry="feel",outcome="waiting",waiting_for="review"}'] == "1.0"
    assert values["roadworthy_reviews_open"] == "1.0"
    spent = counter.ask("SELECT spent_pico FROM budget WHERE scope LIKE 'app:%'")[0][0]
    assert abs(float(values['roadworthy_budget_usd{part="spent"}']) - int(str(spent)) / 1e12) < 1e-12
    took = [
        float(count)
        for name, count in values.items()
        if name.startswith(f"{WAITED}_bucket") and RECORDS in name
    ]
    assert (len(took), took[-1]) == (13, 2.0)
    assert took == sorted(took), "each bucket holds what is in those below it"
    assert values[f"{WAITED}_count{{{RECORDS}}}"] == "2.0"
    assert 0 < float(values[f"{WAITED}_sum{{{RECORDS}}}"]) < 120
    assert values["roadworthy_records_refused_total"] == "0.0"
    assert "SECRETKEY" not in page
    assert "what a day" not in page


def test_what_can_be_got_can_be_asked_for_without_its_body(file_build: Build) -> None:
    """A balancer or a watcher that asks with HEAD (RFC 9110, 9.3.2) would take a service that is well for broken."""
    counter = file_build({})
    for path in ("/healthz", "/readyz", "/metrics", "/v1/models", "/", "/static/console.css"):
        got, head = counter.call("GET", path), counter.call("HEAD", path)
        assert (head.status, head.body) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path
    assert counter.call("HEAD", "/v1/records/nobody").status == 404
    refused = counter.call("HEAD", "/v1/chat/completions")
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert counter.call("DELETE", "/healthz").headers["allow"] == "GET, HEAD"
    assert counter.call("GET", "/metrics").status == 200, "the connection is in order"
