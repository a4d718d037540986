"""Fields that several messages have, for many of these side by side."""

from __future__ import annotations

from typing import Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.times import SECOND
from iotflow_server.api.wire import Mask, WireRows
from iotflow_server.stores.batch import Timestamps

LENGTH_DELIMITED: Final = 2
NUMERIC_TAG: Final = Value.NUMERIC_FIELD_NUMBER << 3 | 1
INTEGER_TAG: Final = Value.INTEGER_FIELD_NUMBER << 3
BOOLEAN_TAG: Final = Value.BOOLEAN_FIELD_NUMBER << 3
_SECONDS_TAG, _NANOS_TAG = 1 << 3, 2 << 3


def masked(is_there: Mask) -> Mask | None:
    """A mask as WireRows takes it: None where all are there."""
    return None if is_there.all() else is_there


def write_moment(body: WireRows, tag: int, moments: Timestamps, is_bound: Mask) -> None:
    """A Timestamp, where there is one."""
    seconds, rest = np.divmod(moments, SECOND)
    own = WireRows(len(moments))
    for field, values in ((_SECONDS_TAG, seconds), (_NANOS_TAG, rest * 1_000)):
        is_set = is_bound & (values != 0)
        if is_set.any():
            own.byte(field, masked(is_set))
            own.varint(values, masked(is_set))
    body.byte(tag, masked(is_bound))
    body.byte(own.lengths().astype(np.uint8), masked(is_bound))
    body.append(own)
