"""Fields that several messages have, for many of these side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.times import SECOND
from iotflow_server.api.wire import Mask, WireRows
from iotflow_server.stores.batch import Kind, Rows, Timestamps

LENGTH_DELIMITED: Final = 2
_NUMERIC_TAG: Final = Value.NUMERIC_FIELD_NUMBER << 3 | 1
_INTEGER_TAG: Final = Value.INTEGER_FIELD_NUMBER << 3
_BOOLEAN_TAG: Final = Value.BOOLEAN_FIELD_NUMBER << 3
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
    write_short(body, tag, own, masked(is_bound))


def write_value(own: WireRows, kind: Kind, values: NDArray[np.generic], is_kind: Mask) -> None:
    """A number or truth value as the field of Value that its kind has, where it is of that kind."""
    mask = masked(is_kind)
    if kind is Kind.NUMERIC:
        own.byte(_NUMERIC_TAG, mask)
        own.fixed64(values.astype(np.float64), mask)
    elif kind is Kind.INTEGER:
        own.byte(_INTEGER_TAG, mask)
        own.varint(values.astype(np.int64), mask)
    else:
        own.byte(_BOOLEAN_TAG, mask)
        own.byte(values.astype(np.uint8), mask)


def write_short(body: WireRows, tag: int, own: WireRows, mask: Mask | None = None) -> None:
    """Messages of less than 128 bytes within others; ``mask`` says which have one, None that all do."""
    body.byte(tag, mask)
    body.byte(own.lengths().astype(np.uint8), mask)
    body.append(own)


def repeated(field: int, body: WireRows, count: int) -> bytes:
    """``count`` messages, at least one, as the repeated field of that number of another one."""
    whole = WireRows(count)
    whole.byte(field << 3 | LENGTH_DELIMITED)
    whole.varint(body.lengths())
    whole.append(body)
    return whole.packed()


def distinct(names: Iterable[str]) -> tuple[list[str], Rows]:
    """The names, each once, and for each that was given its place among those."""
    places: dict[str, int] = {}
    place_of = np.array([places.setdefault(name, len(places)) for name in names], np.intp)
    return list(places), place_of
