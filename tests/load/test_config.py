"""A config says what it means, or the error names the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.load.config import ConfigError, parse, read
from tests.load.durations import seconds_of

LEAST: dict[str, Any] = {"call": "a.B.C", "host": "h:1", "insecure": True, "data": {}}
STEP: dict[str, Any] = {"load-schedule": "step", "load-start": 10, "load-end": 50, "load-step": 10}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20s", 20),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("0", 0),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("7ns", 7e-9),
    ],
)
def test_a_duration_is_read_as_go_writes_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "20", "s", "-1s", "1 s", "1d", "1s2"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="20s, 1m30s or 250ms"):
        seconds_of(text)


def test_defaults_are_those_of_ghz() -> None:
    config = parse(LEAST, "x")
    assert (config.total, config.concurrency, config.connections, config.timeout) == (200, 50, 1, 20.0)
    assert (config.rps, config.duration_stop, config.load_schedule) == (0, "close", "const")


@pytest.mark.parametrize("call", ["a.b.C.D", ".a.b.C.D", "a.b.C/D"])
def test_a_method_is_named_as_ghz_has_it(call: str) -> None:
    assert parse({**LEAST, "call": call}, "x").full_method == ("a.b.C", "D")


@pytest.mark.parametrize(
    ("change", "calls", "seconds"),
    [
        ({"total": 7}, 7, None),
        ({"total": 7, "duration": "2s"}, None, 2.0),
        ({"total": 7, "max-duration": "2s"}, 7, 2.0),
        ({"total": 7, "duration": "9s", "max-duration": "2s"}, 7, 2.0),
    ],
)
def test_a_duration_replaces_the_total_and_a_longest_one_does_not(
    change: dict[str, Any], calls: int | None, seconds: float | None
) -> None:
    config = parse({**LEAST, **change}, "x")
    assert (config.calls, config.seconds) == (calls, seconds)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"async": True}, "does not support the key async; it supports call, host, name"),
        ({"totl": 5}, "does not support the key totl"),
        ({"total": "5"}, "total: Input should be a valid integer"),
        ({"total": 0}, "total: Input should be greater than or equal to 1"),
        ({"duration": 20}, "duration: write a duration as text: 20s"),
        ({"timeout": "20"}, "timeout: '20' is not a duration"),
        ({"duration-stop": "later"}, "duration-stop: Input should be 'close', 'wait' or 'ignore'"),
        ({"insecure": False}, "insecure must be true"),
        ({"call": "Write"}, "name it as package.Service.Method"),
        ({"connections": 51}, "connections must not be more than concurrency"),
        ({"data-file": "x.json"}, "exactly one of data and data-file"),
        ({"data": None}, "exactly one of data and data-file"),
        ({"data": []}, "data"),
        ({"skipFirst": 200}, "skipFirst must be less than total"),
        ({**STEP}, "load-step-duration must be set"),
        ({**STEP, "load-step": 0}, "load-step must be set"),
        ({**STEP, "load-start": 0}, "load-start must be set"),
        ({**STEP, "load-end": 10}, "load-start must be set, and differ from load-end"),
        ({**STEP, "load-step": -5, "load-step-duration": "1s"}, "load-step must lead from load-start to load-end"),
    ],
)
def test_a_fault_is_named_with_its_file_and_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse({**LEAST, **change}, "some.json")
    assert str(error.value).startswith("some.json: ")
    assert said in str(error.value)


@pytest.mark.parametrize("key", ["call", "host"])
def test_what_is_missing_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: Field required"):
        parse({name: value for name, value in LEAST.items() if name != key}, "x")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.json"):
        read(tmp_path / "x.json")
