"""What no test server can be brought to send or be: run-length columns, other clocks."""

from __future__ import annotations

import struct

import pytest

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.iotdb.blocks import decode_block
from iotflow_server.stores.iotdb.clock import Clock, Window
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange


def _block(encoding: int, column: bytes) -> bytes:
    times = b"\0" + struct.pack(">3q", 1, 2, 3)
    return struct.pack(">iBi2B", 1, 2, 3, 2, encoding) + times + column


def test_a_run_is_repeated() -> None:
    (column,) = decode_block(_block(4, b"\2" + b"\0" + struct.pack(">q", 2**62 + 1))).columns
    assert (column.rows.tolist(), column.values.tolist()) == ([0, 1, 2], [2**62 + 1] * 3)


def test_a_run_of_nothing_is_empty() -> None:
    (column,) = decode_block(_block(4, b"\2" + b"\1\x80")).columns
    assert (column.rows.tolist(), column.values.tolist()) == ([], [])


def test_an_unknown_encoding_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="encoded as 5"):
        decode_block(_block(5, b"\0"))


def test_a_range_within_a_tick_is_empty() -> None:
    assert Clock.of("ms").window(TimeRange(1, 1000)).is_empty
    assert Clock.of("ms").window(TimeRange(-1000, 1)) == Window(-1, 0)
    assert Clock.of("us").window(TimeRange(-1000, 1)) == Window(-1000, 0)


def test_a_bound_that_need_not_be_said_is_not() -> None:
    window = Clock.of("ms").window(TimeRange(MIN_TIMESTAMP, MAX_TIMESTAMP))
    assert window.where == "time >= -62135596800000"


def test_a_clock_finer_than_ours_is_refused() -> None:
    with pytest.raises(StoreRefusedError, match="'ns'"):
        Clock.of("ns")
