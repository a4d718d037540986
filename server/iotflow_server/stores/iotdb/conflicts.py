"""Points that stand at several places of a device with different values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.history import HistoryFault
from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.reading import Plan, columns_of
from iotflow_server.stores.iotdb.schema import Series
from iotflow_server.stores.iotdb.session import Answer
from iotflow_server.stores.iotdb.values import kinds_of


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The values of one name at one place; ``rank`` 0 is the place whose values are valid."""

    rank: int
    series: Series
    rows: NDArray[np.intp]
    values: NDArray[Any]


def conflicts_of(plan: Plan, answer: Answer) -> list[HistoryFault]:
    """The conflicts among an answer's rows, by month, series and place whose values give way.

    Not one by one: a device that was written under both layouts has as many as points, and IoTDB keeps both values.
    """
    if len(plan.places) < 2 or not answer.blocks:
        return []
    ticks = np.concatenate([block.times for block in answer.blocks])
    sources: dict[str, list[_Source]] = {}
    for _, path, raw in columns_of(answer):
        if (found := plan.series_at(path)) is not None:
            sources.setdefault(found[1].name, []).append(_Source(*found, raw.rows, raw.values))
    return [fault for name in sorted(sources) for fault in _of_series(plan, sources[name], ticks)]


def _of_series(plan: Plan, sources: Sequence[_Source], ticks: NDArray[np.int64]) -> Iterator[HistoryFault]:
    for winner, loser in combinations(sorted(sources, key=lambda source: source.rank), 2):
        rows, ours, theirs = np.intersect1d(winner.rows, loser.rows, assume_unique=True, return_indices=True)
        if not len(rows):
            continue
        valid, other = _readable(winner, ours), _readable(loser, theirs)
        differ = [index for index, (one, two) in enumerate(zip(valid, other, strict=True)) if repr(one) != repr(two)]
        moments = (ticks[rows[differ]] * plan.clock.microseconds).astype("datetime64[us]")
        months, firsts, counts = np.unique(moments.astype("datetime64[M]"), return_index=True, return_counts=True)
        for month, first, count in zip(months, firsts, counts, strict=True):
            values = f"at {moments[first]}Z {valid[differ[first]]!r:.80} instead of {other[differ[first]]!r:.80}"
            yield _fault(plan, winner, loser, month, int(count), values)


def _readable(source: _Source, chosen: NDArray[np.intp]) -> list[Any]:
    """The chosen values as they are read, whatever the series' type."""
    values = np.empty(len(chosen), object)
    for _, rows, found in kinds_of(source.series, np.arange(len(chosen)), source.values[chosen]):
        values[rows] = found.tolist()
    return values.tolist()


def _fault(plan: Plan, winner: _Source, loser: _Source, month: np.datetime64, count: int, values: str) -> HistoryFault:
    place, path = plan.places[winner.rank], plan.layout.path(plan.places[loser.rank])
    detail = f"{plan.layout.path(place)} has other values at the same times, which are valid and carried: {values}"
    subject = f"{path}.{quote(loser.series.name)} in {month}"
    return HistoryFault("LAYOUT_CONFLICT", subject, detail, plan.device_id, count, is_harmless=True)
