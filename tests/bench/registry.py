"""All measures, in the order of the table. A new one is a file in measures/ and a line here."""

from __future__ import annotations

from typing import Final

from tests.bench.measure import Measure
from tests.bench.measures import ingest_stream, unary_durable

MEASURES: Final[dict[str, Measure]] = {
    measure.key: measure
    for measure in (
        *ingest_stream.MEASURES,
        unary_durable.MEASURE,
    )
}  # fmt: skip
