"""Checks an archive and brings it back; needs the extras ``server`` and ``archive``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.migration.archive.checking import compare_archive
from iotflow_server.migration.archive.manifest import ArchiveError, Manifest, check_files, read_manifest
from iotflow_server.migration.archive.restoring import owners_of, restore
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.postgres.store import PostgresStore

_LACKING: Final = 3
_CONNECTIONS: Final = 2
_TIMEOUT_SECONDS: Final = 60.0
_SHOWN: Final = 20


def run_work(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; a failure is one line on stderr and exit code 1."""
    try:
        asyncio.run(work)
    except (ArchiveError, StoreError, OSError) as error:
        typer.echo(f"iotflow: {error}", err=True)
        raise typer.Exit(1) from None


async def verify_archive(folder: Path, dsn: str) -> None:
    """Check files and, with a URL of PostgreSQL, points; what lacks ends the command with its exit code."""
    manifest = await _sound(folder)
    typer.echo(f"{len(manifest.files):,} files with {manifest.points:,} points are as they were written")
    if not dsn:
        return
    async with _opened(dsn, manifest) as store:
        result = await compare_archive(folder, manifest, store)
    if result.differing:
        _lacking(
            f"PostgreSQL lacks {result.differing:,} of {result.points:,} points, or has them otherwise", result.samples
        )
    typer.echo(f"PostgreSQL has all {result.points:,} of them, value by value")


async def restore_archive(folder: Path, dsn: str) -> None:
    """Fill a PostgreSQL."""
    manifest = await _sound(folder)
    async with _opened(dsn, manifest) as store:
        now = datetime.now(UTC)
        devices = [RegisteredDevice(device, user, now) for device, user in owners_of(manifest).items()]
        await PostgresDevices(store.pool).insert(devices)
        filler = store.filler(_CONNECTIONS)
        try:
            result = await restore(folder, manifest, filler)
        finally:
            await filler.close()
    if result.refused:
        named = [f"device {point.device_id}, {point.name!r}: {point.message}" for point in result.refused]
        _lacking(f"PostgreSQL does not take {len(named):,} of {result.points:,} points", named)
    typer.echo(f"PostgreSQL has {result.points:,} points of the archive")


async def _sound(folder: Path) -> Manifest:
    """The manifest of an archive whose files are whole."""
    manifest = await asyncio.to_thread(read_manifest, folder)
    if troubles := await asyncio.to_thread(check_files, folder, manifest.files):
        _lacking(f"{len(troubles):,} of {len(manifest.files):,} files are not as they were written", troubles)
    return manifest


@asynccontextmanager
async def _opened(dsn: str, manifest: Manifest) -> AsyncIterator[PostgresStore]:
    owners = owners_of(manifest)
    store = PostgresStore(dsn, _CONNECTIONS, _TIMEOUT_SECONDS, lambda device: owners.get(device, 0), _CONNECTIONS)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def _lacking(what: str, samples: list[str]) -> None:
    typer.echo(f"iotflow: {what}", err=True)
    for sample in samples[:_SHOWN]:
        typer.echo(f"  {sample}", err=True)
    raise typer.Exit(_LACKING)
