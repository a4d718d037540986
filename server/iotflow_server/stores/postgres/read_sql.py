"""Every statement that reads points. Names from clients are parameters, never text.

Points come series by series, packed: timestamps and values as bytes one after the other. That is cheaper for both sides
than a row for each point, and becomes arrays as it is; see packed.py. Where series are many and short, all of the same
kinds share a row: see series_block.py.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE

#: A value that may be of any kind: the number of its kind, and what it holds. Of a text longer than {longest} bytes
#: only its size, and 128 is added to the number.
_ANY_KIND: Final = r"""
CASE
    WHEN integer_value IS NOT NULL THEN '\x02'::bytea || int8send(integer_value)
    WHEN numeric_value IS NOT NULL THEN '\x01'::bytea || float8send(numeric_value)
    WHEN boolean_value IS NOT NULL THEN '\x04'::bytea || boolsend(boolean_value)
    WHEN text_value IS NOT NULL THEN CASE
        WHEN octet_length(text_value) <= {longest}
        THEN '\x03'::bytea || int4send(octet_length(text_value)) || textsend(text_value)
        ELSE '\x83'::bytea || int4send(octet_length(text_value)) END
    ELSE CASE
        WHEN octet_length(json_text) <= {longest}
        THEN '\x05'::bytea || int4send(octet_length(json_text)) || textsend(json_text)
        ELSE '\x85'::bytea || int4send(octet_length(json_text)) END
END"""

#: Values of a series that has one kind of fixed size need not tell it. The numbers are bits; see catalogue.py.
_PACKED: Final = (
    "CASE series.kinds WHEN 2 THEN float8send(numeric_value) WHEN 4 THEN int8send(integer_value) "
    f"WHEN 16 THEN boolsend(boolean_value) ELSE {_ANY_KIND} END"
)
_COLUMNS: Final = "timestamp, integer_value, numeric_value, text_value, boolean_value, json_value::text AS json_text"

#: $1 devices, $2 measurements or null for all.
_DATA_SERIES: Final = """
    SELECT device_id, measurement_name, kinds FROM telemetry_series
    WHERE device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR measurement_name = ANY ($2))
        AND NOT starts_with(measurement_name, 'meta_')
"""
#: The devices of $1 that have metadata. By code point, '`' follows '_'.
_DESCRIBED: Final = """(
    SELECT array_agg(DISTINCT device_id) FROM telemetry_series
    WHERE device_id = ANY ($1::integer[]) AND measurement_name >= 'meta_' AND measurement_name < 'meta`'
)"""


def _points(table: str, bounds: str, order: str) -> str:
    return (
        f"SELECT {_COLUMNS} FROM {table} AS data WHERE data.device_id = series.device_id "
        f"AND data.measurement_name = series.measurement_name {bounds} {order}"
    )


def _packed(points: str, longest: str) -> str:
    """The points of one series as two columns, both null where there are none."""
    return (
        "SELECT string_agg(timestamptz_send(timestamp), ''::bytea) AS timestamps, "
        f"string_agg({_PACKED.format(longest=longest)}, ''::bytea) AS packed FROM ({points}) AS point"
    )


#: What all series of the same kinds have, one after the other, of which each has a block as :func:`_packed` makes it.
_GATHERED: Final = """kinds, array_agg(device_id) AS devices, array_agg(measurement_name) AS names,
    string_agg(int4send(coalesce(octet_length(block.timestamps) / 8, 0)), ''::bytea) AS counts,
    string_agg(block.timestamps, ''::bytea) AS timestamps, string_agg(block.packed, ''::bytea) AS packed"""


def _order(*, descending: bool, limit: str) -> str:
    return f"ORDER BY timestamp {'DESC' if descending else 'ASC'} LIMIT {limit}"


@cache
def first_points(*, descending: bool) -> str:
    """The first points of each series of devices $1, measurements $2, from $3 to before $4.

    $5 is the number of points wanted of all series together, of which each gets its share and a few more, at least
    $6. Every series is told, whether it has points or not; ``share`` says how many it was asked for.
    """
    bounds = "AND timestamp >= $3 AND timestamp < $4"
    points = _points(DATA_TABLE, bounds, _order(descending=descending, limit="(SELECT points FROM share)"))
    return f"""
WITH series AS MATERIALIZED ({_DATA_SERIES}),
    share AS MATERIALIZED (SELECT greatest($5::integer / greatest(count(*), 1) + 2, $6::integer) AS points FROM series),
    described AS MATERIALIZED (SELECT {_DESCRIBED} AS device_ids)
SELECT {_GATHERED}, (SELECT points FROM share) AS share, (SELECT device_ids FROM described) AS described
FROM series CROSS JOIN LATERAL ({_packed(points, "$7::integer")}) AS block
GROUP BY kinds
"""


#: Series ($1 devices, $2 measurements), each from $3 to before $4.
_WANTED_SERIES: Final = """
    SELECT device_id, measurement_name, kinds, start, stop
    FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[])
        AS wanted (device_id, measurement_name, start, stop)
    JOIN telemetry_series USING (device_id, measurement_name)
"""
_WANTED_BOUNDS: Final = "AND timestamp >= series.start AND timestamp < series.stop"


@cache
def more_points(*, descending: bool) -> str:
    """Read on in series ($1 devices, $2 measurements), each from $3 to before $4, at most $5 points of each."""
    points = _points(DATA_TABLE, _WANTED_BOUNDS, _order(descending=descending, limit="$5"))
    return f"""
WITH series AS MATERIALIZED ({_WANTED_SERIES})
SELECT {_GATHERED}
FROM series CROSS JOIN LATERAL ({_packed(points, "$6::integer")}) AS block
GROUP BY kinds
"""


@cache
def next_points(*, descending: bool, metadata: bool) -> str:
    """The same for many points of few series, of which each has a row.

    With ``metadata`` a series may be one of metadata. Of the two parts of the inner query one then has a false
    condition, which is decided once for each series.
    """
    order = _order(descending=descending, limit="$5")
    points = _points(DATA_TABLE, _WANTED_BOUNDS, order)
    if metadata:
        data = _points(DATA_TABLE, f"AND NOT starts_with(series.measurement_name, 'meta_') {_WANTED_BOUNDS}", order)
        own = _points(METADATA_TABLE, f"AND starts_with(series.measurement_name, 'meta_') {_WANTED_BOUNDS}", order)
        points = f"({data}) UNION ALL ({own})"
    return f"""
WITH series AS MATERIALIZED ({_WANTED_SERIES})
SELECT device_id, measurement_name, kinds, block.*
FROM series CROSS JOIN LATERAL ({_packed(points, "$6::integer")}) AS block
"""


@cache
def latest(*, bounded: bool) -> str:
    """The latest point of each series of devices $1, measurements $2; from $3 to before $4 if ``bounded``."""
    bounds = "AND timestamp >= $3 AND timestamp < $4" if bounded else ""
    points = _points(DATA_TABLE, bounds, _order(descending=True, limit="1"))
    value = _PACKED.format(longest="2147483647")
    return f"""
WITH series AS MATERIALIZED ({_DATA_SERIES}),
    described AS MATERIALIZED (SELECT {_DESCRIBED} AS device_ids)
SELECT kinds, array_agg(device_id) AS devices, array_agg(measurement_name) AS names,
    string_agg('\\x00000001'::bytea, ''::bytea) AS counts,
    string_agg(timestamptz_send(timestamp), ''::bytea) AS timestamps, string_agg({value}, ''::bytea) AS packed,
    (SELECT device_ids FROM described) AS described
FROM series CROSS JOIN LATERAL ({points}) AS point
GROUP BY kinds
"""


@cache
def pace(*, descending: bool) -> str:
    """The timestamp of the point number $5 of some devices, counted from 0: how far a page may reach.

    ``none_from_6`` says whether no point of any device lies at $6 or later, which empty partitions tell at no cost.
    """
    points = _points(
        DATA_TABLE,
        "AND timestamp >= $3 AND timestamp < $4",
        _order(descending=descending, limit="(SELECT 2 * $5::integer / greatest(count(*), 1) + 2 FROM series)"),
    )
    return f"""
WITH series AS MATERIALIZED ({_DATA_SERIES})
SELECT point.timestamp, NOT EXISTS (SELECT FROM {DATA_TABLE} WHERE timestamp >= $6) AS none_from_6
FROM series CROSS JOIN LATERAL ({points}) AS point
ORDER BY point.timestamp {"DESC" if descending else "ASC"} OFFSET $5 LIMIT 1
"""


#: $2 measurements or null for all, which restricts data only; $3 whether metadata is meant, true, false or both.
SELECTED_SERIES: Final = """
SELECT measurement_name FROM (
    SELECT measurement_name, starts_with(measurement_name, 'meta_') AS is_metadata
    FROM telemetry_series WHERE device_id = $1
) AS series
WHERE is_metadata = ANY ($3::boolean[])
    AND (is_metadata OR $2::text[] IS NULL OR measurement_name = ANY ($2))
"""


@cache
def values_at(table: str) -> str:
    """The values of points ($1 devices, $2 measurements, $3 timestamps), however long, each with its number from 1."""
    return f"""
SELECT wanted.number, {_ANY_KIND.format(longest="2147483647")} AS packed
FROM unnest($1::integer[], $2::text[], $3::timestamptz[])
    WITH ORDINALITY AS wanted (device_id, measurement_name, timestamp, number)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM {table} AS data WHERE data.device_id = wanted.device_id
        AND data.measurement_name = wanted.measurement_name AND data.timestamp = wanted.timestamp OFFSET 0
) AS point
"""


#: The metadata of records ($1 devices, $2 timestamps).
METADATA: Final = f"""
SELECT wanted.device_id, measurement_name, wanted.timestamp, {_ANY_KIND.format(longest="2147483647")} AS packed
FROM unnest($1::integer[], $2::timestamptz[]) AS wanted (device_id, timestamp)
CROSS JOIN LATERAL (
    SELECT measurement_name, {_COLUMNS} FROM {METADATA_TABLE} AS data
    WHERE data.device_id = wanted.device_id AND data.timestamp = wanted.timestamp OFFSET 0
) AS point
"""


@cache
def list_series(*, counted: bool) -> str:
    """The series of devices $1 that hold points; without a count the ends are looked up in the index."""
    return f"""
SELECT series.device_id, series.measurement_name, kinds, first, last, points
FROM telemetry_series AS series
CROSS JOIN LATERAL (
    SELECT min(timestamp) AS first, max(timestamp) AS last, {"count(*)" if counted else "NULL::bigint"} AS points
    FROM telemetry_data AS data
    WHERE data.device_id = series.device_id AND data.measurement_name = series.measurement_name
) AS range
WHERE series.device_id = ANY ($1::integer[]) AND first IS NOT NULL
    AND NOT starts_with(series.measurement_name, 'meta_')
ORDER BY series.device_id, series.measurement_name
"""
