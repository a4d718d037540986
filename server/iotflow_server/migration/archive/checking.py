"""Checks an archive: its points against a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from iotflow_server.migration.archive.manifest import Manifest
from iotflow_server.migration.archive.writer import read_batches
from iotflow_server.migration.lacking import Comparison, compare
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.store import TelemetryStore


async def compare_archive(folder: Path, manifest: Manifest, store: TelemetryStore) -> Comparison:
    """Compare all points. Further points of the store are no difference."""
    return await compare(_batches(folder, manifest), store)


async def _batches(folder: Path, manifest: Manifest) -> AsyncIterator[Batch]:
    for file in manifest.files:
        async for batch in read_batches(folder / file.name):
            yield batch
