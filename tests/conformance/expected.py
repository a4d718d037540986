"""What the data set answers, in plain Python that has nothing in common with the service's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.fill import Fill
from iotflow_server.query.results import Aggregation, Wanted
from iotflow_server.query.windows import FixedWindows, Windowing
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, Selection, TimeRange
from tests.conformance.answers import comparable
from tests.conformance.dataset import Dataset
from tests.unit.query import oracle

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
Window = tuple[int | None, int | None]
Row = tuple[int, str, int | None, int | None, tuple[Any, ...], bool]


def table(dataset: Dataset, selection: Selection, query: AggregateQuery, max_rows: int) -> list[Row] | str:
    """The rows of an aggregation, or the name of the error."""
    series = dataset.selected(selection, query.quality)
    windows: list[Window] | None = None
    if query.fill is not Fill.NONE:
        windows = _windows(query.windowing, selection.time_range, max_rows)
        if windows is None:
            return "QueryTooLargeError"
    if any(_is_unfit(points, query) for points in series.values()):
        return "AggregateTypeError"
    rows: list[Row] = []
    try:
        for (device_id, name), points in series.items():
            found = _of_series(points, selection.time_range, query, windows)
            rows += [(device_id, name, *each) for each in found]
    except oracle.OverflowingError:
        return "AggregateOverflowError"
    return rows if len(rows) <= max_rows else "QueryTooLargeError"


def _is_unfit(points: Mapping[int, oracle.Value], query: AggregateQuery) -> bool:
    if {kind for kind, _ in points.values()} <= oracle.NUMBERS:
        return False
    is_line = query.fill is Fill.LINEAR
    return any(each.needs_numbers or (is_line and each is not Aggregation.COUNT) for each in query.wanted)


def _of_series(
    points: Mapping[int, oracle.Value], time_range: TimeRange, query: AggregateQuery, windows: list[Window] | None
) -> list[Any]:
    parts: dict[Window, list[tuple[int, oracle.Value]]] = {}
    for moment, value in points.items():
        parts.setdefault(_window_of(query.windowing, time_range, moment), []).append((moment, value))
    every = list(parts) if windows is None else windows
    columns = [_column(parts, every, wanted, query.fill) for wanted in query.wanted]
    rows = [
        (*window, tuple(map(comparable, cells)), window not in parts)
        for window, *cells in zip(every, *columns, strict=True)
    ]
    return (rows[::-1] if query.descending else rows)[: query.max_windows]


def _column(
    parts: Mapping[Window, list[tuple[int, oracle.Value]]], every: list[Window], wanted: Wanted, fill: Fill
) -> list[oracle.Cell]:
    results = {window: oracle.result(points, wanted) for window, points in parts.items()}
    return [results[window] if window in parts else _filled(results, window, wanted, fill) for window in every]


def _filled(results: Mapping[Window, oracle.Cell], window: Window, wanted: Wanted, fill: Fill) -> oracle.Cell:
    if wanted is Aggregation.COUNT:
        return Kind.INTEGER, 0
    begin = window[0]
    assert begin is not None
    before = [(other[0], cell) for other, cell in results.items() if other[0] is not None and other[0] < begin]
    after = [(other[0], cell) for other, cell in results.items() if other[0] is not None and other[0] > begin]
    if fill is Fill.PREVIOUS and before:
        return max(before, key=lambda each: each[0])[1]
    if fill is Fill.LINEAR and before and after:
        return oracle.linear(max(before, key=lambda each: each[0]), min(after, key=lambda each: each[0]), begin)
    return None


def _windows(windowing: Windowing | None, time_range: TimeRange, limit: int) -> list[Window] | None:
    """The windows that overlap a range; None where there are too many."""
    found: list[Window] = []
    moment = time_range.start
    while moment < time_range.end:
        window = _window_of(windowing, time_range, moment)
        if len(found) == limit:
            return None
        found.append(window)
        assert window[1] is not None
        moment = window[1]
    return found


def _window_of(windowing: Windowing | None, time_range: TimeRange, moment: int) -> Window:
    if isinstance(windowing, FixedWindows):
        begin = moment - (moment - windowing.origin) % windowing.length
        return begin, begin + windowing.length
    if isinstance(windowing, CalendarWindows):
        first, after = _unit_of(windowing.unit, _local(moment, windowing.zone))
        return _first_moment(first, windowing.zone), _first_moment(after, windowing.zone)
    start = time_range.start if time_range.start > MIN_TIMESTAMP else None
    return start, time_range.end if time_range.end < MAX_TIMESTAMP else None


def _local(moment: int, zone: ZoneInfo) -> date:
    return (_EPOCH + timedelta(microseconds=moment)).astimezone(zone).date()


def _unit_of(unit: CalendarUnit, day: date) -> tuple[date, date]:
    if unit is CalendarUnit.YEAR:
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    if unit is CalendarUnit.MONTH:
        return date(day.year, day.month, 1), date(day.year + day.month // 12, day.month % 12 + 1, 1)
    if unit is CalendarUnit.WEEK:
        year, week, _ = day.isocalendar()
        monday = date.fromisocalendar(year, week, 1)
        return monday, monday + timedelta(days=7)
    return day, day + timedelta(days=1)


def _first_moment(day: date, zone: ZoneInfo) -> int:
    """The second at which a date begins in a zone, by bisection."""
    middle = (day - date(1970, 1, 1)).days * 86_400
    low, high = middle - 2 * 86_400, middle + 2 * 86_400
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _local(middle * _SECOND, zone) >= day else (middle, high)
    return high * _SECOND
