"""What is in `deploy/`: manifests that a cluster takes, commands that exist, and times that fit together."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from roadworthy.__main__ import COMMANDS
from roadworthy._settings import DEFAULTS, PREFIX

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
SETTINGS = {PREFIX + name.upper() for name in type(DEFAULTS).__dataclass_fields__} | {PREFIX + "LEDGER"}


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [found for found in yaml.safe_load_all(path.read_text()) if found]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that is described: (which, its specification)."""
    for path in MANIFESTS:
        for found in objects(path):
            spec = found.get("spec", {})
            spec = spec.get("jobTemplate", {}).get("spec", spec)
            if "template" in spec:
                yield f"{path.name} {found['kind']}", spec["template"]["spec"]


def container(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(pod, its one container) of the pod in a file."""
    ((_, pod),) = [(which, pod) for which, pod in pods() if which.startswith(name)]
    return pod, pod["containers"][0]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_cluster_takes_every_manifest(path: Path) -> None:
    """A word in the wrong place would be found out on the day of the deployment."""
    for found in objects(path):
        if found["kind"] != "Kustomization":
            kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_manifest_is_seen() -> None:
    """A check that lets everything through would go unnoticed."""
    (deployment,) = objects(DEPLOY / "kubernetes" / "work.yaml")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_files_that_are_there() -> None:
    """`kubectl apply -k` would stop half way."""
    (kustomization,) = objects(DEPLOY / "kubernetes" / "kustomization.yaml")
    for name in kustomization["resources"]:
        assert (DEPLOY / "kubernetes" / name).is_file()


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours in `deploy/`."""
    for which, pod in pods():
        for each in pod["containers"]:
            if each["image"].startswith("roadworthy"):
                yield which, each["args"]
    (compose,) = objects(DEPLOY / "compose.yaml")
    for name, service in compose["services"].items():
        if "command" in service:
            yield f"compose {name}", service["command"]


@pytest.mark.parametrize(
    ("which", "words"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_is_one_that_the_command_line_takes(which: str, words: list[str]) -> None:
    """An option that was renamed would start no pod any more."""
    module, attribute, _ = COMMANDS[words[0]]
    command = getattr(importlib.import_module(module), attribute)
    command.make_context(words[0], list(words[1:]))


def test_what_is_on_the_wire_has_time_to_come_back() -> None:
    """A pod that is ended before its worker has drained pays for answers that it does not keep."""
    for name, drain_s in (("work.yaml", DEFAULTS.work_drain_s), ("serve.yaml", DEFAULTS.serve_drain_s)):
        pod, _ = container(name)
        assert pod["terminationGracePeriodSeconds"] >= drain_s + 10
    (compose,) = objects(DEPLOY / "compose.yaml")
    grace = compose["services"]["work"]["stop_grace_period"]
    assert float(grace.removesuffix("s")) >= max(DEFAULTS.work_drain_s, DEFAULTS.serve_drain_s) + 10


def test_pods_have_probes_and_no_more_rights_than_they_need() -> None:
    """A pod that hangs would stay, and one that is broken into would be root."""
    probes = {
        "serve.yaml": {"startupProbe", "readinessProbe", "livenessProbe"},
        "work.yaml": {"livenessProbe"},
    }
    for name, wanted in probes.items():
        assert wanted <= set(container(name)[1])
    for which, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, which
        assert pod["automountServiceAccountToken"] is False, which
        for each in pod["containers"]:
            assert each["securityContext"]["allowPrivilegeEscalation"] is False, which
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}, which
            assert ":" in each["image"], f"{which}: an image without a version"


def test_settings_in_manifests_exist() -> None:
    """A setting under a wrong name is ignored in silence."""
    named = [
        value["name"] for _, pod in pods() for each in pod["containers"] for value in each.get("env", [])
    ]
    (compose,) = objects(DEPLOY / "compose.yaml")
    named += compose["x-roadworthy"]["environment"]
    assert {name for name in named if name.startswith(PREFIX)} <= SETTINGS


def test_compose_refers_to_what_it_declares() -> None:
    """A volume or a service by a wrong name would stop `up`."""
    (compose,) = objects(DEPLOY / "compose.yaml")
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            place = volume.partition(":")[0]
            assert place.startswith(("$", ".", "/")) or place in compose["volumes"], place
        for name, condition in service.get("depends_on", {}).items():
            assert name in compose["services"]
            assert condition != {"condition": "service_healthy"} or "healthcheck" in compose["services"][name]


def test_the_image_installs_extras_that_exist_and_is_not_root() -> None:
    """The image would be built without what its commands need."""
    text = (DEPLOY / "Containerfile").read_text()
    extras = text.partition("'.[")[2].partition("]")[0].split(",")
    project = (PROJECT / "pyproject.toml").read_text()
    assert {"postgres", "serve"} <= set(extras)
    assert all(f"\n{extra} = [" in project for extra in extras)
    assert "\nUSER 10001\n" in text
    for line in text.splitlines():
        if line.startswith("COPY") and "--from" not in line:
            assert all((PROJECT / name).exists() for name in line.split()[1:-1]), line


def test_the_app_that_compose_starts_with_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first `up` would end with an error in our own file."""
    done = subprocess.run(
        [sys.executable, "-m", "roadworthy", "doctor", str(DEPLOY / "app" / "app.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "inbox" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
