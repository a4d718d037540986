"""Answers of both stores to one question, and where they first differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
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


def first_difference(primary: Answer, secondary: Answer) -> str:
    """Where the secondary's answer is another one, in words; empty where it is the same."""
    for one, other in zip(primary.rows, secondary.rows, strict=False):
        if one.key != other.key:
            return f"{_told(one)} / {_told(other)}"
        if any(not _same(one.cells.get(name), other.cells.get(name)) for name in one.cells.keys() | other.cells.keys()):
            return f"{_told(one)} / {_told(other)}"
    return _beyond(primary, secondary) or _beyond(secondary, primary, is_turned=True)


def _beyond(long: Answer, short: Answer, *, is_turned: bool = False) -> str:
    if len(long.rows) <= len(short.rows) or short.has_more:
        return ""
    row = _told(long.rows[len(short.rows)])
    return f"nothing / {row}" if is_turned else f"{row} / nothing"


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
