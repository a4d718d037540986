from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.api.decode_columns import DecodedColumns
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.encode_columns import BLOCK_BYTES, column_batches
from iotflow_server.stores.batch import Batch, Column, Kind
from tests.unit.api.held import cells

RULES = DecodingRules(precision_us=1, max_text_bytes=1 << 21)
KINDS = {Kind.NUMERIC: 1.5, Kind.INTEGER: -(2**63), Kind.TEXT: "ü", Kind.BOOLEAN: True, Kind.JSON: "[1]"}


def column(name: str, kind: Kind, values: list[Any], rows: list[int] | None = None) -> Column:
    held = np.empty(len(values), dtype=kind.dtype)
    held[:] = values
    return Column(name, kind, held, None if rows is None else np.array(rows, dtype=np.intp))


@given(st.lists(st.tuples(*[st.sampled_from([None, *KINDS])] * 3), min_size=1, max_size=12))
def test_what_is_encoded_decodes_to_the_same_points_in_order(rows: list[tuple[Kind | None, ...]]) -> None:
    columns = []
    for position, name in enumerate(("a", "b", "meta_k")):
        for kind in KINDS:
            chosen = [row for row, kinds in enumerate(rows) if kinds[position] is kind]
            if chosen:
                columns.append(column(name, kind, [KINDS[kind]] * len(chosen), chosen))
    # Every row of a query's answer has a measured value.
    columns.append(column("c", Kind.INTEGER, list(range(len(rows)))))
    batch = Batch(1, np.arange(10, 10 + len(rows)), tuple(columns))
    messages = list(column_batches(batch, 5))
    decoded = DecodedColumns(messages, RULES)
    assert cells(decoded.batches) == cells([batch])
    assert not decoded.rejections
    assert [time for message in messages for time in message.timestamps] == batch.timestamps.tolist()
    assert {message.user_id for message in messages} == {5}


def test_quality_that_is_not_set_is_zero_and_odd_quality_is_metadata() -> None:
    times = np.array([3, 2, 1])
    measured = column("a", Kind.BOOLEAN, [True, False, True])
    quality = column("meta_quality_flag", Kind.INTEGER, [4, 5], [0, 2])
    odd = column("meta_quality_flag", Kind.TEXT, ["good"], [1])
    (message,) = column_batches(Batch(1, times, (measured, quality)), 0)
    assert (list(message.quality_flags), list(message.timestamps)) == ([4, 0, 5], [3, 2, 1])
    (message,) = column_batches(Batch(1, times, (measured, odd)), 0)
    assert [(c.name, list(c.text), list(c.missing_rows)) for c in message.metadata] == [
        ("quality_flag", ["good"], [0, 2])
    ]


def test_a_large_batch_is_cut_into_messages_of_bounded_size() -> None:
    batch = Batch(1, np.arange(100), (column("a", Kind.TEXT, ["x" * 100_000] * 100),))
    messages = list(column_batches(batch, 0))
    assert max(message.ByteSize() for message in messages) <= BLOCK_BYTES
    assert sum(len(message.timestamps) for message in messages) == 100
