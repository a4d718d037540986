"""Downsamples a scan device by device, within bounds of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.errors import DownsamplingTypeError
from iotflow_server.query.gathering import by_device
from iotflow_server.query.series import SeriesPoints, series_of
from iotflow_server.stores.batch import Batch, Column, Kind, is_metadata
from iotflow_server.stores.closing import closing


async def downsampled(
    batches: AsyncIterator[Batch], downsampling: Downsampling, *, max_points: int, descending: bool
) -> AsyncIterator[Batch]:
    """Yield one batch for each device of an ascending scan, without metadata; turned round if ``descending``.

    :raises DownsamplingTypeError: a series holds something else than numbers.
    :raises QueryTooLargeError: a device has more than ``max_points`` points.
    """
    async with closing(batches):
        async for gathered in by_device(_numbers(batches), max_points):
            batch = await asyncio.to_thread(_downsample, gathered, downsampling)
            if len(batch.timestamps):
                yield _turned(batch) if descending else batch


async def _numbers(batches: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
    async for batch in batches:
        columns = tuple(column for column in batch.columns if not is_metadata(column.name))
        for column in columns:
            if not column.kind.is_number:
                raise DownsamplingTypeError(batch.device_id, column.name, column.kind)
        if columns:
            yield Batch(batch.device_id, batch.timestamps, columns)


def _downsample(batches: Sequence[Batch], downsampling: Downsampling) -> Batch:
    columns = [column for series in series_of(batches) for column in _chosen(series, downsampling)]
    timestamps = np.unique(np.concatenate([np.empty(0, np.int64), *(moments for moments, _ in columns)]))
    placed = (
        Column(column.name, column.kind, column.values, np.searchsorted(timestamps, moments))
        for moments, column in columns
    )
    return Batch(batches[0].device_id, timestamps, tuple(placed))


def _chosen(series: SeriesPoints, downsampling: Downsampling) -> Iterator[tuple[NDArray[np.int64], Column]]:
    """The points that stay, one column for each kind, with their timestamps."""
    numbers = series.numbers()
    assert numbers is not None
    places = downsampling.choose(series.timestamps, numbers)
    kinds = np.full(len(series), series.kind) if series.kinds is None else series.kinds
    for kind in np.unique(kinds[places]).tolist():
        chosen = places[kinds[places] == kind]
        values = series.values[chosen].astype(Kind(kind).dtype)
        yield series.timestamps[chosen], Column(series.measurement, Kind(kind), values)


def _turned(batch: Batch) -> Batch:
    last = len(batch.timestamps) - 1
    columns = (
        Column(column.name, column.kind, column.values[::-1], None if column.rows is None else last - column.rows[::-1])
        for column in batch.columns
    )
    return Batch(batch.device_id, batch.timestamps[::-1], tuple(columns))
