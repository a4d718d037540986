"""What a store lacks of batches, or has otherwise, point by point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from iotflow_server.migration.difference import difference
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore

_SAMPLES: Final = 10


@dataclass(slots=True)
class Comparison:
    """Points gone through, and those that a store lacks or has otherwise, by series; ``samples`` are for people."""

    points: int = 0
    differing: int = 0
    samples: list[str] = field(default_factory=list)


async def compare(batches: AsyncIterator[Batch], store: TelemetryStore) -> Comparison:
    """Compare all points. Further points of the store are no difference."""
    result = Comparison()
    async for batch in batches:
        result.points += sum(map(len, batch.columns))
        _add(result, await _differing(batch, store))
    return result


async def _differing(batch: Batch, store: TelemetryStore) -> Batch | None:
    span = TimeRange(int(batch.timestamps[0]), int(batch.timestamps[-1]) + 1)
    selection = Selection((batch.device_id,), time_range=span, scope=Scope.BOTH)
    there = [found async for found in store.scan(selection)]
    return difference(batch, there, batch.device_id)[0]


def _add(result: Comparison, differing: Batch | None) -> None:
    for column in () if differing is None else differing.columns:
        assert differing is not None
        result.differing += len(column)
        if len(result.samples) < _SAMPLES:
            first = np.datetime64(int(column.timestamps(differing.timestamps)[0]), "us")
            what = f"device {differing.device_id}, {column.name!r}: {len(column):,} points, the first at {first}Z"
            result.samples.append(what)
