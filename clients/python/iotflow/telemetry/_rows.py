"""Single rows of a device, checked as records are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from iotflow.telemetry._enums import Kind
from iotflow.telemetry._errors import invalid
from iotflow.telemetry._records import int32, named, text
from iotflow.telemetry._times import Moment, microseconds
from iotflow.telemetry._values import Value, kind_of, plain

#: A name, the kind of its value, and what a message takes for it.
Cell: TypeAlias = tuple[str, Kind, Any]

_ROW_BYTES = 32
_CELL_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What one device reports for one moment, in microseconds since 1970. ``nbytes`` is what it takes at most."""

    device_id: int
    user_id: int
    timestamp: int
    values: list[Cell]
    metadata: list[Cell]
    quality: int | None
    nbytes: int


def encode_row(
    device_id: int,
    values: Mapping[str, Value],
    timestamp: Moment,
    metadata: Mapping[str, Value] | None,
    quality_flag: int | None,
    user_id: int,
) -> Row:
    """A row of what the caller gave.

    :raises InvalidArgumentError: it cannot be sent; the error names the field.
    """
    if not values:
        raise invalid("values", "a write needs at least one value")
    cells = _cells("values", values)
    facts = _cells("metadata", metadata) if metadata else []
    return Row(
        int32(device_id, "device_id"),
        int32(user_id, "user_id"),
        microseconds(timestamp, "timestamp"),
        cells,
        facts,
        None if quality_flag is None else int32(quality_flag, "quality_flag"),
        _ROW_BYTES + _size(cells) + _size(facts),
    )


def _cells(part: str, given: Mapping[str, Value]) -> list[Cell]:
    return [_cell(part, name, value) for name, value in named(given, part).items()]


def _cell(part: str, name: str, value: Value) -> Cell:
    text(name, part)
    if type(value) is float:
        return name, Kind.NUMERIC, value
    field = f'{part}["{name}"]'
    kind = kind_of(value, field)
    return name, kind, plain(value, kind, field)


def _size(cells: list[Cell]) -> int:
    return sum(
        _CELL_BYTES + len(name) + (len(value.encode()) if isinstance(value, str) else 0) for name, _, value in cells
    )
