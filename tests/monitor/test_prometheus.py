"""A real Prometheus scrapes a running service; its promtool accepts the page, the rules and the dashboard's questions."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.monitor.conftest import Build
from tests.serve.counter import Counter

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy" / "monitoring"
NEEDS = "Debian's package prometheus is not installed: apt-get install prometheus"
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason=NEEDS)
server = pytest.mark.skipif(shutil.which("prometheus") is None, reason=NEEDS)
GOOD, DOUBTFUL = "what a day", "hm"
_NAME = re.compile(r"\b((?:roadworthy|process)_[a-z0-9_]+)")


def _tool(*words: str, said: str = "") -> tuple[int, str]:
    done = subprocess.run(
        ["promtool", *words], cwd=HERE, input=said, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _alerts() -> list[dict[str, Any]]:
    """Each rule, read without a YAML library: one fact a line, as the file is written."""
    found: list[dict[str, Any]] = []
    for line in (HERE / "alerts.yml").read_text(encoding="utf-8").splitlines():
        if name := re.match(r"\s+- alert: (\w+)$", line):
            found.append({"alert": name[1], "text": ""})
        elif found:
            found[-1]["text"] += line + "\n"
    return found


def _expressions() -> list[str]:
    """Every question that the dashboard asks."""
    dashboard = json.loads((HERE / "dashboard.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    return asked + variables


@pytest.fixture
def busy(build: Build) -> Counter:
    """A service that has done a little of everything."""
    counter = build({GOOD: "glad", DOUBTFUL: "?sad"})
    counter.sim.script({"faults": {"500": 1.0}, "last": 1})
    for number, text in enumerate((GOOD, DOUBTFUL, GOOD)):
        counter.call("POST", "/v1/records/feel", {"id": f"n{number}", "text": text})
    return counter


@promtool
def test_promtool_accepts_the_page(busy: Counter) -> None:
    """Prometheus would not read the page, or read it in a way that nobody meant."""
    status, said = _tool("check", "metrics", said=busy.call("GET", "/metrics").body.decode())
    assert (status, said.strip()) == (0, "")


@promtool
def test_promtool_accepts_the_rules_and_tries_each_of_them() -> None:
    """An alert would never be raised, or always."""
    for words in (("check", "rules", "alerts.yml"), ("check", "config", "prometheus.yml")):
        status, said = _tool(*words)
        assert status == 0, said
    status, said = _tool("test", "rules", "alerts_test.yml")
    assert (status, "SUCCESS" in said) == (0, True), said


@promtool
def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    """The check would accept anything."""
    for name in ("alerts.yml", "alerts_test.yml"):
        shutil.copy(HERE / name, tmp_path / name)
    rules = (tmp_path / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(
        rules.replace("roadworthy_ledger_up == 0", "roadworthy_ledger_up == 1")
    )
    status, _ = _tool("test", "rules", str(tmp_path / "alerts_test.yml"))
    assert status != 0


def test_each_alert_is_tried_and_says_what_to_do() -> None:
    """Whoever is woken up would not know what to do, or a rule would have no test."""
    tried = (HERE / "alerts_test.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rules = _alerts()
    assert len(rules) == 16
    for rule in rules:
        assert f'alertname="{rule["alert"]}"' in tried, rule["alert"]
        assert f"`{rule['alert']}`" in page, rule["alert"]
        assert re.search(r'runbook: ".{30,}"', rule["text"]), rule["alert"]
        assert re.search(r'summary: ".{20,}"', rule["text"]), rule["alert"]
        assert re.search(r"severity: (page|ticket)", rule["text"]), rule["alert"]


def test_every_metric_that_is_asked_for_is_on_the_page(busy: Counter) -> None:
    """A panel would stay empty, and an alert silent, for a slip in a name."""
    page = busy.call("GET", "/metrics").body.decode()
    there = {re.split(r"[{ ]", line)[0] for line in page.splitlines() if line and line[0] != "#"}
    there |= {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    asked = {name for text in _expressions() for name in _NAME.findall(text)}
    asked |= {name for rule in _alerts() for name in _NAME.findall(rule["text"].partition("annotations:")[0])}
    assert len(asked) > 25
    assert asked - there == set()
    own = {name for name in there if name.startswith("roadworthy_") and not name.endswith("_created")}
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    unasked = {name for name in own if re.sub(r"_(bucket|sum|count|total)$", "", name) not in shown}
    assert unasked == set()


@contextmanager
def _prometheus(folder: Path, port: int) -> Iterator[str]:
    """A Prometheus server that scrapes a port of this machine once a second, with our rules."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    config = (HERE / "prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("15s", "1s").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    shutil.copy(HERE / "alerts.yml", folder / "alerts.yml")
    (folder / "prometheus.yml").write_text(config)
    said = (folder / "prometheus.log").open("w")
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stdout=said,
        stderr=said,
    )
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        said.close()


def _ask(url: str, **query: str) -> Any:
    try:
        with urllib.request.urlopen(f"{url}?{urlencode(query)}" if query else url, timeout=20) as response:
            return json.load(response)
    except OSError as error:
        return {"status": "error", "error": str(error), "data": {}}


@server
def test_a_real_prometheus_scrapes_the_service(busy: Counter, tmp_path: Path) -> None:
    """The service would be watched on paper alone: the page, the rules and every panel go through a real server."""
    with _prometheus(tmp_path, busy.port) as url:
        for _ in range(120):
            found = _ask(
                f"{url}/api/v1/query",
                query='sum by (outcome) (roadworthy_records_ended_total{outcome="accepted"})',
            )
            if found["data"].get("result"):
                break
            time.sleep(0.5)
        series = {one["metric"]["outcome"]: one["value"][1] for one in found["data"]["result"]}
        assert series == {"accepted": "2"}, (tmp_path / "prometheus.log").read_text()[-2000:]
        (target,) = _ask(f"{url}/api/v1/targets")["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        rules = _ask(f"{url}/api/v1/rules")["data"]["groups"][0]["rules"]
        assert {rule["name"] for rule in rules} == {rule["alert"] for rule in _alerts()}
        for text in _expressions()[:-1]:
            answer = _ask(f"{url}/api/v1/query", query=text.replace("$instance", ".*"))
            assert answer["status"] == "success", (text, answer)
        assert _ask(f"{url}/api/v1/query", query="sum(roadworthy_nothing")["status"] == "error"
