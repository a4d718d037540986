"""Every measure works, in small sizes; how fast anything is, is not judged here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from iotflow_server.local.iotdb import LocalIotdb
from tests.bench.__main__ import measured
from tests.bench.measure import QUICK
from tests.bench.registry import MEASURES
from tests.bench.report import table, write
from tests.bench.result import Result
from tests.support.iotdb import execute


@pytest.fixture
def iotdb(own_iotdb: LocalIotdb) -> LocalIotdb:
    """What the measures here share, empty: they would start one of their own otherwise, or three."""
    if not own_iotdb.process_ids:
        own_iotdb.start()
    # Where there is no database at all, none can be deleted.
    execute(own_iotdb, "CREATE DATABASE root.one", "DELETE DATABASE root.**")
    return own_iotdb


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", MEASURES)
def test_a_measure_yields_a_result(key: str, request: pytest.FixtureRequest) -> None:
    # Asked for when it is needed: most measures do without.
    shared: Callable[[], LocalIotdb] = partial(request.getfixturevalue, "iotdb")
    result = measured(MEASURES[key], replace(QUICK, iotdb=shared))
    assert (result.key, result.goal, result.rounds) == (key, MEASURES[key].goal, QUICK.rounds)
    figures = [result.value, *result.spread, *(one for one in (result.limit, result.ratio) if one is not None)]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    assert (result.limit is None) == (result.ratio is None)
    assert result.spread[0] <= result.spread[1]
    assert json.dumps(result.details)


def test_the_table_and_the_file_hold_every_result(tmp_path: Path) -> None:
    results = [
        Result("one", 12_345.6, 20_000.0, 0.617, "points/s", "ratio >= 0.50", 5, (0.5, 0.7)),
        Result("two", 123.4, None, None, "MiB", "<= 400", 1, (100.0, 123.4)),
    ]
    head, first, second = table(results).splitlines()
    assert head.split() == ["key", "value", "limit", "unit", "ratio", "spread", "goal"]
    assert first.split()[:6] == ["one", "12,346", "20,000", "points/s", "0.62", "0.50..0.70"]
    assert second.split()[:5] == ["two", "123", "-", "MiB", "-"]
    write(tmp_path / "build" / "bench.json", results, is_quick=True)
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert written["quick"]
    assert written["results"]["two"]["value"] == 123.4


def test_an_unknown_key_is_refused_with_those_there_are() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", "nothing"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "no measure nothing" in answer.stderr
    assert all(key in answer.stderr for key in MEASURES)
