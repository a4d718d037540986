"""Random programs of writes and deletes, the same for several stores, and questions to ask afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from iotflow_server.routing.admission import IOTDB_MAX_TIMESTAMP
from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.selection import MIN_TIMESTAMP, Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import MS, T0, Json, batch_of

DEVICES = 3
#: The series that have a mean.
NUMBERS = ("x", "n", "naïve `name`.*")

texts = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.sampled_from(["", "null", "NULL", "nan", '"q"', "[1]", "{}", "\\N"]),
)
doubles = st.floats()
integers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3))
json_numbers = st.one_of(st.integers(-(2**80), 2**80), st.integers(-3, 3))
json_texts = st.recursive(
    st.one_of(st.none(), st.booleans(), json_numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
).map(lambda value: Json(json.dumps(value)))

#: Each series has one kind, as in a phase that writes IoTDB.
SERIES: dict[str, st.SearchStrategy[Any]] = {
    "x": doubles,
    "n": integers,
    "naïve `name`.*": doubles,
    "state": texts,
    "on": st.booleans(),
    "config": json_texts,
    "meta_line": texts,
    "meta_quality_flag": st.integers(-5, 5),
}

moments = st.one_of(
    st.integers(0, 8).map(lambda tick: T0 + tick * MS),
    st.integers(-3, 3).map(lambda tick: tick * MS),
    st.sampled_from([MIN_TIMESTAMP, IOTDB_MAX_TIMESTAMP]),
)
bounds = st.one_of(moments, st.integers(0, 8 * MS).map(lambda offset: T0 + offset))


@dataclass(frozen=True)
class Write:
    """Batches of one call; devices are numbered from 0."""

    batches: tuple[Batch, ...]


@dataclass(frozen=True)
class Delete:
    """A delete; devices are numbered from 0."""

    selection: Selection


Step = Write | Delete


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A batch of a few series, at least one cell in each."""
    rows = sorted(draw(st.sets(moments, min_size=1, max_size=6)))
    names = draw(st.sets(st.sampled_from(sorted(SERIES)), min_size=1))
    columns: dict[str, list[Any]] = {}
    for name in sorted(names):
        cells = [draw(st.one_of(st.none(), SERIES[name])) for _ in rows]
        if all(cell is None for cell in cells):
            cells[-1] = draw(SERIES[name])
        columns[name] = cells
    return batch_of(draw(st.integers(0, DEVICES - 1)), rows, columns)


@st.composite
def time_ranges(draw: st.DrawFn) -> TimeRange:
    """A range, often with an end between two ticks."""
    start, end = sorted(draw(st.tuples(bounds, bounds)))
    return draw(st.sampled_from([TimeRange(), TimeRange(start, end), TimeRange(start=start), TimeRange(end=end)]))


measurements = st.one_of(
    st.none(),
    st.sets(st.sampled_from([*(name for name in SERIES if not is_metadata(name)), "?"])).map(sorted).map(tuple),
)
devices = st.sets(st.integers(0, DEVICES - 1), min_size=1).map(sorted).map(tuple)
selections = st.builds(Selection, devices, measurements, time_ranges(), st.sampled_from(Scope))
#: What is asked about: often everything, since a random selection is often empty.
questions = st.one_of(st.just(Selection(tuple(range(DEVICES)))), selections)
writes = st.lists(batches(), min_size=1, max_size=4).map(tuple).map(Write)
steps = st.one_of(writes, writes, selections.map(Delete))
programs = st.tuples(writes, st.lists(steps, max_size=5)).map(lambda parts: [parts[0], *parts[1]])


def moved(selection: Selection, first_device: int) -> Selection:
    """The selection on real devices, of which ``first_device`` is number 0."""
    return replace(selection, device_ids=tuple(first_device + number for number in selection.device_ids))


async def run(store: TelemetryStore, program: Sequence[Step], first_device: int) -> None:
    """Run a program against a store."""
    for step in program:
        if isinstance(step, Write):
            await store.write([replace(each, device_id=first_device + each.device_id) for each in step.batches])
        else:
            await store.delete(moved(step.selection, first_device))
