"""``iotflow query`` as people call it: a process of its own against a real service."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import Columns, Record, TelemetryClient
from iotflow_server.local.service import ServiceProcess

COMMAND = Path(sys.executable).parent / "iotflow"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Iotflow:
    """Runs the command against a service."""

    def __init__(self, address: str) -> None:
        self.environment = {**os.environ, "IOTFLOW_ADDRESS": address, "COLUMNS": "200", "LINES": "40"}

    async def __call__(self, *arguments: object, code: int = 0) -> str:
        """Return what it printed, on stderr where it is to fail with a code."""
        done = await asyncio.to_thread(
            subprocess.run, self.line(*arguments), env=self.environment, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.replace("│", " ").split()) if code else done.stdout

    async def rows(self, *arguments: object) -> list[dict[str, Any]]:
        """Return the rows that it printed as JSON."""
        return [json.loads(line) for line in (await self(*arguments, "--json")).splitlines()]

    def line(self, *arguments: object) -> list[str]:
        """The words of a command."""
        return [str(COMMAND), "query", *map(str, arguments)]


@pytest.fixture
def iotflow(service: ServiceProcess) -> Iotflow:
    """The command."""
    return Iotflow(service.address)


async def test_points_are_a_table_unless_another_format_is_asked_for(
    client: TelemetryClient, iotflow: Iotflow, device: int
) -> None:
    await client.write([Record(device, {"temperature": 21.5, "state": "on\x1b[2J"}, NOON, {"site": "north"})])
    shown = await iotflow(device)
    for word in ("measurement", "temperature", "21.5", "2026-01-01T12:00:00Z", '{"site":"north"}', "on\\x1b[2J"):
        assert word in shown
    assert "quality_flag" not in shown
    assert await iotflow(device, "--to", "2000-01-01") == "no rows\n"


async def test_json_lines_hold_every_kind_of_value_as_it_is(
    client: TelemetryClient, iotflow: Iotflow, device: int
) -> None:
    values: dict[str, Any] = {"a": 0.1, "b": 2**53 + 1, "c": "ä", "d": True, "e": {"x": [1, None]}, "f": float("nan")}
    await client.write([Record(device, values, NOON, {"site": "north"}, quality_flag=3)])
    rows = await iotflow.rows(device)
    assert {row["measurement"]: row["value"] for row in rows} == values | {"f": "NaN"}
    assert {(row["timestamp"], row["quality_flag"], row["metadata"]["site"]) for row in rows} == {
        ("2026-01-01T12:00:00.000000Z", 3, "north")
    }


async def test_a_file_of_csv_holds_the_whole_range(
    client: TelemetryClient, iotflow: Iotflow, device: int, tmp_path: Path
) -> None:
    count = 30_000
    stamps = np.datetime64("2026-01-01", "us") + np.arange(count) * np.timedelta64(1, "s")
    async with client.write_stream() as stream:
        await stream.send(Columns(device, stamps, {"voltage": np.arange(count) / 7}))
        await stream.flush()
    file = tmp_path / "out.csv"
    assert await iotflow(device, "--format", "csv", "--output", file) == ""
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [float(row["value"]) for row in rows] == (np.arange(count) / 7).tolist()
    assert rows[-1]["timestamp"] == "2026-01-01T08:19:59.000000Z"


async def test_a_range_relative_to_now_and_a_limit_choose_points(
    client: TelemetryClient, iotflow: Iotflow, device: int
) -> None:
    now = datetime.now(UTC)
    await client.write(
        [Record(device, {"a": hours, "b": hours}, now - timedelta(hours=hours)) for hours in range(1, 6)]
    )
    rows = await iotflow.rows(device, "--from", "-3h30m", "-m", "a", "--order", "descending", "--limit", 2)
    assert [row["value"] for row in rows] == [1, 2]
    rows = await iotflow.rows(device, "--from", "-3h30m", "--to", "now", "-m", "a")
    assert [row["value"] for row in rows] == [3, 2, 1]


async def test_aggregates_latest_and_downsampled_points_instead_of_points(
    client: TelemetryClient, iotflow: Iotflow, device: int
) -> None:
    await client.write([Record(device, {"a": float(row)}, NOON + timedelta(minutes=row)) for row in range(120)])
    rows = await iotflow.rows(
        device, "--aggregate", "mean", "--aggregate", "count", "--percentile", 50, "--window", "1h"
    )
    assert [(row["window_start"], row["mean"], row["count"], row["p50"]) for row in rows] == [
        ("2026-01-01T12:00:00.000000Z", 29.5, 60, 29.5),
        ("2026-01-01T13:00:00.000000Z", 89.5, 60, 89.5),
    ]
    (day,) = await iotflow.rows(
        device, "--aggregate", "max", "--window", "day", "--time-zone", "Europe/Berlin", "--from", "2026-01-01"
    )
    assert (day["window_start"], day["max"]) == ("2025-12-31T23:00:00.000000Z", 119.0)
    assert [row["value"] for row in await iotflow.rows(device, "--latest")] == [119.0]
    assert len(await iotflow.rows(device, "--downsample", 10)) == 10


async def test_plots_draw_points_or_aggregates(client: TelemetryClient, iotflow: Iotflow, device: int) -> None:
    stamps = np.datetime64("2026-01-01", "us") + np.arange(5000) * np.timedelta64(1, "s")
    async with client.write_stream() as stream:
        await stream.send(Columns(device, stamps, {"wave": np.sin(np.arange(5000) / 500), "open": stamps > stamps[9]}))
        await stream.flush()
    for options in ((), ("--aggregate", "mean", "--window", "5m")):
        drawn = await iotflow(device, "--format", "plot", *options)
        assert f"{device} wave" in drawn
        assert sum("\u2801" <= character <= "\u28ff" for character in drawn) > 50
    assert "no points" in await iotflow(device, "-m", "nothing", "--format", "plot")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "either DEVICES or --user"),
        ((1, "--user", 2), "either DEVICES or --user"),
        ((1, "--from", "yesterday"), "'--from': 'yesterday' is no moment: write it as 2026-01-31"),
        ((1, "--to", "-1x"), "'--to': '-1x' is no moment"),
        ((1, "--timeout", 0), "'--timeout'"),
        ((1, "--timeout", -1), "'--timeout'"),
        ((1, "--downsample", 0), "'--downsample'"),
        ((1, "--aggregate", "mean", "--window", "soon"), "'--window': 'soon' is no length of time: write it as"),
        ((1, "--window", "1h"), "go with --aggregate"),
        ((1, "--latest", "--aggregate", "mean"), "only one of"),
        ((1, "--latest", "--from", "-1h"), "leave --from and --to out"),
        ((1, "--downsample", 10, "--limit", 3), "not with --latest or --downsample"),
        ((1, "--format", "plot", "--aggregate", "mean"), "needs --window"),
        ((1, "--format", "plot", "--limit", 3), "--from and --to instead of --limit"),
        (("x",), "Invalid value for 'DEVICES'"),
        ((0,), "Invalid value for 'DEVICES'"),
        ((1, 2**31), "Invalid value for 'DEVICES'"),
        (("--user", -1), "Invalid value for '--user'"),
        ((1, "--from", "2026-01-02", "--to", "2026-01-01"), "--from must not be after --to"),
    ],
)
async def test_wrong_usage_is_told_before_anything_is_sent(options: tuple[object, ...], reason: str) -> None:
    assert reason in await Iotflow("127.0.0.1:9")(*options, code=2)


async def test_what_the_service_refuses_is_one_line_with_its_reason(
    client: TelemetryClient, iotflow: Iotflow, device: int, tmp_path: Path
) -> None:
    await client.write([Record(device, {"state": "on"}, NOON)])
    told = await iotflow(device, "--aggregate", "mean", code=1)
    assert f"the series 'state' of device {device} holds TEXT values" in told
    told = await iotflow(device, "--aggregate", "count", "--window", "day", "--time-zone", "Mars/Base", code=1)
    assert "calendar_window.time_zone" in told
    assert "No such file" in await iotflow(device, "--output", tmp_path / "none" / "out.csv", code=1)
    assert "UNAVAILABLE" not in await Iotflow("127.0.0.1:9")(device, "--latest", "--timeout", 1, code=1)


async def test_a_table_too_long_to_read_says_what_to_ask_for(
    client: TelemetryClient, iotflow: Iotflow, device: int
) -> None:
    stamps = np.datetime64("2026-01-01", "us") + np.arange(10_001) * np.timedelta64(1, "s")
    async with client.write_stream() as stream:
        await stream.send(Columns(device, stamps, {"a": np.zeros(10_001)}))
        await stream.flush()
    assert "--format csv" in await iotflow(device, "--limit", 0, code=1)


async def test_a_table_that_ends_early_says_so_and_what_to_ask_for(
    client: TelemetryClient, service: ServiceProcess, iotflow: Iotflow, device: int
) -> None:
    stamps = np.datetime64("2026-01-01", "us") + np.arange(101) * np.timedelta64(1, "s")
    async with client.write_stream() as stream:
        await stream.send(Columns(device, stamps, {"a": np.zeros(101)}))
        await stream.flush()
    told = "iotflow: there are more points than these 100: give --limit, --from, --order descending or --format csv\n"
    assert await told_beside(iotflow, device) == told
    assert await told_beside(iotflow, device, "--limit", 100) == ""
    assert await told_beside(iotflow, device, "--from", "2026-01-01T00:00:01") == ""


async def told_beside(iotflow: Iotflow, *arguments: object) -> str:
    """What a command that succeeds prints on stderr."""
    words = iotflow.line(*arguments)
    process = await asyncio.create_subprocess_exec(*words, env=iotflow.environment, stdout=-1, stderr=-1)
    told = (await process.communicate())[1].decode()
    assert process.returncode == 0
    return told


async def test_a_reader_that_has_enough_ends_the_command_in_silence(
    client: TelemetryClient, service: ServiceProcess, device: int
) -> None:
    stamps = np.datetime64("2026-01-01", "us") + np.arange(100_000) * np.timedelta64(1, "s")
    async with client.write_stream() as stream:
        await stream.send(Columns(device, stamps, {"a": np.zeros(100_000)}))
        await stream.flush()
    words = Iotflow(service.address).line(device, "--json", "--address", service.address)
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await process.stderr.read() == b""
    assert await process.wait() == 1
