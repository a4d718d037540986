"""All measures, in the order of the table. A new one is a file in measures/ that has ``MEASURES``, and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tests.bench.measure import Measure

_FILES: Final = (
    "ingest_stream",
    "ingest_stream_dual",
    "ingest_overwrite",
    "unary_durable",
    "unary_latency",
    "dual_overhead",
    "secondary_down",
    "cutover_pause",
    "ingest_growth",
    "memory_peak",
    "queries",
    "aggregates",
    "query_under_ingest",
    "stream_export",
    "query_cancelled",
    "backfill",
    "verify",
)

#: By key.
MEASURES: Final[dict[str, Measure]] = {
    measure.key: measure for file in _FILES for measure in import_module(f"tests.bench.measures.{file}").MEASURES
}
