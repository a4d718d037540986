"""Fields that several messages have, for many of these side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.times import SECOND
from iotflow_server.api.wire import Mask, WireRows, varint
from iotflow_server.stores.batch import Kind, Rows, Timestamps

LENGTH_DELIMITED: Final = 2
_NUMERIC_TAG: Final = bytes([Value.NUMERIC_FIELD_NUMBER << 3 | 1])
_INTEGER_TAG: Final = bytes([Value.INTEGER_FIELD_NUMBER << 3])
_BOOLEAN_TAG: Final = bytes([Value.BOOLEAN_FIELD_NUMBER << 3])
_SECONDS_TAG, _NANOS_TAG = bytes([1 << 3]), bytes([2 << 3])


def masked(is_there: Mask) -> Mask | None:
    """A mask as WireRows takes it: None where all are there."""
    # Counted, since that is several times as fast as all().
    return None if np.count_nonzero(is_there) == len(is_there) else is_there


def write_moment(body: WireRows, tag: int, moments: Timestamps, mask: Mask | None = None) -> None:
    """A Timestamp; ``mask`` says which messages have one, None that all do."""
    seconds, rest = np.divmod(moments, SECOND)
    own = WireRows(len(moments))
    for field, values in ((_SECONDS_TAG, seconds), (_NANOS_TAG, rest * 1_000)):
        if count := np.count_nonzero(values):
            is_set = mask if count == len(values) else _both(values != 0, mask)
            own.constant(field, is_set)
            own.varint(values, is_set)
    write_short(body, tag, own, mask)


def write_value(own: WireRows, kind: Kind, values: NDArray[np.generic], mask: Mask | None = None) -> None:
    """A number or truth value as the field of Value that its kind has, where it is of that kind."""
    if kind is Kind.NUMERIC:
        own.constant(_NUMERIC_TAG, mask)
        own.fixed64(values.astype(np.float64, copy=False), mask)
    elif kind is Kind.INTEGER:
        own.constant(_INTEGER_TAG, mask)
        own.varint(values.astype(np.int64, copy=False), mask)
    else:
        own.constant(_BOOLEAN_TAG, mask)
        own.byte(values.astype(np.uint8), mask)


def write_short(body: WireRows, tag: int, own: WireRows, mask: Mask | None = None) -> None:
    """Messages of less than 128 bytes within others; ``mask`` says which have one, None that all do."""
    lengths = own.lengths
    if isinstance(lengths, int):
        body.constant(bytes([tag, lengths]), mask)
    else:
        body.constant(bytes([tag]), mask)
        body.byte(lengths.astype(np.uint8), mask)
    body.append(own)


def repeated(field: int, body: WireRows, count: int) -> bytes:
    """``count`` messages, at least one, as the repeated field of that number of another one."""
    tag, lengths = bytes([field << 3 | LENGTH_DELIMITED]), body.lengths
    whole = WireRows(count)
    if isinstance(lengths, int):
        whole.constant(tag + varint(lengths))
    else:
        whole.constant(tag)
        whole.varint(lengths)
    whole.append(body)
    return whole.packed()


def distinct(names: Sequence[str]) -> tuple[list[str], Rows]:
    """The names, each once, and for each that was given its place among those."""
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return list(places), np.array(list(map(places.__getitem__, names)), np.intp)


def _both(one: Mask, other: Mask | None) -> Mask:
    return one if other is None else one & other
