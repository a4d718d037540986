"""Reads of one device: which series, in which places, and their rows in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind, Rows, is_metadata
from iotflow_server.stores.iotdb.blocks import RawColumn
from iotflow_server.stores.iotdb.clock import Clock, Window
from iotflow_server.stores.iotdb.names import DevicePlace, Layout, quote, split_path
from iotflow_server.stores.iotdb.schema import DeviceSchema, Series, by_precedence, load_schema
from iotflow_server.stores.iotdb.session import Answer, Session
from iotflow_server.stores.iotdb.values import kinds_of
from iotflow_server.stores.selection import Scope, Selection

_CHUNK_BYTES: Final = 4 << 20
#: Rows in one chunk at most.
MOST_ROWS: Final = 20_000
#: Texts may be long, so their chunks begin small, grow by what they turn out to hold, and never get many rows.
_FIRST_TEXT_ROWS: Final = 32
_MOST_TEXT_ROWS: Final = 1_000
_GROWTH: Final = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read of a device: of ``whole`` the series in ``schema``, whose ``places`` are by precedence."""

    layout: Layout
    device_id: int
    whole: DeviceSchema
    schema: DeviceSchema
    places: Sequence[DevicePlace]
    clock: Clock
    window: Window
    is_narrowed: bool = False

    @property
    def names(self) -> list[str]:
        """The selected series' names, by code point."""
        return sorted({name for series in self.schema.values() for name in series})

    @property
    def paths(self) -> list[str]:
        """The quoted paths of the selected series."""
        return [f"{self.layout.path(at)}.{quote(name)}" for at in self.places for name in self.schema[at]]

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last tick of the window, also where no bound need be said."""
        return self.window.first, self.clock.last if self.window.last is None else self.window.last

    @property
    def holds_text(self) -> bool:
        """Whether a row may be of any length."""
        return any(one.native.is_text for series in self.schema.values() for one in series.values())

    def sql(self, columns: Iterable[str], window: Window, rest: str = "") -> str:
        """Return a query over all places."""
        sources = ", ".join(self.layout.path(place) for place in self.places)
        return f"SELECT {', '.join(columns)} FROM {sources} WHERE {window.where} {rest}"

    def series_at(self, path: str) -> tuple[int, Series] | None:
        """Return the series that a column of an answer is of, and its place's rank in precedence.

        None if it was not there yet when the plan was made.
        """
        *device, name = split_path(path)
        place = self.layout.place(device)
        series = self.schema.get(place, {}).get(name) if place else None
        return None if place is None or series is None else (self.places.index(place), series)


def make_plan(session: Session, layout: Layout, device_id: int, owner: int, selection: Selection) -> Plan | None:
    """Find out what a selection means for a device; None where there is nothing to read.

    IoTDB is asked each time, so that series made by other writers are seen.
    """
    clock = Clock.of(session.precision)
    window = clock.window(selection.time_range)
    whole = load_schema(session, layout, device_id)
    schema = {
        place: chosen
        for place, series in whole.items()
        if (chosen := {name: one for name, one in series.items() if _is_selected(name, selection)})
    }
    if window.is_empty or not schema:
        return None
    return Plan(layout, device_id, whole, schema, by_precedence(schema, owner), clock, window)


def _is_selected(name: str, selection: Selection) -> bool:
    if is_metadata(name):
        return selection.scope is not Scope.DATA
    if selection.scope is Scope.METADATA:
        return False
    return selection.measurements is None or name in selection.measurements


def narrowed(session: Session, plan: Plan) -> Plan | None:
    """Begin a wide window where the points begin, since IoTDB takes long over wide ones; None if there are none."""
    if plan.is_narrowed or not plan.clock.is_wide(plan.window):
        return plan
    beginnings = [f"min_time({quote(name)})" for name in plan.names]
    answer = session.query(plan.sql(beginnings, Window(plan.window.first, None)))
    found = [int(value) for _, _, raw in columns_of(answer) for value in raw.values]
    window = Window(min(found), plan.window.last) if found else Window(1, 0)
    return None if window.is_empty else replace(plan, window=window, is_narrowed=True)


class DeviceScan:
    """Rows of one device in order of time. ``first_rows`` is a guess how many are wanted."""

    def __init__(
        self,
        layout: Layout,
        device_id: int,
        owner: int,
        selection: Selection,
        *,
        descending: bool,
        rows: int = MOST_ROWS,
    ) -> None:
        self._target = (layout, device_id, owner, selection)
        self._descending = descending
        self._wanted = max(1, min(rows, MOST_ROWS))
        self._plan: Plan | None = None
        self._rows = 0
        self.finished = False

    def next_batch(self, session: Session) -> Batch | None:
        """Return the next rows, None after the last. Harmless to repeat when it fails."""
        plan = self._plan or make_plan(session, *self._target)
        plan = plan and narrowed(session, plan)
        if plan is None or self.finished:
            self.finished = True
            return None
        rows = self._rows or self._first_rows(plan)
        batch, answer = self._read(session, plan, rows)
        count = sum(len(block.times) for block in answer.blocks)
        self.finished = count < rows
        self._rows = self._next_rows(plan, rows, count, sum(block.nbytes for block in answer.blocks))
        self._plan = plan if batch is None else replace(plan, window=self._after(plan, batch))
        self.finished = self.finished or batch is None or self._plan.window.is_empty
        return batch

    def _read(self, session: Session, plan: Plan, rows: int) -> tuple[Batch | None, Answer]:
        order = "DESC" if self._descending else "ASC"
        sql = plan.sql(map(quote, plan.names), plan.window, f"ORDER BY TIME {order} LIMIT {rows}")
        answer = session.query(sql)
        return to_batch(plan, answer), answer

    def _first_rows(self, plan: Plan) -> int:
        if plan.holds_text:
            return min(self._wanted, _FIRST_TEXT_ROWS)
        width = 9 + 9 * sum(map(len, plan.schema.values()))
        return max(1, min(self._wanted, _CHUNK_BYTES // width))

    def _next_rows(self, plan: Plan, rows: int, count: int, nbytes: int) -> int:
        if not plan.holds_text or not count:
            return rows
        return max(1, min(rows * _GROWTH, _MOST_TEXT_ROWS, _CHUNK_BYTES * count // max(nbytes, 1)))

    def _after(self, plan: Plan, batch: Batch) -> Window:
        last = int(batch.timestamps[-1]) // plan.clock.microseconds
        return Window(plan.window.first, last - 1) if self._descending else Window(last + 1, plan.window.last)


def to_batch(plan: Plan, answer: Answer) -> Batch | None:
    """Return the rows of an answer as a batch, None if there are none."""
    if not answer.blocks:
        return None
    ticks = np.concatenate([block.times for block in answer.blocks])
    if not len(ticks):
        return None
    sources: dict[str, list[tuple[int, Series, RawColumn]]] = {}
    for _, path, raw in columns_of(answer):
        if (found := plan.series_at(path)) is not None:
            rank, series = found
            sources.setdefault(series.name, []).append((rank, series, raw))
    columns = [column for name in sorted(sources) for column in _merge(name, sources[name], len(ticks))]
    return Batch(plan.device_id, plan.clock.timestamps(ticks), tuple(columns))


def columns_of(answer: Answer) -> Iterator[tuple[str, str, RawColumn]]:
    """Yield an answer's columns, their blocks joined: the function (may be empty), the path it is of, the values."""
    if not answer.blocks:
        return
    for name, index in zip(answer.names, answer.indices, strict=True):
        function, path = _parts_of(name)
        yield function, path, _joined([(len(block.times), block.columns[index]) for block in answer.blocks])


def _parts_of(name: str) -> tuple[str, str]:
    start = name.find("(root.")
    is_function = 0 <= start < name.find(".")
    return (name[:start], name[start + 1 : -1]) if is_function else ("", name)


def _joined(parts: Sequence[tuple[int, RawColumn]]) -> RawColumn:
    offsets = np.cumsum([0] + [count for count, _ in parts[:-1]])
    rows = np.concatenate([part.rows + offset for offset, (_, part) in zip(offsets, parts, strict=True)])
    return RawColumn(parts[0][1].type, rows, np.concatenate([part.values for _, part in parts]))


def _merge(name: str, sources: list[tuple[int, Series, RawColumn]], count: int) -> Iterator[Column]:
    """The columns of one name: one for each kind, a row's value from the first place that has it."""
    taken = np.zeros(count, np.bool_)
    parts: dict[Kind, list[tuple[Rows, NDArray[Any]]]] = {}
    for _, series, raw in sorted(sources, key=lambda source: source[0]):
        free = ~taken[raw.rows]
        rows, values = (raw.rows, raw.values) if free.all() else (raw.rows[free], raw.values[free])
        taken[rows] = True
        if len(rows):
            for kind, kind_rows, kind_values in kinds_of(series, rows, values):
                parts.setdefault(kind, []).append((kind_rows, kind_values))
    for kind in sorted(parts):
        yield _column(name, kind, parts[kind], count)


def _column(name: str, kind: Kind, parts: list[tuple[Rows, NDArray[Any]]], count: int) -> Column:
    rows = np.concatenate([rows for rows, _ in parts])
    values = np.concatenate([values for _, values in parts])
    if len(parts) > 1:
        order = np.argsort(rows, kind="stable")
        rows, values = rows[order], values[order]
    return Column(name, kind, values, None if len(rows) == count else rows)
