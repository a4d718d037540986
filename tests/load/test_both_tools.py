"""Locust and ghz make the same of the same config, trouble included, and report in the same form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.load.report import Report, read_report
from tests.load.running import Target, by_ghz, by_locust, config_at
from tests.load.scenario import Overrides

#: Go may have to build ghz first.
pytestmark = pytest.mark.timeout(600)
SERVICE = "iotflow.telemetry.v1.TelemetryService"
PAGE = {"call": f"{SERVICE}.QueryTelemetry", "insecure": True, "total": 30, "concurrency": 3}
GOOD, BAD = {"filter": {"device_ids": [2001]}}, {"filter": {"device_ids": [-1]}}
#: A call that ends only when it is made to.
WATCH = {"call": "grpc.health.v1.Health.Watch", "insecure": True, "data": {}, "concurrency": 3}
CASES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "every third call fails": ({**PAGE, "data": [GOOD, GOOD, BAD]}, {"OK": 20, "InvalidArgument": 10}),
    "the first are skipped": ({**PAGE, "data": GOOD, "skipFirst": 10}, {"OK": 20}),
    "the method is named with a slash": ({**PAGE, "data": GOOD, "call": f"{SERVICE}/QueryTelemetry"}, {"OK": 30}),
    "several connections": ({**PAGE, "data": GOOD, "connections": 3}, {"OK": 30}),
    "the rate climbs": (
        {**PAGE, "data": GOOD, "load-schedule": "line", "load-start": 50, "load-end": 90, "load-step": 20},
        {"OK": 30},
    ),
    "no call is in time": ({**WATCH, "total": 6, "timeout": "100ms"}, {"DeadlineExceeded": 6}),
    "calls under way are left out at the end": (
        {**WATCH, "rps": 50, "duration": "2s", "duration-stop": "ignore", "timeout": "1400ms"},
        {"DeadlineExceeded": 3},
    ),
}


def shape(value: object) -> object:
    """The names and types of a JSON document, without its values; a list as the shape of its first element."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize(("document", "statuses"), CASES.values(), ids=list(CASES))
def test_both_tools_count_the_same(
    document: dict[str, Any], statuses: dict[str, int], target: Target, ghz: Path, tmp_path: Path
) -> None:
    scenario, overrides = config_at(tmp_path, {"host": target.host, **document}), Overrides()
    (theirs,) = by_ghz(ghz, scenario, overrides, tmp_path / "ghz")
    (ours,) = by_locust(scenario, overrides, tmp_path / "locust", "--check-fail-ratio", "1")
    assert ours.status_code_distribution == theirs.status_code_distribution == statuses
    assert ours.count == theirs.count == sum(statuses.values())
    assert ours.end_reason == theirs.end_reason


def test_both_tools_name_an_error_alike(target: Target, ghz: Path, tmp_path: Path) -> None:
    scenario = config_at(tmp_path, {**PAGE, "host": target.host, "data": BAD})
    (theirs,) = by_ghz(ghz, scenario, Overrides(), tmp_path / "ghz")
    (ours,) = by_locust(scenario, Overrides(), tmp_path / "locust", "--check-fail-ratio", "1")
    assert ours.error_distribution == theirs.error_distribution
    assert (ours.latency_distribution, theirs.latency_distribution) == (None, None)


def test_both_reports_have_the_same_form(target: Target, ghz: Path, tmp_path: Path) -> None:
    document = {**PAGE, "host": target.host, "data": GOOD, "name": "case", "tags": {"kind": "query"}, "rps": 200}
    scenario = config_at(tmp_path, document)
    by_ghz(ghz, scenario, Overrides(), tmp_path / "ghz")
    by_locust(scenario, Overrides(), tmp_path / "locust")
    theirs, ours = (json.loads((tmp_path / tool / "case.json").read_text()) for tool in ("ghz", "locust"))
    # How long ghz waits for a connection cannot be set here.
    del theirs["options"]["dial-timeout"]
    assert shape(ours) == shape(theirs)
    assert ours["options"] == theirs["options"]


def test_a_report_is_read_as_it_was_written(target: Target, tmp_path: Path) -> None:
    scenario = config_at(tmp_path, {**PAGE, "host": target.host, "data": GOOD})
    (report,) = by_locust(scenario, Overrides(), tmp_path)
    assert Report.model_validate(report.model_dump()) == read_report(tmp_path / "case.json")
