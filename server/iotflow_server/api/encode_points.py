"""Points to the bytes of their messages: point by point in Python would take several times as long."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.value_pb2 import TelemetryPoint
from iotflow_server.api.encode_numbers import number_bytes
from iotflow_server.api.wire import WireRows
from iotflow_server.api.wire_fields import (
    LENGTH_DELIMITED,
    distinct,
    masked,
    repeated,
    write_moment,
    write_short,
    write_value,
)
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points

#: Tells the owner of a device, 0 for none.
Owner = Callable[[int], int]

_DEVICE_TAG: Final = bytes([TelemetryPoint.DEVICE_ID_FIELD_NUMBER << 3])
_MOMENT_TAG: Final = TelemetryPoint.TIMESTAMP_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_VALUE_TAG: Final = TelemetryPoint.VALUE_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_USER_TAG: Final = bytes([TelemetryPoint.USER_ID_FIELD_NUMBER << 3])
_FIXED: Final = [Kind.NUMERIC, Kind.INTEGER, Kind.BOOLEAN]
#: Names whose bytes are remembered.
_NAMES: Final = 4_096


def is_fixed(points: Points) -> bool:
    """Whether all values are of kinds that :func:`point_bytes` writes: no text, no JSON."""
    return not len(points.texts)


def point_bytes(points: Points, owner: Owner, field: int) -> bytes:
    """Points of fixed kinds without metadata, at least one, as the repeated ``field`` of a message."""
    users = {device_id: owner(device_id) for device_id in {key.device_id for key in points.series}}
    found = number_bytes(points, [users[key.device_id] for key in points.series], field)
    return _any_bytes(points, owner, field) if found is None else found


def _any_bytes(points: Points, owner: Owner, field: int) -> bytes:
    body = WireRows(points.point_count)
    _write_series(body, points)
    write_moment(body, _MOMENT_TAG, points.timestamps)
    _write_values(body, points)
    _write_users(body, points, owner)
    return repeated(field, body, points.point_count)


@lru_cache(_NAMES)
def name_bytes(name: str) -> bytes:
    """A measurement as the field of a point."""
    return TelemetryPoint(measurement=name).SerializeToString()


def _write_series(body: WireRows, points: Points) -> None:
    """Device and measurement."""
    names, name_of = distinct([key.measurement for key in points.series])
    body.constant(_DEVICE_TAG)
    body.varint(points.device_ids.astype(np.int64))
    body.one_of(list(map(name_bytes, names)), name_of[points.series_of])


def _write_users(body: WireRows, points: Points, owner: Owner) -> None:
    users = {device_id: owner(device_id) for device_id in {key.device_id for key in points.series}}
    if not any(users.values()):
        return
    user_of = np.array([users[key.device_id] for key in points.series], np.int64)[points.series_of]
    mask = masked(user_of != 0)
    body.constant(_USER_TAG, mask)
    body.varint(user_of, mask)


def _write_values(body: WireRows, points: Points) -> None:
    own = WireRows(points.point_count)
    for kind in _FIXED:
        is_kind = points.kinds == kind
        if (count := np.count_nonzero(is_kind)) == points.point_count:
            write_value(own, kind, points.values.astype(kind.dtype, copy=False))
            break
        if count:
            write_value(own, kind, _values_of(points, kind, is_kind), is_kind)
    write_short(body, _VALUE_TAG, own)


def _values_of(points: Points, kind: Kind, is_kind: NDArray[np.bool_]) -> NDArray[np.generic]:
    """The values of a kind, each in its point's place, 0 in those of others."""
    found = np.zeros(points.point_count, kind.dtype)
    found[is_kind] = points.values[is_kind]
    return found
