"""What writers and deleters do while a copy goes on, and what may be there in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from hypothesis import strategies as st

from iotflow_server.routing.phase import Phase
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import Selection, TimeRange
from tests.support.batches import SECOND, T0, batch

MOMENTS = 4
#: None: no point.
Value = int | None


@dataclass(frozen=True)
class Change:
    """Points that get a value, or are deleted: a range of moments then."""

    moments: tuple[int, ...]
    is_delete: bool = False


@dataclass(frozen=True)
class Program:
    """``before``: the values of both stores at each moment, of the one that is read first. ``seed``: see Turns.

    ``fills``: what is missing is filled in from IoTDB as by a backfill; else PostgreSQL or IoTDB is made the same.
    """

    phase: Phase
    fills: bool
    before: tuple[tuple[Value, Value], ...]
    writers: tuple[tuple[Change, ...], ...]
    seed: int


_moments = st.integers(0, MOMENTS - 1)
_writes = st.builds(Change, st.sets(_moments, min_size=1).map(sorted).map(tuple))
_deletes = st.tuples(_moments, _moments).map(lambda ends: Change(tuple(range(min(ends), max(ends) + 1)), True))
_writers = st.lists(st.lists(_writes | _deletes, min_size=1, max_size=3).map(tuple), min_size=1, max_size=2).map(tuple)
_seed = st.integers(0, 2**32 - 1)
_old = st.sampled_from([(None, None), (-1, None), (-1, -1)])
_differing = _old | st.sampled_from([(None, -2), (-1, -2)])


def _before(pairs: st.SearchStrategy[tuple[Value, Value]]) -> st.SearchStrategy[tuple[tuple[Value, Value], ...]]:
    return st.lists(pairs, min_size=MOMENTS, max_size=MOMENTS).map(tuple)


#: A backfill comes to what PostgreSQL lacks; all else is repaired.
programs = st.builds(Program, st.just(Phase.DUAL_WRITE), st.just(True), _before(_old), _writers, _seed) | st.builds(
    Program,
    st.sampled_from([Phase.DUAL_WRITE, Phase.READ_POSTGRES]),
    st.just(False),
    _before(_differing),
    _writers,
    _seed,
)


def span(moments: Sequence[int]) -> TimeRange:
    """The range of time of moments."""
    return TimeRange(at(moments[0]), at(moments[-1]) + 1)


def at(moment: int) -> int:
    """A moment's timestamp: so far from others that what is noted of one is not compared at another."""
    return T0 + moment * 3600 * SECOND


def points(device: int, values: dict[int, int]) -> list[Batch]:
    """A batch of a value at each moment, if any."""
    moments = sorted(values)
    return [batch(device, [at(each) for each in moments], n=[values[each] for each in moments])] if moments else []


def selection(device: int, change: Change) -> Selection:
    """What a delete takes away."""
    return Selection((device,), None, span(change.moments))


class History:
    """What was done to each moment, and when it began and had ended."""

    def __init__(self, before: Sequence[Value]) -> None:
        self._clock = count(1)
        self._done: list[list[tuple[int, int, Value]]] = [[(0, 0, value)] for value in before]

    def now(self) -> int:
        """A later time than ever before."""
        return next(self._clock)

    def ended(self, moments: Sequence[int], began: int, value: Value) -> None:
        """What began at a time has ended now."""
        end = self.now()
        for moment in moments:
            self._done[moment].append((began, end, value))

    def last(self, moment: int) -> set[Value]:
        """What a moment may have: whatever nothing came after."""
        done = self._done[moment]
        return {value for _, end, value in done if not any(began > end for began, _, _ in done)}
