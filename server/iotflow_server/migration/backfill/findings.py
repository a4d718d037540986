"""What a backfill has to tell by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from iotflow_server.migration.backfill.isolating import RefusedPoint
from iotflow_server.migration.jobs.spec import JobScope
from iotflow_server.migration.jobs.work import Finding
from iotflow_server.stores.history import HistoryFault


def fault_findings(faults: Iterable[HistoryFault]) -> list[Finding]:
    """The findings of what the origin cannot give, one for each code and path; points are added up."""
    found: dict[tuple[str, str], Finding] = {}
    for fault in faults:
        key = (fault.code, fault.path)
        points = fault.points + (found[key].points if key in found else 0)
        detail = found[key].detail if key in found else fault.detail
        found[key] = Finding(*key, detail, points, is_informational=fault.is_harmless)
    return list(found.values())


def refusal_findings(refused: Sequence[RefusedPoint]) -> list[Finding]:
    """The findings of what the target does not take, one for each series, with its first point."""
    by_series: dict[tuple[int, str], list[RefusedPoint]] = {}
    for point in refused:
        by_series.setdefault((point.device_id, point.name), []).append(point)
    return [
        Finding("VALUE_REFUSED", f"device {device_id}, {name!r}", _first(points), len(points))
        for (device_id, name), points in by_series.items()
    ]


def concerns(scope: JobScope, fault: HistoryFault, devices: frozenset[int]) -> bool:
    """Whether a fault lies within what a backfill is about."""
    if fault.device_id is None:
        return not scope.devices and not scope.user_id
    return fault.device_id in devices


def _first(points: Sequence[RefusedPoint]) -> str:
    first = min(points, key=lambda point: point.timestamp)
    return f"the first at {np.datetime64(first.timestamp, 'us')}Z: {first.message}; put it right in IoTDB, or waive it"
