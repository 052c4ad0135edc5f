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
