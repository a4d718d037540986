"""Answers of both stores to one question, and where they first differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.point_list import PointList
from iotflow_server.query.results import Cell, LatestPoints, Page
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.json_text import same_json

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A point or a row of aggregates: what it is of, and its values by name."""

    key: tuple[Any, ...]
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in order; ``has_more`` where a store has ended the page, maybe earlier than the other one."""

    rows: list[Row]
    has_more: bool = False


def answer_of(result: Page | LatestPoints | AggregateTable) -> Answer:
    """The answer that a result is."""
    if isinstance(result, Page):
        return Answer(list(_points(result.points)), bool(result.next_token))
    if isinstance(result, LatestPoints):
        return Answer(list(_points(result.points)))
    return Answer(
        [
            Row(
                (row.device_id, row.measurement, row.window_start, row.window_end, row.is_filled),
                {str(number): cell for number, cell in enumerate(row.values)},
            )
            for row in result.rows
        ]
    )


def differences(primary: Answer, secondary: Answer) -> Iterator[str]:
    """Where the secondary's answer is another one, row by row, in words."""
    for one, other in zip(primary.rows, secondary.rows, strict=False):
        if one.key != other.key or not _are_same(one.cells, other.cells):
            yield f"{_told(one)} / {_told(other)}"
    yield from (f"{_told(row)} / nothing" for row in _beyond(primary, secondary))
    yield from (f"nothing / {_told(row)}" for row in _beyond(secondary, primary))


def _beyond(long: Answer, short: Answer) -> Sequence[Row]:
    return () if short.has_more else long.rows[len(short.rows) :]


def _are_same(one: Mapping[str, Cell], other: Mapping[str, Cell]) -> bool:
    return all(_same(one.get(name), other.get(name)) for name in one.keys() | other.keys())


def _points(points: PointList) -> Iterator[Row]:
    keys = zip(points.device_ids, points.measurements, points.timestamps, strict=True)
    values = zip(points.kinds, points.values, strict=True)
    for key, value, metadata, quality in zip(keys, values, points.metadata, points.quality, strict=True):
        cells: dict[str, Cell] = {f"meta {name}": cell for name, cell in metadata.items()}
        cells["quality"] = (Kind.INTEGER, quality)
        cells["value"] = value
        yield Row(key, cells)


def _same(one: Cell, other: Cell) -> bool:
    if one is None or other is None:
        return one is other
    (kind, value), (other_kind, other_value) = one, other
    if kind is not other_kind:
        return False
    if kind is Kind.JSON:
        return same_json(str(value), str(other_value))
    if isinstance(value, float) and isinstance(other_value, float):
        # The two zeros are two values; all that are not a number are one.
        return repr(value) == repr(other_value) or (math.isnan(value) and math.isnan(other_value))
    return bool(value == other_value)


def _told(row: Row) -> str:
    cells = ", ".join(f"{name} {cell[0].name} {cell[1]!r}" for name, cell in row.cells.items() if cell is not None)
    return f"{row.key}: {cells}"[:_LONGEST]
