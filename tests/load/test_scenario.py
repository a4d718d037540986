"""A scenario becomes whole configs of ghz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.config import ConfigError
from tests.load.scenario import Overrides, expand, shares

MIX: dict[str, Any] = {"rps": 30, "concurrency": 3, "duration": "20s", "weights": {"a.json": 2, "b.json": 1}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text(json.dumps({"call": "A", "host": "h:1", "total": 9, "max-duration": "1m"}))
    (tmp_path / "b.json").write_text(json.dumps({"call": "B", "host": "h:1", "connections": 5}))
    return tmp_path


def mix(folder: Path, **change: Any) -> Path:
    (folder / "mix.json").write_text(json.dumps({**MIX, **change}))
    return folder / "mix.json"


@given(st.integers(0, 10_000), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_shares_add_up_and_are_off_by_less_than_one(whole: int, weights: list[int]) -> None:
    parts = shares(whole, weights)
    assert sum(parts) == whole
    assert all(abs(part - whole * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


def test_a_config_is_a_scenario_and_is_named_after_its_file(folder: Path) -> None:
    assert expand(folder / "a.json", Overrides()) == [
        {"name": "a", "call": "A", "host": "h:1", "total": 9, "max-duration": "1m"}
    ]


def test_a_total_takes_the_place_of_what_ended_the_run_before(folder: Path) -> None:
    (document,) = expand(folder / "a.json", Overrides("other:2", total=5))
    assert document == {"name": "a", "call": "A", "host": "other:2", "total": 5}


def test_a_duration_takes_the_place_of_what_ended_the_run_before(folder: Path) -> None:
    (document,) = expand(folder / "a.json", Overrides(duration="3s"))
    assert document == {"name": "a", "call": "A", "host": "h:1", "duration": "3s"}


def test_a_mix_shares_its_rate_workers_and_total_by_weight(folder: Path) -> None:
    first, second = expand(mix(folder), Overrides(total=30))
    assert [first[key] for key in ("name", "rps", "concurrency", "total")] == ["a", 20, 2, 20]
    assert [second[key] for key in ("name", "rps", "concurrency", "total")] == ["b", 10, 1, 10]
    assert second["connections"] == 1


def test_a_part_of_a_mix_that_gets_no_call_is_left_out(folder: Path) -> None:
    assert [document["total"] for document in expand(mix(folder), Overrides(total=1))] == [1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rps": 0}, "rps: "),
        ({"total": 5}, "total: "),
        ({"weights": {}}, "weights: "),
        ({"weights": {"a.json": 0}}, "weights.a.json: "),
        ({"weights": {"none.json": 1}}, "none.json"),
    ],
)
def test_a_fault_of_a_mix_is_named(folder: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        expand(mix(folder, **change), Overrides())


def test_a_config_with_a_schedule_of_its_own_is_no_part_of_a_mix(folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps({"load-schedule": "step"}))
    with pytest.raises(ConfigError, match="load-schedule has no meaning in a mix"):
        expand(mix(folder), Overrides())
