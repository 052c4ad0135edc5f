"""The report as JUnit XML, which every CI reads: a stage is a suite, a promise is a case."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from roadworthy.observe.visible import visible
from roadworthy.vet.road.finding import Finding, Grade, StageResult
from roadworthy.vet.road.report import Report

_UNPRINTABLE: Final = dict.fromkeys(
    [*range(55296, 57344), 65534, 65535], "�"
)  # what XML 1.0 cannot hold even escaped; `visible` has taken care of the rest


def as_junit(report: Report) -> str:
    """One `testsuites` element. A failure that `--fail-on` leaves out is a skipped case that says so."""
    counts = report.counts()
    reasons = {id(finding) for _, finding in report.reasons}
    root = Element(
        "testsuites",
        name=_plain(f"roadworthy vet {report.subject}"),
        tests=str(sum(counts.values())),
        failures=str(len(reasons)),
        time=f"{report.seconds:.3f}",
    )
    for stage in report.stages:
        _suite(root, stage, report, reasons)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, stage: StageResult, report: Report, reasons: set[int]) -> None:
    failed = sum(id(finding) in reasons for finding in stage.findings)
    skipped = sum(
        finding.grade is not Grade.PASS and id(finding) not in reasons for finding in stage.findings
    )
    suite = SubElement(
        root,
        "testsuite",
        name=_plain(stage.name),
        tests=str(len(stage.findings)),
        failures=str(failed),
        skipped=str(skipped),
        time=f"{stage.seconds:.3f}",
    )
    for finding in stage.findings:
        case = SubElement(suite, "testcase", classname=f"vet.{_plain(stage.name)}", name=_plain(finding.name))
        said = _plain(finding.happened)
        if id(finding) in reasons:
            SubElement(case, "failure", message=said).text = _account(finding)
        elif (clue := report.clue_of(finding)) is not None:
            because = _plain(f"failed, explained by {clue.cause}: {clue.because} {finding.happened}")
            SubElement(case, "skipped", message=because)
        elif finding.grade is Grade.FAIL:
            SubElement(case, "skipped", message=f"failed, but --fail-on leaves it out: {said}")
        elif finding.grade is Grade.NOT_TESTED:
            SubElement(case, "skipped", message=f"not tested: {said}")
        SubElement(case, "system-out").text = _account(finding)


def _account(finding: Finding) -> str:
    lines = [
        f"promised: {finding.promise}",
        f"tried: {finding.tried}, {finding.times} times",
        f"happened: {finding.happened}",
        *finding.evidence,
        *finding.measured,
    ]
    lines += [f"advice: {finding.advice}"] if finding.advice else []
    lines += [f"again: {finding.reproduce}"] if finding.reproduce else []
    return "\n".join(map(_plain, lines))


def _plain(text: str) -> str:
    return visible(text).translate(_UNPRINTABLE)
