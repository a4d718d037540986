"""The report of a verification, as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from iotflow_server.migration.verification.findings import ComparedPart, ListedDifference

#: Devices named in the report, those with the most differences.
_MOST_DEVICES: Final = 50


def report_of(parts: Sequence[ComparedPart], listed: Sequence[ListedDifference]) -> dict[str, Any]:
    """What was compared and what differed: in all, by device, and the first points one by one."""
    by_device: defaultdict[int, list[ComparedPart]] = defaultdict(list)
    for part in parts:
        by_device[part.device_id].append(part)
    totals = {device: _totals(own) for device, own in by_device.items()}
    worst = sorted(totals, key=lambda device: -totals[device]["differing"])[:_MOST_DEVICES]
    return {
        **_totals(parts),
        "devices": len(by_device),
        "by_device": {str(device): totals[device] for device in worst if totals[device]["differing"]},
        "differences": [_difference(one) for one in listed],
    }


def _totals(parts: Sequence[ComparedPart]) -> dict[str, int]:
    names = ("points", "missing", "mismatched", "extra", "differing", "changed", "corrected", "open")
    return {name: sum(getattr(part, name) for part in parts) for name in names}


def _difference(one: ListedDifference) -> dict[str, Any]:
    return {
        "device_id": one.place.device_id,
        "measurement": one.place.measurement,
        "timestamp_us": one.place.timestamp,
        "kind": one.kind,
        "primary": one.primary,
        "secondary": one.secondary,
        "outcome": str(one.outcome),
    }
