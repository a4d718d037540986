"""COPY of encoded points into a table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import numpy as np

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.errors import message_of
from iotflow_server.stores.postgres.gathering import copy_chunks, point_at, tables_of
from iotflow_server.stores.postgres.point_rows import COLUMNS
from iotflow_server.stores.postgres.pool import Connection, bounded
from iotflow_server.stores.store import OwnerLookup

#: Classes of SQLSTATE by which the server refuses a value: of its form, or of its size.
_REFUSING: Final = ("22", "54")
#: For so few values asyncpg's care of each chunk costs more than it saves.
_FEW_VALUES: Final = 4096
_COPY_LINE: Final = re.compile(r"COPY \w+, line (\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A resolved frame on its way into its tables."""

    frame: Frame
    owner_of: OwnerLookup

    @property
    def tables(self) -> list[str]:
        """The tables that take a part of it."""
        return tables_of(self.frame)

    def source(self, table: str) -> Any:
        """What COPY takes for a table: much is encoded while the server works on what came before."""
        chunks = copy_chunks(self.frame, self.owner_of, table)
        # asyncpg takes bytes for a path, and any other buffer for what it is; its type stub knows of neither.
        return memoryview(b"".join(chunks)) if self.frame.value_count <= _FEW_VALUES else _one_by_one(chunks)


async def copy_into(connection: Connection, into: str, load: Load, table: str, seconds: float) -> None:
    """Copy what a load has for a table into that or another one of its shape.

    :raises StoreRefusedError: the server refuses a value; the error names its point.
    """
    try:
        async with bounded(connection, seconds):
            source = load.source(table)
            await connection.copy_to_table(into, source=source, columns=list(COLUMNS), format="binary")
    except asyncpg.PostgresError as error:
        if not (error.sqlstate or "").startswith(_REFUSING):
            raise
        raise StoreRefusedError(StoreName.POSTGRES, _named(error, load, table)) from error


async def _one_by_one(chunks: Iterator[bytes | memoryview]) -> AsyncIterator[bytes | memoryview]:
    for chunk in chunks:
        yield chunk


def _named(error: asyncpg.PostgresError, load: Load, table: str) -> str:
    line = _COPY_LINE.search(error.context or "")
    key = point_at(load.frame, load.owner_of, table, int(line[1])) if line else None
    if key is None:
        return message_of(error)
    moment = np.datetime64(key.timestamp, "us")
    return f"device {key.device_id}, {key.measurement!r} at {moment}Z: {message_of(error)}"
