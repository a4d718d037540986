"""Says what batches amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from iotflow_server.stores.batch import Batch, Kind


def cells(batches: Sequence[Batch]) -> dict[tuple[int, str, int], tuple[Kind, Any]]:
    """What a store would hold after the batches, by (device, name, timestamp)."""
    held = {}
    for batch in batches:
        assert (np.diff(batch.timestamps) > 0).all()
        for column in batch.columns:
            times = column.timestamps(batch.timestamps).tolist()
            held.update(
                {(batch.device_id, column.name, t): (column.kind, v) for t, v in zip(times, column.values, strict=True)}
            )
    return held
