"""A frame must hold what its batches hold, and resolve repetitions as if they had been written one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.frame_builder import FrameBuilder


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    timestamps = sorted(draw(st.sets(st.integers(0, 8), min_size=1, max_size=5)))
    columns = []
    for name in draw(st.sets(st.sampled_from("ab"), min_size=1)):
        kind = draw(st.sampled_from([Kind.NUMERIC, Kind.INTEGER, Kind.TEXT]))
        rows = sorted(draw(st.sets(st.integers(0, len(timestamps) - 1), min_size=1)))
        values = np.empty(len(rows), kind.dtype)
        values[:] = [str(draw(st.integers(0, 99))) if kind is Kind.TEXT else draw(st.integers(0, 99)) for _ in rows]
        columns.append(Column(name, kind, values, None if len(rows) == len(timestamps) else np.array(rows)))
    return Batch(draw(st.integers(1, 3)), np.array(timestamps), tuple(columns))


def written(batches: Any) -> dict[tuple[int, str, int], tuple[Kind, Any]]:
    points = {}
    for batch in batches:
        for column in batch.columns:
            times = column.of_rows(batch.timestamps).tolist()
            for timestamp, value in zip(times, column.values.tolist(), strict=True):
                points[batch.device_id, column.name, timestamp] = (column.kind, value)
    return points


def cell_count(batches: Any) -> int:
    return sum(len(column) for batch in batches for column in batch.columns)


def part(column: Column, place: int) -> Any:
    """The values of a column as they are found in a message: copied where short, otherwise as a view."""
    packed = column.values if column.values.dtype.hasobject else column.values.tobytes()
    return memoryview(packed) if place % 2 and isinstance(packed, bytes) else packed


def add_packed(builder: FrameBuilder, batch: Batch) -> None:
    builder.begin(batch.device_id, len(batch.timestamps), batch.timestamps.tobytes())
    for place, column in enumerate(batch.columns):
        builder.add(column.name, column.kind, part(column, place), column.rows)


@given(st.lists(batches(), max_size=6))
def test_a_frame_is_its_batches(some: list[Batch]) -> None:
    frame = Frame.of(some)
    assert (len(frame), written(frame), cell_count(frame)) == (len(some), written(some), cell_count(some))
    builder = FrameBuilder()
    for batch in some:
        if len(batch.timestamps) == 1:
            series = tuple((column.name, column.kind) for column in batch.columns)
            values = [column.values.tolist()[0] for column in batch.columns]
            builder.add_row(batch.device_id, int(batch.timestamps[0]), series, values)
        elif all(column.rows is None for column in batch.columns):
            series = tuple((column.name, column.kind) for column in batch.columns)
            parts = [part(column, place) for place, column in enumerate(batch.columns)]
            builder.add_full(batch.device_id, len(batch.timestamps), batch.timestamps.tobytes(), series, parts)
        elif len(batch.timestamps) % 2:
            add_packed(builder, batch)
        else:
            builder.add_batch(batch)
    assert [written([batch]) for batch in builder.build()] == [written([batch]) for batch in some]


@given(st.lists(batches(), max_size=6))
def test_resolving_keeps_the_last_of_each_cell(some: list[Batch]) -> None:
    frame = Frame.of(some).resolved()
    assert written(frame) == written(some)
    assert cell_count(frame) == len(written(some))
    assert frame.devices == sorted({batch.device_id for batch in some})
    assert all((np.diff(batch.timestamps) > 0).all() for batch in frame)
    assert all((np.diff(c.rows) > 0).all() for batch in frame for c in batch.columns if c.rows is not None)


@given(st.lists(batches(), max_size=6), st.sets(st.integers(1, 3)))
def test_a_part_of_a_frame_has_the_chosen_batches(some: list[Batch], devices: set[int]) -> None:
    frame = Frame.of(some).resolved()
    part = frame.only(np.array([device_id in devices for device_id in frame.devices], np.bool_))
    assert written(part) == {key: value for key, value in written(some).items() if key[0] in devices}
    assert part.devices == [device_id for device_id in frame.devices if device_id in devices]
