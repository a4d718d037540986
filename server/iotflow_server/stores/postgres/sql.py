"""Every SQL statement over points. Names from clients are parameters, never text."""

from __future__ import annotations

from typing import Final

from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.point_rows import COLUMNS
from iotflow_server.stores.store import YOUNG_SECONDS

#: The unique key of each table.
KEYS: Final = {
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
    replaced = ", ".join(f"{c} = excluded.{c}" for c in (*COLUMNS, "created_at") if c not in KEYS[table].split(", "))
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging(table)} ORDER BY {KEYS[table]} "
        f"ON CONFLICT ({KEYS[table]}) DO UPDATE SET {replaced}"
    )


def insert_missing(table: str) -> str:
    """Move those staged rows into their table whose points are not there. In order of the key, lest two deadlock."""
    columns, key = ", ".join(COLUMNS), KEYS[table]
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging(table)} ORDER BY {key} "
        f"ON CONFLICT ({key}) DO NOTHING"
    )


def keys_between(table: str) -> str:
    """The series of device $1 that have points from $2 to $3, both included, and the points' timestamps, packed."""
    return (
        f"SELECT measurement_name, string_agg(timestamptz_send(timestamp), '') FROM {table} "
        "WHERE device_id = $1 AND timestamp BETWEEN $2 AND $3 GROUP BY measurement_name"
    )


REMEMBER_SERIES: Final = """
INSERT INTO telemetry_series (device_id, measurement_name, kinds)
SELECT * FROM unnest($1::integer[], $2::text[], $3::smallint[]) AS new (device_id, measurement_name, kinds)
ORDER BY device_id, measurement_name
ON CONFLICT (device_id, measurement_name) DO UPDATE SET kinds = telemetry_series.kinds | excluded.kinds
"""
SERIES_OF_DEVICE: Final = "SELECT measurement_name, kinds FROM telemetry_series WHERE device_id = $1"
DEVICES_WITH_SERIES: Final = "SELECT DISTINCT device_id FROM telemetry_series ORDER BY device_id"

#: Parameters of the deletes: $1 devices, $2 measurements or null for all, $3 start, $4 end.
_SELECTED: Final = (
    "device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR measurement_name = ANY ($2)) "
    "AND timestamp >= $3 AND timestamp < $4"
)

DELETE_DATA: Final = f"DELETE FROM {DATA_TABLE} WHERE {_SELECTED}"
DELETE_METADATA: Final = (
    f"DELETE FROM {METADATA_TABLE} WHERE device_id = ANY ($1::integer[]) AND timestamp >= $2 AND timestamp < $3"
)

#: To be run in a transaction: a removal that reads all of the table is wrong, whatever the planner expects of it.
WALK_INDEXES: Final = "SELECT " + ", ".join(
    f"set_config('enable_{way}', 'off', true)" for way in ("hashjoin", "mergejoin", "seqscan", "bitmapscan")
)


#: Every transaction before this one has ended.
MARK: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())"
#: Of rows that are old the number of their transaction may have come round; none takes an hour.
_IS_OLDER: Final = "AND (age(point.xmin) > age($6::text::xid8::xid) OR point.created_at < now() - interval '1 hour')"


def remove(table: str) -> str:
    """Delete points of devices $1 and measurements $2.

    The timestamps of each device are $3 to $4 of all those in $5, where they ascend: the index is walked once for each
    series.
    """
    return f"""
    DELETE FROM {table} AS point
    USING unnest($1::integer[], $3::integer[], $4::integer[]) AS written (device_id, first, last)
    WHERE point.device_id = written.device_id AND measurement_name = ANY ($2::text[])
        AND timestamp = ANY (($5::timestamptz[])[first:last])
"""


def remove_and_tell(table: str) -> str:
    """The same; return the devices that had some, and the first and the last timestamp of young ones."""
    is_young = f"FILTER (WHERE created_at > now() - interval '{YOUNG_SECONDS:g} s')"
    return (
        f"WITH removed AS ({remove(table)} RETURNING point.device_id, point.timestamp, point.created_at) "
        f"SELECT device_id, min(timestamp) {is_young} AS first, max(timestamp) {is_young} AS last "
        "FROM removed GROUP BY device_id"
    )


def remove_older(table: str) -> str:
    """The same, but for what was written since the mark $6."""
    return remove(table) + _IS_OLDER


def add_absent(table: str) -> str:
    """Move staged rows into their table where there is none under their key."""
    columns = ", ".join(COLUMNS)
    return (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging(table)} ORDER BY {KEYS[table]} "
        f"ON CONFLICT ({KEYS[table]}) DO NOTHING"
    )
