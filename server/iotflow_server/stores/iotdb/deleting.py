"""Deletes of exactly what was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.reading import Plan
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.status import refused


def delete_points(session: Session, plan: Plan) -> None:
    """Delete the points of a plan.

    :raises StoreRefusedError: IoTDB would delete points of other series too; nothing has been deleted.
    """
    for name, other in _caught(plan):
        raise refused(
            f"a delete of series {name!r}, in whose name IoTDB takes * for a pattern, would reach {other!r} too"
        )
    session.delete(plan.paths, *plan.bounds)


def _caught(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield a name and another series that IoTDB would take it to mean, though it is quoted."""
    for place, chosen in plan.schema.items():
        for name in chosen:
            if "*" in name:
                pattern = re.compile(".*".join(map(re.escape, quote(name).split("*"))), re.DOTALL)
                others = (one for one in plan.whole[place].values() if one.name not in chosen)
                yield from ((name, one.name) for one in others if pattern.fullmatch(one.node))
