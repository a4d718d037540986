"""A run that does not meet the criteria, or that cannot be made, ends with a code that says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.load.__main__ import FOLDER
from tests.load.criteria import CHECK_FAILED
from tests.load.report import read_report
from tests.load.runner import start_locust
from tests.load.running import ANY_SPEED, Target, config_at, locust
from tests.load.scenario import Overrides

CONFIG = {
    "call": "iotflow.telemetry.v1.TelemetryService.QueryTelemetry",
    "host": "127.0.0.1:1",
    "insecure": True,
    "total": 5,
    "concurrency": 1,
    "tags": {"kind": "query"},
    "data": {"filter": {"device_ids": [2001]}},
}
FAILING = {**CONFIG, "data": {"filter": {}}}


@pytest.mark.parametrize(
    ("document", "check", "said"),
    [
        (CONFIG, ("--check-query-p95", "0"), "query p95 was"),
        (CONFIG, ("--check-avg-response-time", "0"), "avg response time was"),
        (CONFIG, ("--check-rps", "1e9"), "total rps was"),
        (FAILING, (), "fail ratio was 100.00%"),
    ],
)
def test_a_criterion_that_is_not_met_fails_the_run(
    document: dict[str, Any], check: tuple[str, ...], said: str, target: Target, tmp_path: Path
) -> None:
    done = locust(config_at(tmp_path, document), Overrides(target.host), tmp_path, *ANY_SPEED, *check)
    assert done.returncode == CHECK_FAILED, done.stdout
    assert [said in line for line in done.stdout.splitlines() if "CHECK FAILED" in line] == [True]


def test_a_run_by_several_processes_is_refused(target: Target, tmp_path: Path) -> None:
    done = locust(config_at(tmp_path, CONFIG), Overrides(target.host), tmp_path, "--master")
    assert done.returncode == 1, done.stdout
    assert "run one process with --headless" in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cacert": "ca.pem"}, "does not support the key cacert"),
        ({"call": "iotflow.telemetry.v1.Telemetry.Write"}, "has no service iotflow.telemetry.v1.Telemetry"),
        ({"host": "127.0.0.1:1"}, "host: 127.0.0.1:1 does not answer by reflection"),
    ],
)
def test_a_config_that_cannot_be_run_is_told_why(
    change: dict[str, Any], said: str, target: Target, tmp_path: Path
) -> None:
    scenario = config_at(tmp_path, {**CONFIG, "host": target.host, **change})
    done = locust(scenario, Overrides(), tmp_path)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout
    assert "Traceback" not in done.stdout


async def test_a_run_that_is_ended_early_reports_what_it_did(target: Target, tmp_path: Path) -> None:
    before = await target.rows()
    options = ("--host", target.host, "--duration", "10m", *ANY_SPEED)
    with start_locust(FOLDER / "configs" / "write_unary.json", tmp_path, *options) as run:
        try:
            while await target.rows() == before and run.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            run.terminate()
        output, _ = await asyncio.to_thread(run.communicate)
    assert run.returncode == 0, output
    report = read_report(tmp_path / "write_unary.json")
    assert report.end_reason == "cancel"
    assert report.status_code_distribution == {"OK": report.count}
