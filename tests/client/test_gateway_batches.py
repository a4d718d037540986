"""Rows to batches, and batches to messages: joined, split, and still the same points in the same order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import Columns, InvalidArgumentError, encode_columns
from iotflow.telemetry._batcher import Batcher
from iotflow.telemetry._entries import Entry
from iotflow.telemetry._requests import Packer, Request
from iotflow.telemetry._rows import encode_row
from iotflow.telemetry._splitting import VALUE_FIELDS, pieces, points_of
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import ColumnBatch

Cell = tuple[int, int, str, str, str]

ROWS: list[tuple[int, dict[str, Any], dict[str, Any] | None, int | None]] = [
    (1, {"x": 1.5, "ok": True}, None, None),
    (1, {"x": 2.5}, {"site": "north"}, None),
    (2, {"x": 7}, None, None),
    (1, {"y": "text", "x": -0.0}, {"site": "south", "floor": 3}, None),
    (1, {"x": 3}, None, None),
    (1, {"x": 4.5}, None, 3),
    (2, {"x": 2**53 + 1, "j": {"a": [1]}}, None, None),
    (1, {"z": 1.0}, None, 3),
]


def cells(batch: ColumnBatch) -> list[Cell]:
    """Every value with its device, timestamp and name; metadata and quality too."""
    found: list[Cell] = []
    for part in ("columns", "metadata"):
        for column in getattr(batch, part):
            rows = sorted(set(range(len(batch.timestamps))) - set(column.missing_rows))
            (values,) = [getattr(column, field) for field in VALUE_FIELDS if len(getattr(column, field))] or [[]]
            found += [
                (batch.device_id, batch.timestamps[row], part, column.name, repr(value))
                for row, value in zip(rows, values, strict=True)
            ]
    found += [
        (batch.device_id, moment, "quality", "", repr(flag))
        for moment, flag in zip(batch.timestamps, batch.quality_flags, strict=False)
    ]
    return found


def all_cells(batches: Iterable[ColumnBatch]) -> list[Cell]:
    return sorted(cell for batch in batches for cell in cells(batch))


def batched(rows: Any = ROWS) -> list[ColumnBatch]:
    batcher = Batcher()
    for moment, (device, values, metadata, quality) in enumerate(rows):
        batcher.add_row(encode_row(device, values, moment, metadata, quality, 0))
    return batcher.take()


def entry(number: int, batches: list[ColumnBatch]) -> Entry:
    payload = WriteTelemetryStreamRequest(batches=batches).SerializeToString()
    return Entry(number, sum(map(points_of, batches)), 0.0, payload)


def test_rows_become_the_same_cells() -> None:
    batches = batched()
    expected = [
        (device, moment, part, name, repr(value) if not isinstance(value, dict) else repr('{"a":[1]}'))
        for moment, (device, values, metadata, quality) in enumerate(ROWS)
        for part, given in (("columns", values), ("metadata", metadata or {}))
        for name, value in given.items()
    ]
    expected += [(row[0], moment, "quality", "", repr(row[3])) for moment, row in enumerate(ROWS) if row[3] is not None]
    assert all_cells(batches) == sorted(expected)


def test_rows_of_one_shape_share_a_batch_and_a_change_of_kind_or_quality_begins_another() -> None:
    assert [(batch.device_id, list(batch.timestamps)) for batch in batched()] == [
        (1, [0, 1, 3]),
        (1, [4]),
        (2, [2, 6]),
        (1, [5, 7]),
    ]


def test_the_order_of_a_device_is_kept_where_rows_and_columns_mix() -> None:
    batcher = Batcher()
    for moment in (3, 2):
        batcher.add_row(encode_row(1, {"x": 1.0}, moment, None, None, 0))
    batcher.add_batch(encode_columns(Columns(1, [1], {"x": [2.0]})), 10)
    batcher.add_row(encode_row(1, {"x": 1.0}, 0, None, None, 0))
    assert batcher.points == 4
    assert [list(batch.timestamps) for batch in batcher.take()] == [[3, 2], [1], [0]]
    assert (batcher.points, batcher.nbytes, batcher.take()) == (0, 0, [])


def large_batch() -> ColumnBatch:
    chance = np.random.default_rng(3)
    count = 1000
    mask = chance.random(count) < 0.5
    return encode_columns(
        Columns(
            1,
            np.arange(count),
            {
                "x": chance.random(count),
                "sparse": np.ma.MaskedArray(np.arange(count), mask=mask),
                "text": [f"value {row}" for row in range(count)],
            },
            {"site": np.ma.MaskedArray(np.arange(count), mask=~mask)},
            quality=np.arange(count),
        )
    )


@pytest.mark.parametrize("max_bytes", [30_000, 5_000, 300, 60, 1])
def test_pieces_are_small_and_hold_the_same_cells(max_bytes: int) -> None:
    batch = large_batch()
    parts = list(pieces(batch, max_bytes))
    assert all(part.ByteSize() <= max_bytes or points_of(part) == 1 for part in parts)
    assert [moment for part in parts for moment in part.timestamps] == sorted(
        moment for part in parts for moment in part.timestamps
    )
    assert all_cells(parts) == all_cells([batch])
    assert sum(map(points_of, parts)) == points_of(batch)


def test_a_batch_that_fits_is_left_as_it_is() -> None:
    batch = large_batch()
    assert list(pieces(batch, batch.ByteSize())) == [batch]


def test_small_batches_of_one_device_are_joined_in_a_message() -> None:
    entries = [entry(number, batched([(1, {"x": 1.0}, None, None)])) for number in range(1, 101)]
    (request,) = Packer(10_000).requests(entries)
    assert (len(request.message.batches), request.points, request.completes) == (1, 100, 100)


def test_joining_keeps_every_cell_and_the_order_of_each_device() -> None:
    chance = random.Random(5)
    entries: list[Entry] = []
    moments = itertools.count()
    for number in range(1, 200):
        rows = [chance.choice(ROWS) for _ in range(chance.randint(1, 4))]
        batcher = Batcher()
        for device, values, metadata, quality in rows:
            batcher.add_row(encode_row(device, values, next(moments), metadata, quality, 0))
        entries.append(entry(number, batcher.take()))
    requests = list(Packer(100).requests(entries))
    sent = [batch for request in requests for batch in request.message.batches]
    spooled = [batch for each in entries for batch in WriteTelemetryStreamRequest.FromString(each.payload).batches]
    assert all_cells(sent) == all_cells(spooled)
    for device in (1, 2):
        assert [moment for batch in sent if batch.device_id == device for moment in batch.timestamps] == [
            moment for batch in spooled if batch.device_id == device for moment in batch.timestamps
        ]
    assert all(request.points <= 100 for request in requests)
    assert [request.completes for request in requests] == sorted(request.completes for request in requests)
    assert requests[-1].completes == 199


def test_an_entry_in_several_messages_is_complete_with_the_last() -> None:
    requests = list(Packer(300).requests([entry(1, list(pieces(large_batch(), 1000)))]))
    assert len(requests) > 5
    assert [request.completes for request in requests] == [0] * (len(requests) - 1) + [1]


def test_a_packer_halves_until_messages_fit_and_gives_up_single_points_that_never_will() -> None:
    rows = [(1, {"x": 1.0}, None, None), (1, {"t": "x" * 5000}, None, None), (1, {"x": 2.0}, None, None)]
    entries, packer, limit = [entry(1, batched(rows))], Packer(10_000), 500
    for _ in range(20):
        requests: list[Request] = []
        for request in packer.requests(entries):
            requests.append(request)
            if request.nbytes > limit:
                packer.shrink(requests)
                break
        else:
            break
    assert max(request.nbytes for request in requests) <= limit
    assert sum(request.points for request in requests) == 2
    assert [batch.columns[0].name for request in requests for batch in request.hopeless] == ["t"]
    assert requests[-1].completes == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((1, {}, 0), "values"),
        ((1, [1.0], 0), "values"),
        ((1, {"x": None}, 0), 'values["x"]'),
        ((1, {"x": 2**63}, 0), 'values["x"]'),
        ((1, {"\ud800": 1.0}, 0), "values"),
        ((1, {"x": 1.0}, "noon"), "timestamp"),
        ((2**31, {"x": 1.0}, 0), "device_id"),
        ((1, {"x": 1.0}, 0, {"k": {1}}), 'metadata["k"]'),
        ((1, {"x": 1.0}, 0, None, 2**31), "quality_flag"),
    ],
    ids=repr,
)
def test_a_row_that_cannot_be_sent_is_refused_by_its_field(arguments: Any, field: str) -> None:
    device, values, moment, metadata, quality = [*arguments, None, None][:5]
    with pytest.raises(InvalidArgumentError) as raised:
        encode_row(device, values, moment, metadata, quality, 0)
    assert [violation.field for violation in raised.value.violations] == [field]
