"""Reads TsFiles, and fills PostgreSQL from them; needs the extras ``server``, ``iotdb`` and ``tsfile``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.composition.stores import tsfile_history
from iotflow_server.migration.backfill.findings import fault_findings, refusal_findings
from iotflow_server.migration.backfill.offline import Show, batches, carry
from iotflow_server.migration.jobs.work import Finding
from iotflow_server.migration.lacking import compare
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.history import History, Inventory
from iotflow_server.stores.postgres.store import PostgresStore

_LACKING: Final = 3
_CONNECTIONS: Final = 2
_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Files:
    """What files hold. ``owners`` is what the history goes by, and may be changed before it is read."""

    history: History
    inventory: Inventory
    owners: dict[int, int]

    @property
    def devices(self) -> list[int]:
        """All that can be carried, in order."""
        return sorted(self.inventory.devices)


def run_work(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; a failure is one line on stderr and exit code 1."""
    try:
        asyncio.run(work)
    except ModuleNotFoundError as error:
        typer.echo(
            f"iotflow: {error.name} is not installed: pip install 'iotflow-telemetry[server,iotdb,tsfile]'", err=True
        )
        raise typer.Exit(1) from None
    except (StoreError, OSError, ValueError) as error:
        typer.echo(f"iotflow: {error}", err=True)
        raise typer.Exit(1) from None


async def list_tsfiles(folder: Path, database: str) -> None:
    """Print the devices with their series, and what cannot be carried."""
    files = await _read(folder, database)
    for device in files.devices:
        typer.echo(
            f"device {device}, user {files.owners[device]}: {', '.join(sorted(files.inventory.devices[device]))}"
        )
    _end(fault_findings(files.inventory.faults))


async def carry_tsfiles(folder: Path, database: str, dsn: str, points_per_second: int | None) -> None:
    """Fill a PostgreSQL, with at most so many points a second."""
    files = await _read(folder, database)
    async with _opened(dsn, files) as store:
        filler = store.filler(_CONNECTIONS)
        try:
            show = _shown(len(files.devices))
            carried = await carry(files.history, files.devices, filler, show, points_per_second)
        finally:
            await filler.close()
    typer.echo(f"went through {carried.points:,} points of {len(files.devices):,} devices")
    faults = fault_findings((*files.inventory.faults, *carried.faults))
    _end([*faults, *refusal_findings(carried.refused)])


async def verify_tsfiles(folder: Path, database: str, dsn: str) -> None:
    """Compare all points."""
    files = await _read(folder, database)
    async with _opened(dsn, files) as store:
        result = await compare(batches(files.history, files.devices), store)
    if result.differing:
        typer.echo(
            f"iotflow: PostgreSQL lacks {result.differing:,} of {result.points:,} points, or has them otherwise",
            err=True,
        )
        _list(result.samples)
        raise typer.Exit(_LACKING)
    typer.echo(f"PostgreSQL has all {result.points:,} points that can be read, value by value")
    _end(fault_findings(files.inventory.faults))


async def _read(folder: Path, database: str) -> _Files:
    owners: dict[int, int] = {}
    history = await asyncio.to_thread(tsfile_history, folder, database, lambda device: owners.get(device, 0))
    owners |= history.owners()
    return _Files(history, await history.inventory(), owners)


@asynccontextmanager
async def _opened(dsn: str, files: _Files) -> AsyncIterator[PostgresStore]:
    """PostgreSQL, where all devices are registered; one that was keeps its user, whose place is then the valid one."""
    owners = files.owners
    store = PostgresStore(dsn, _CONNECTIONS, _TIMEOUT_SECONDS, lambda device: owners.get(device, 0), _CONNECTIONS)
    try:
        await store.open()
        table, now = PostgresDevices(store.pool), datetime.now(UTC)
        await table.insert([RegisteredDevice(device, owners[device], now) for device in files.devices])
        owners |= {known.device_id: known.user_id for known in await table.find(files.devices)}
        yield store
    finally:
        await store.close()


def _shown(devices: int) -> Show:
    """Tell how far it is, at each hundredth of the devices."""
    done = 0
    step = max(devices // 100, 1)

    def show(device: int, points: int) -> None:
        nonlocal done
        done += 1
        if done % step == 0:
            typer.echo(f"{done:,} of {devices:,} devices, up to device {device}: {points:,} points", err=True)

    return show


def _end(findings: Sequence[Finding]) -> None:
    """Name what came up; end with its exit code where it may be a loss."""
    _list(f"{one.code} {one.subject} ({one.points:,} points): {one.detail}" for one in findings)
    if any(not one.is_informational for one in findings):
        typer.echo("iotflow: what is named above is not carried, or not as it was", err=True)
        raise typer.Exit(_LACKING)


def _list(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(f"  {line}", err=True)
