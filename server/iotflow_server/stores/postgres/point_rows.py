"""Points of one measurement and kind on their way into rows of PostgreSQL's binary COPY format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Timestamps, Values

#: The columns of a row, in this order.
COLUMNS: Final = (
    "device_id", "user_id", "timestamp", "measurement_name", "numeric_value", "integer_value", "text_value",
    "boolean_value", "json_value", "metadata", "quality_flag",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PointRows:
    """Points of one measurement and kind, of any devices, in columns of equal length.

    ``values`` are object arrays of str for TEXT and JSON. ``metadata`` is JSON by row, None where they have none.
    """

    name: str
    kind: Kind
    device_ids: NDArray[np.int32]
    user_ids: NDArray[np.int32] | None
    timestamps: Timestamps
    values: Values
    metadata: Sequence[bytes] | None
    quality: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.timestamps)
