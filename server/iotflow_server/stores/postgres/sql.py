"""Every SQL statement over points. Names from clients are parameters, never text."""

from __future__ import annotations

from typing import Final

from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.rows import COLUMNS

#: What a read returns of a point. integer_value comes before numeric_value, which an integer sets too.
POINT: Final = (
    "device_id, timestamp, measurement_name, integer_value, numeric_value, text_value, boolean_value, json_value"
)

_KEY: Final = {
    DATA_TABLE: "device_id, measurement_name, timestamp",
    METADATA_TABLE: "device_id, timestamp, measurement_name",
}


def stage(table: str) -> str:
    """Make the temporary table that takes rows on their way to an upsert."""
    return f"CREATE TEMP TABLE IF NOT EXISTS {staging(table)} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"


def staging(table: str) -> str:
    """Name of that table."""
    return f"staged_{table}"


def upsert(table: str) -> str:
    """Move staged rows into their table; they replace what is there, whole. In order of the key, lest two deadlock."""
    columns = ", ".join(COLUMNS)
    replaced = ", ".join(f"{c} = excluded.{c}" for c in (*COLUMNS, "created_at") if c not in _KEY[table].split(", "))
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging(table)} ORDER BY {_KEY[table]} "
        f"ON CONFLICT ({_KEY[table]}) DO UPDATE SET {replaced}"
    )


REMEMBER_SERIES: Final = """
INSERT INTO telemetry_series (device_id, measurement_name, kinds)
SELECT * FROM unnest($1::integer[], $2::text[], $3::smallint[]) AS new (device_id, measurement_name, kinds)
ORDER BY device_id, measurement_name
ON CONFLICT (device_id, measurement_name) DO UPDATE SET kinds = telemetry_series.kinds | excluded.kinds
"""
SERIES_OF_DEVICE: Final = "SELECT measurement_name, kinds FROM telemetry_series WHERE device_id = $1"
DEVICES_WITH_SERIES: Final = "SELECT DISTINCT device_id FROM telemetry_series ORDER BY device_id"

#: Parameters of the reads: $1 devices, $2 measurements or null for all, $3 start, $4 end.
_SELECTED: Final = (
    "device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR measurement_name = ANY ($2)) "
    "AND timestamp >= $3 AND timestamp < $4"
)

#: $2 measurements or null for all, which restricts data only; $3 whether metadata is meant, true, false or both.
SELECTED_SERIES: Final = """
SELECT measurement_name FROM (
    SELECT measurement_name, starts_with(measurement_name, 'meta_') AS is_metadata
    FROM telemetry_series WHERE device_id = $1
) AS series
WHERE is_metadata = ANY ($3::boolean[])
    AND (is_metadata OR $2::text[] IS NULL OR measurement_name = ANY ($2))
"""


def next_rows(*, descending: bool) -> str:
    """Read on in series $2 of device $1, each from $3 to before $4, at most $5 rows of each.

    Of the two parts of the inner query one has a false condition, which is decided once for each series.
    """
    order = f"ORDER BY timestamp {'DESC' if descending else 'ASC'} LIMIT $5"

    def part(table: str, condition: str) -> str:
        return (
            f"(SELECT {POINT} FROM {table} WHERE {condition} AND device_id = $1 AND measurement_name = series.name "
            f"AND timestamp >= series.start AND timestamp < series.stop {order})"
        )

    data = part(DATA_TABLE, "NOT starts_with(series.name, 'meta_')")
    metadata = part(METADATA_TABLE, "starts_with(series.name, 'meta_')")
    return (
        "SELECT point.* FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) "
        "WITH ORDINALITY AS series (name, start, stop, number) "
        f"CROSS JOIN LATERAL ({data} UNION ALL {metadata}) AS point ORDER BY series.number, point.timestamp"
        f"{' DESC' if descending else ''}"
    )


def page(*, descending: bool, continued: bool) -> str:
    """Read the first $5 points in order, continued beyond the key ($6, $7, $8).

    At most $5 of each series are looked at, by the primary key, rather than all of the range.
    """
    way, beyond = ("DESC", "<") if descending else ("ASC", ">")
    after = ""
    if continued:
        # The first condition says nothing new, but can be looked up in the index.
        after = f"AND timestamp {beyond}= $6 AND (timestamp, device_id, measurement_name) {beyond} ($6, $7, $8)"
    return f"""
SELECT point.* FROM telemetry_series AS series CROSS JOIN LATERAL (
    SELECT {POINT} FROM {DATA_TABLE} AS data
    WHERE data.device_id = series.device_id AND data.measurement_name = series.measurement_name
        AND timestamp >= $3 AND timestamp < $4 {after}
    ORDER BY timestamp {way} LIMIT $5
) AS point
WHERE series.device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR series.measurement_name = ANY ($2))
    AND NOT starts_with(series.measurement_name, 'meta_')
ORDER BY point.timestamp {way}, point.device_id {way}, point.measurement_name {way} LIMIT $5
"""


LATEST: Final = f"""
SELECT point.* FROM telemetry_series AS series CROSS JOIN LATERAL (
    SELECT {POINT} FROM telemetry_data AS data
    WHERE data.device_id = series.device_id AND data.measurement_name = series.measurement_name
        AND timestamp >= $3 AND timestamp < $4
    ORDER BY timestamp DESC LIMIT 1
) AS point
WHERE series.device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR series.measurement_name = ANY ($2))
    AND NOT starts_with(series.measurement_name, 'meta_')
ORDER BY point.device_id, point.timestamp
"""

LIST_SERIES: Final = """
SELECT series.device_id, series.measurement_name, kinds, first, last
FROM telemetry_series AS series
CROSS JOIN LATERAL (
    SELECT min(timestamp) AS first, max(timestamp) AS last FROM telemetry_data AS data
    WHERE data.device_id = series.device_id AND data.measurement_name = series.measurement_name
) AS range
WHERE series.device_id = ANY ($1::integer[]) AND first IS NOT NULL
    AND NOT starts_with(series.measurement_name, 'meta_')
ORDER BY series.device_id, series.measurement_name
"""

DELETE_DATA: Final = f"DELETE FROM {DATA_TABLE} WHERE {_SELECTED}"
DELETE_METADATA: Final = (
    f"DELETE FROM {METADATA_TABLE} WHERE device_id = ANY ($1::integer[]) AND timestamp >= $2 AND timestamp < $3"
)
