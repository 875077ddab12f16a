"""What build checks found, as text, as Docker's JSON and as SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Any

import msgspec

from cais.build.check import Checked
from cais.cli.view.problems import YELLOW, render_problem
from cais.dockerfile.rules.model import Finding, Rule
from cais.dockerfile.rules.table import RULES
from cais.errors import Problem, Span
from cais.version import VERSION

_PAGES = "https://docs.docker.com/go/dockerfile/rule/"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_text(checked: Sequence[Checked], *, color: bool) -> str:
    """Each finding with its line, and how many there are."""
    findings = [finding for each in checked for finding in each.findings]
    shown = [
        render_problem(Problem(f"{each.rule}: {each.message}", each.span, each.hint), "warning", YELLOW, color=color)
        for each in findings
    ]
    count = len(findings)
    end = "no warnings found" if not count else "1 warning found" if count == 1 else f"{count} warnings found"
    return "".join(shown) + f"Check complete: {end}\n"


def as_json(checked: Sequence[Checked]) -> str:
    """The form of `docker build --check --format json`: warnings with their ranges (lines from 1, characters from 0), and the sources."""
    warnings = [_docker_warning(finding, index) for index, each in enumerate(checked) for finding in each.findings]
    sources = [
        {
            "filename": _relative(each.written.file),
            "language": "Dockerfile",
            "data": base64.b64encode(each.written.text.encode(errors="surrogateescape")).decode(),
        }
        for each in checked
    ]
    return _indented({"warnings": warnings, "sources": sources})


def as_sarif(checked: Sequence[Checked]) -> str:
    """One run, with all rules described."""
    driver = {"name": "cais", "version": VERSION, "rules": [_sarif_rule(rule) for rule in RULES]}
    numbers = {rule.name: number for number, rule in enumerate(RULES)}
    results = [_sarif_result(finding, numbers) for each in checked for finding in each.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return _indented({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _docker_warning(finding: Finding, source: int) -> dict[str, Any]:
    span = finding.span
    place = {
        "start": {"line": span.line, "character": span.column - 1},
        "end": {"line": span.line, "character": span.column - 1 + span.length},
    }
    return {
        "ruleName": finding.rule,
        "description": next(rule.description for rule in RULES if rule.name == finding.rule),
        "url": _PAGES + page_of(finding.rule) + "/",
        "detail": finding.message,
        "hint": finding.hint,
        "location": {"sourceIndex": source, "ranges": [place]},
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.description},
        "helpUri": _PAGES + page_of(rule.name) + "/",
        "defaultConfiguration": {"level": "warning", "enabled": not rule.experimental},
    }


def _sarif_result(finding: Finding, numbers: dict[str, int]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": numbers[finding.rule],
        "level": "warning",
        "message": {"text": f"{finding.message}: {finding.hint}"},
        "locations": [{"physicalLocation": _sarif_place(finding.span)}],
    }


def _sarif_place(span: Span) -> dict[str, Any]:
    region = {"startLine": span.line, "startColumn": span.column, "endColumn": span.column + span.length}
    return {"artifactLocation": {"uri": _relative(span.file)}, "region": region}


def page_of(rule: str) -> str:
    """The name of a rule's page: `JSONArgsRecommended` is `json-args-recommended`."""
    import re

    return "-".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*", rule)).lower()


def _relative(path: str) -> str:
    return os.path.relpath(path) if os.path.isabs(path) else path


def _indented(document: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
