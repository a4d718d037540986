"""Every scenario runs against the real service under locust and under ghz, and both count the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.load.__main__ import FOLDER, SCENARIOS
from tests.load.report import Report
from tests.load.running import Target, by_ghz, by_locust
from tests.load.scenario import Overrides, expand

#: Go may have to build ghz first.
pytestmark = pytest.mark.timeout(600)
TOTAL = 60
#: Points of one call of a config that writes.
POINTS = {"write_unary": 5, "write_ramp": 5, "write_stream": 1000}


def counts(reports: Sequence[Report]) -> dict[str, dict[str, int]]:
    """How many calls of each config ended with which status."""
    assert all(report.count == len(report.details or ()) for report in reports)
    return {report.name: report.status_code_distribution for report in reports}


def expected(overrides: Overrides, scenario: Path) -> dict[str, dict[str, int]]:
    return {document["name"]: {"OK": document["total"]} for document in expand(scenario, overrides)}


def points(reports: Sequence[Report]) -> int:
    return sum(POINTS.get(report.name, 0) * report.count for report in reports)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_runs_under_locust_and_stores_every_point(
    scenario: Path, target: Target, tmp_path: Path
) -> None:
    overrides, before = Overrides(target.host, TOTAL), await target.rows()
    reports = await asyncio.to_thread(by_locust, scenario, overrides, tmp_path)
    assert counts(reports) == expected(overrides, scenario)
    assert sum(report.count for report in reports) == TOTAL
    assert await target.rows() - before == points(reports)
    picture = ElementTree.parse(tmp_path / "picture.svg")
    assert all(report.name in "".join(picture.getroot().itertext()) for report in reports)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_runs_under_ghz_with_the_same_counts(
    scenario: Path, target: Target, ghz: Path, tmp_path: Path
) -> None:
    overrides, before = Overrides(target.host, TOTAL), await target.rows()
    reports = await asyncio.to_thread(by_ghz, ghz, scenario, overrides, tmp_path)
    assert counts(reports) == expected(overrides, scenario)
    assert await target.rows() - before == points(reports)


@pytest.mark.parametrize("config", sorted((FOLDER / "configs").glob("*.json")), ids=lambda path: path.stem)
def test_a_config_is_part_of_a_scenario(config: Path) -> None:
    run = {document["name"] for scenario in SCENARIOS for document in expand(scenario, Overrides())}
    assert config.stem in run
