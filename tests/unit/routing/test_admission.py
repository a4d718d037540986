from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from iotflow_server.routing.admission import IOTDB_MAX_TIMESTAMP, admit
from iotflow_server.routing.refusal import RefusalReason
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.store import SeriesType, Width


def column(kind: Kind, values: list[Any], rows: list[int] | None = None, name: str = "m") -> Column:
    return Column(name, kind, np.array(values, dtype=kind.dtype), None if rows is None else np.array(rows))


def batch_of(*columns: Column, timestamps: list[int] | None = None) -> Batch:
    count = max(len(c) if c.rows is None else int(c.rows[-1]) + 1 for c in columns)
    return Batch(1, np.array(timestamps or range(count), dtype=np.int64), columns)


def admitted(batch: Batch, **types: SeriesType) -> tuple[dict[Kind, list[Any]], list[tuple[RefusalReason, list[int]]]]:
    result = admit(0, batch, types)
    kept = {c.kind: c.values.tolist() for c in result.batch.columns} if result.batch else {}
    every = range(len(batch.timestamps))
    return kept, [(r.reason, list(every if r.rows is None else r.rows)) for r in result.refusals]


INTEGER, NUMERIC, TEXT = SeriesType(Kind.INTEGER), SeriesType(Kind.NUMERIC), SeriesType(Kind.TEXT)


def test_integral_numbers_become_integers_in_an_integer_series_and_others_are_refused() -> None:
    values = [1.0, 1.5, math.nan, math.inf, 2.0**63, -(2.0**63)]
    kept, refused = admitted(batch_of(column(Kind.NUMERIC, values)), m=INTEGER)
    assert kept == {Kind.INTEGER: [1, -(2**63)]}
    assert refused == [(RefusalReason.TYPE, [1, 2, 3, 4])]


def test_integers_become_numbers_in_a_numeric_series_only_where_a_double_holds_them() -> None:
    values = [5, 2**53 + 1, 2**53 + 2, 2**63 - 1, -(2**63)]
    kept, refused = admitted(batch_of(column(Kind.INTEGER, values)), m=NUMERIC)
    assert kept == {Kind.NUMERIC: [5.0, 2.0**53 + 2, -(2.0**63)]}
    assert refused == [(RefusalReason.TYPE, [1, 3])]


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.BOOLEAN, Kind.JSON])
def test_other_kinds_are_refused_by_a_numeric_series(kind: Kind) -> None:
    value = True if kind is Kind.BOOLEAN else "1"
    kept, refused = admitted(batch_of(column(kind, [value])), m=NUMERIC)
    assert kept == {}
    assert refused == [(RefusalReason.TYPE, [0])]


def test_a_new_series_takes_the_type_of_its_earliest_value() -> None:
    batch = batch_of(column(Kind.NUMERIC, [1.5, 2.0], [1, 2]), column(Kind.INTEGER, [7], [0]))
    kept, refused = admitted(batch)
    assert kept == {Kind.INTEGER: [7, 2]}
    assert refused == [(RefusalReason.TYPE, [1])]


def test_narrow_series_take_only_what_they_hold_exactly() -> None:
    kept, refused = admitted(
        batch_of(column(Kind.INTEGER, [2**31 - 1, 2**31])), m=SeriesType(Kind.INTEGER, Width.INT32)
    )
    assert (kept, refused) == ({Kind.INTEGER: [2**31 - 1]}, [(RefusalReason.TYPE, [1])])
    kept, refused = admitted(
        batch_of(column(Kind.NUMERIC, [0.5, 0.1, 1e300])), m=SeriesType(Kind.NUMERIC, Width.FLOAT32)
    )
    assert (kept, refused) == ({Kind.NUMERIC: [0.5]}, [(RefusalReason.TYPE, [1, 2])])


def test_a_series_told_by_content_refuses_what_would_read_back_as_the_other_kind() -> None:
    by_content = SeriesType(Kind.TEXT, Width.BY_CONTENT)
    kept, refused = admitted(batch_of(column(Kind.TEXT, ["plain", '{"a": 1}', "{not json"])), m=by_content)
    assert (kept, refused) == ({Kind.TEXT: ["plain", "{not json"]}, [(RefusalReason.TYPE, [1])])
    kept, refused = admitted(batch_of(column(Kind.JSON, ["[1]", "5"])), m=by_content)
    assert (kept, refused) == ({Kind.JSON: ["[1]"]}, [(RefusalReason.TYPE, [1])])


@pytest.mark.parametrize("name", ["time", "TIMESTAMP", "a\nb", "a\tb"])
def test_names_that_iotdb_cannot_hold_are_refused(name: str) -> None:
    kept, refused = admitted(batch_of(column(Kind.NUMERIC, [1.0], name=name)))
    assert kept == {}
    assert refused == [(RefusalReason.NAME, [0])]


def test_only_the_rows_that_are_too_late_for_iotdb_are_refused() -> None:
    batch = batch_of(column(Kind.NUMERIC, [1.0, 2.0]), timestamps=[IOTDB_MAX_TIMESTAMP, IOTDB_MAX_TIMESTAMP + 1])
    kept, refused = admitted(batch)
    assert kept == {Kind.NUMERIC: [1.0]}
    assert refused == [(RefusalReason.TIMESTAMP, [1])]
