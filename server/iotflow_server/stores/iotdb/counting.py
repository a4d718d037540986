"""Counts points where they lie, by what IoTDB's files tell of themselves wherever that is enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from iotflow_server.stores.history import Extent, HistoryFault
from iotflow_server.stores.iotdb.names import join_path, quote, split_path
from iotflow_server.stores.iotdb.reading import Plan, columns_of
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.selection import MIN_TIMESTAMP, TimeRange

_UNITS: Final = {1000: "ms", 1: "us"}


@dataclass(frozen=True, slots=True)
class _Span:
    """How many points a series has, and the ticks of the first and the last."""

    count: int
    first: int
    last: int


def measure_extent(session: Session, plan: Plan | None) -> Extent:
    """Count the points of a plan, where they lie, and name what cannot be carried or holds none."""
    if plan is None:
        return Extent(0, None)
    spans = _spans(session, plan)
    filled = [span for span in spans.values() if span is not None]
    faults = [
        HistoryFault("EMPTY_SERIES", path, "it holds no points in this range", plan.device_id, is_harmless=True)
        for path, span in spans.items()
        if span is None
    ]
    return Extent(sum(span.count for span in filled), _hull(filled, plan), [*faults, *_too_early(session, plan)])


def count_steps(session: Session, plan: Plan | None, step: int) -> list[tuple[int, int]]:
    """Return (start, points) of all steps of so many microseconds, from the plan's start on, that hold points.

    Series that have as many points between the same ends, as the measurements of one record do, are taken to have them
    at the same times: one of them is counted for all.
    """
    if plan is None:
        return []
    alike: dict[_Span, list[str]] = {}
    for path, span in _spans(session, plan).items():
        if span is not None:
            alike.setdefault(span, []).append(path)
    counts: dict[int, int] = {}
    for paths in alike.values():
        for start, count in _steps(session, plan, paths[0], step):
            counts[start] = counts.get(start, 0) + count * len(paths)
    return sorted(counts.items())


def _spans(session: Session, plan: Plan) -> dict[str, _Span | None]:
    """The span of each series of a plan, by its path; None where it has no points."""
    asked = [f"{function}({quote(name)})" for name in plan.names for function in ("count", "min_time", "max_time")]
    found: dict[str, dict[str, int]] = {}
    for function, path, raw in columns_of(session.query(plan.sql(asked, plan.window))):
        if len(raw.values):
            found.setdefault(path, {})[function] = int(raw.values[0])
    return {
        path: _Span(each["count"], each["min_time"], each["max_time"]) if each.get("count") else None
        for path, each in found.items()
    }


def _hull(spans: Iterable[_Span], plan: Plan) -> TimeRange | None:
    all_spans, tick = list(spans), plan.clock.microseconds
    if not all_spans:
        return None
    return TimeRange(min(s.first for s in all_spans) * tick, (max(s.last for s in all_spans) + 1) * tick)


def _steps(session: Session, plan: Plan, path: str, step: int) -> Iterable[tuple[int, int]]:
    """The counts of one series, in microseconds."""
    first, last = plan.bounds
    tick = plan.clock.microseconds
    *device, name = split_path(path)
    grouping = f"GROUP BY ([{first}, {last + 1}), {max(step // tick, 1)}{_UNITS[tick]})"
    answer = session.query(f"SELECT count({quote(name)}) FROM {join_path(device)} {grouping}")
    for block in answer.blocks:
        for start, count in zip(block.times.tolist(), block.columns[0].values.tolist(), strict=True):
            if count:
                yield start * tick, count


def _too_early(session: Session, plan: Plan) -> list[HistoryFault]:
    """Points before the year 1, which nothing but IoTDB can hold."""
    first = plan.clock.window(TimeRange(MIN_TIMESTAMP)).first
    if plan.window.first > first:
        return []
    counts, places = ", ".join(f"count({quote(name)})" for name in plan.names), map(plan.layout.path, plan.places)
    answer = session.query(f"SELECT {counts} FROM {', '.join(places)} WHERE time < {first}")
    detail = "points before the year 1, which PostgreSQL's users and Python cannot name"
    return [
        HistoryFault("UNCARRIABLE_TIME", path, detail, plan.device_id, int(raw.values.sum()))
        for _, path, raw in columns_of(answer)
        if raw.values.any()
    ]
