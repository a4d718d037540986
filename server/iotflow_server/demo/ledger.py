"""What was acknowledged, kept apart from the service, to hold it to its word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg

#: (device, measurement, microseconds since 1970)
Key = tuple[int, str, int]

_READ = """
SELECT device_id, measurement_name, (extract(epoch FROM timestamp) * 1000000)::bigint,
       integer_value, numeric_value, text_value, boolean_value, json_value
FROM telemetry_data
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the ledger and the store compare."""

    written: int
    lost: int
    wrong: int
    samples: tuple[str, ...]


class Ledger:
    """Every acknowledged point, with the value that must be read back."""

    def __init__(self) -> None:
        self._points: dict[Key, Any] = {}

    def __len__(self) -> int:
        return len(self._points)

    def note(self, device_id: int, measurement: str, timestamp: int, value: Any) -> None:
        """Note an acknowledged point; a later one of the same key replaces it."""
        self._points[device_id, measurement, timestamp] = value

    async def compare(self, dsn: str) -> Verdict:
        """Look for every point in PostgreSQL itself, past the service."""
        found = {key: value async for key, value in _stored(dsn)}
        lost = [key for key in self._points if key not in found]
        wrong = [key for key, value in self._points.items() if key in found and not _same(value, found[key])]
        samples = (
            *(f"lost: {key}" for key in lost[:5]),
            *(f"wrong: {key}: {found[key]!r} instead of {self._points[key]!r}" for key in wrong[:5]),
        )
        return Verdict(len(self._points), len(lost), len(wrong), samples)


async def _stored(dsn: str) -> AsyncIterator[tuple[Key, Any]]:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(readonly=True):
            async for device_id, name, timestamp, *values in connection.cursor(_READ, prefetch=10_000):
                yield (device_id, name, timestamp), next(value for value in values if value is not None)
    finally:
        await connection.close()


def _same(value: Any, found: Any) -> bool:
    if isinstance(value, str) and value.startswith("{"):
        return bool(json.loads(value) == json.loads(found))
    return type(value) is type(found) and bool(value == found)
