"""Deletes of exactly what was asked for.

IoTDB takes a quoted name in a delete for a regular expression, but only where the points are still in memory: then
``a.b`` reaches ``a-b`` too, and ``$`` reaches nothing. On flushed files names are exact. So where it would matter, all
is flushed first; and what such a name has deleted is looked at after.

A server that is killed applies the deletes of its log once more when it starts, to all that was in memory, whatever was
written after them. So a delete is done when all is flushed: what is written from then on is in a log without it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.reading import Plan, columns_of, narrowed
from iotflow_server.stores.iotdb.schema import Series
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.status import refused

_META_CHARACTERS: Final = re.compile(r"[\\^$|?*+()\[\]{}]")


def delete_points(session: Session, plan: Plan) -> None:
    """Delete the points of a plan.

    :raises StoreRefusedError: IoTDB left points of a series with an unusual name.
    """
    if any(_is_taken_for_a_pattern(plan, series) for series in _unusual(plan)):
        session.execute("FLUSH")
    session.delete(plan.paths, *plan.bounds)
    session.execute("FLUSH")
    _check_nothing_is_left(session, plan)


def _unusual(plan: Plan) -> list[Series]:
    """The series whose names IoTDB does not take as they are in every place. It says so by printing them quoted;
    of ``root`` it does not, and leaves its flushed points."""
    chosen = [one for series in plan.schema.values() for one in series.values()]
    return [one for one in chosen if one.node != one.name or one.name.lower() == "root"]


def _is_taken_for_a_pattern(plan: Plan, series: Series) -> bool:
    if _META_CHARACTERS.search(series.name):
        return True
    pattern = re.compile(series.node, re.DOTALL)
    others = (one for whole in plan.whole.values() for one in whole.values() if one.name not in plan.names)
    return any(pattern.fullmatch(other.node) for other in others)


def _check_nothing_is_left(session: Session, plan: Plan) -> None:
    names = sorted({series.name for series in _unusual(plan)})
    remaining = narrowed(session, replace(plan, is_narrowed=False)) if names else None
    if remaining is None:
        return
    answer = session.query(remaining.sql([f"count({quote(name)})" for name in names], remaining.window))
    left = [path for _, path, raw in columns_of(answer) if raw.values.any()]
    if left:
        raise refused(f"it did not delete all points of {', '.join(left)}: it mistakes such a name")
