"""Digests points within PostgreSQL, so that only the digests travel; see stores/digest.py for what they are."""

from __future__ import annotations

from typing import Final

from iotflow_server.stores.digest import SeriesDigest
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.selection import TimeRange

#: By the bits of catalogue.py; what has no digest is null.
_VALUE: Final = (
    "CASE series.kinds WHEN 2 THEN float8send(numeric_value) WHEN 4 THEN int8send(integer_value) "
    "WHEN 8 THEN sha256(textsend(text_value)) WHEN 16 THEN boolsend(boolean_value) END"
)


def _points(table: str, condition: str) -> str:
    return (
        f"(SELECT timestamp, numeric_value, integer_value, text_value, boolean_value FROM {table} AS data "
        "WHERE data.device_id = series.device_id AND data.measurement_name = series.measurement_name "
        f"AND {condition} AND timestamp >= $2 AND timestamp < $3 ORDER BY timestamp LIMIT $4)"
    )


_DIGESTS: Final = f"""
WITH series AS MATERIALIZED (
    SELECT device_id, measurement_name, kinds FROM telemetry_series WHERE device_id = $1::integer
)
SELECT measurement_name, kinds, block.*
FROM series CROSS JOIN LATERAL (
    SELECT count(*) AS points, sha256(string_agg(timestamptz_send(timestamp), ''::bytea)) AS moments,
        sha256(string_agg({_VALUE}, ''::bytea)) AS held
    FROM (
        {_points(DATA_TABLE, "NOT starts_with(series.measurement_name, 'meta_')")}
        UNION ALL
        {_points(METADATA_TABLE, "starts_with(series.measurement_name, 'meta_')")}
    ) AS point
) AS block
WHERE points > 0
"""


async def read_digests(
    connections: ReadConnections, device_id: int, time_range: TimeRange, most_points: int
) -> dict[str, SeriesDigest]:
    """Digest each series of a device."""
    start, end = time_range.start - EPOCH_SHIFT, time_range.end - EPOCH_SHIFT
    rows = await connections.fetch(_DIGESTS, device_id, start, end, most_points)
    return {
        name: SeriesDigest(count, kind_of(kinds), moments + (held or b"")) for name, kinds, count, moments, held in rows
    }
