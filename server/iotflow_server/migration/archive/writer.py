"""Writes one file of an archive, page by page, so that no more than a page is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow.parquet as pq

from iotflow_server.migration.archive.columns import SCHEMA, batch_of, table_of
from iotflow_server.migration.archive.manifest import DeviceEntry
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.store import OwnerLookup

_COMPRESSION: Final = "zstd"


class BatchWriter:
    """A file; each batch is a row group of its own. To be used with ``with``."""

    def __init__(self, path: Path, owner_of: OwnerLookup) -> None:
        self._file = pq.ParquetWriter(path, SCHEMA, compression=_COMPRESSION)
        self._owner_of = owner_of
        self._devices: dict[int, DeviceEntry] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def devices(self) -> list[DeviceEntry]:
        """What was written."""
        return [self._devices[device] for device in sorted(self._devices)]

    def write(self, batch: Batch) -> None:
        """Write a batch that holds points."""
        table = table_of(batch)
        self._file.write_table(table, row_group_size=table.num_rows)
        first, last = int(batch.timestamps[0]), int(batch.timestamps[-1])
        new = DeviceEntry(batch.device_id, self._owner_of(batch.device_id), 0, first, last)
        known = self._devices.get(batch.device_id, new)
        self._devices[batch.device_id] = replace(
            known, points=known.points + table.num_rows, first=min(known.first, first), last=max(known.last, last)
        )


async def read_batches(path: Path) -> AsyncIterator[Batch]:
    """Yield the batches of a file, one after the other."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield batch_of(await asyncio.to_thread(file.read_row_group, group))
