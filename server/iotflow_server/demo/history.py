"""Fills an IoTDB as the older system did, with a history that every reader must find again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from iotdb.Session import Session
from iotdb.utils.IoTDBConstants import TSDataType

from iotflow_server.demo.ledger import Ledger

_TYPES: Final = {float: TSDataType.DOUBLE, int: TSDataType.INT64, bool: TSDataType.BOOLEAN, str: TSDataType.TEXT}
_ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class History:
    """What to fill: devices of users and older ones without, with so many records each, one a second."""

    database: str
    owners: dict[int, int]
    records: int
    start_ms: int


def fill(host: str, port: int, history: History, ledger: Ledger) -> None:
    """Write the history, and note every point in the ledger."""
    session = Session(host, port, "root", "root")
    session.open(False)
    try:
        for device_id, user_id in history.owners.items():
            path = _path(history.database, device_id, user_id)
            rows = [(history.start_ms + 1000 * index, _record(device_id, index)) for index in range(history.records)]
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                _insert(session, path, rows[first : first + _ROWS_AT_ONCE])
            ledger.note(device_id, {(time * 1000, name): value for time, one in rows for name, value in _measured(one)})
    finally:
        session.close()


def _record(device_id: int, index: int) -> dict[str, Any]:
    record: dict[str, Any] = {
        "temperature": 20 + (index % 100) / 8,
        "uptime": 2**53 + index,
        "door_open": index % 7 == 0,
        "meta_site": f"hall {device_id % 3}",
    }
    if index % 10 == 0:
        record["state"] = ["ok", "null", "", "über 🌡"][index // 10 % 4]
        record["detail"] = json.dumps({"fan": index, "rpm": [index, 1.5]})
    return record


def _measured(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in record.items() if not name.startswith("meta_"))


def _insert(session: Session, path: str, rows: list[tuple[int, dict[str, Any]]]) -> None:
    session.insert_records(
        [path] * len(rows),
        [timestamp for timestamp, _ in rows],
        [list(record) for _, record in rows],
        [[_TYPES[type(value)] for value in record.values()] for _, record in rows],
        [list(record.values()) for _, record in rows],
    )


def _path(database: str, device_id: int, user_id: int) -> str:
    if user_id:
        return f"{database}.users.user_{user_id}.devices.device_{device_id}"
    return f"{database}.devices.device_{device_id}"
