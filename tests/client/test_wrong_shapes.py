"""What is handed over in the wrong shape is named by its field, before anything is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import Columns, InvalidArgumentError, Record, TelemetryClient, encode_columns
from iotflow.telemetry._records import encode_records

THREE = np.arange(3)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([Record(1, [1.0])], "records[0].values: list is no mapping of names to values"),  # type: ignore[arg-type]
        ([Record(1, {"a": 1}, 0, "x")], "records[0].metadata: str is no mapping"),  # type: ignore[arg-type]
        ([Record(1, {}), {"device_id": 1}], "records[1]: dict is no Record"),
        (Record(1, {"a": 1}), "records: a Record alone: give a list of them"),
        ([Record(2**31, {"a": 1})], "records[0].device_id: 2147483648 is not within -2147483648 to 2147483647"),
    ],
)
def test_records_are_named(records: Any, told: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        encode_records(records)
    assert told in str(caught.value)


async def test_what_a_stream_cannot_send_is_named() -> None:
    async with TelemetryClient("127.0.0.1:9") as client:
        stream = client.write_stream()
        with pytest.raises(InvalidArgumentError, match=r"batches\[0\]: Record is no Columns"):
            await stream.send(Record(1, {"a": 1}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (Columns(1, THREE, THREE), "columns: ndarray is no mapping of names to values"),  # type: ignore[arg-type]
        (Columns(1, THREE, {"a": THREE}, ["x"]), "metadata: list is no mapping"),  # type: ignore[arg-type]
        (Record(1, {"a": 1}), "Record is no Columns"),
    ],
)
def test_columns_are_named(columns: Any, told: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        encode_columns(columns)
    assert told in str(caught.value)
