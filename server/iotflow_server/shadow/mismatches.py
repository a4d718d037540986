"""Reads that both stores answered differently, kept in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import datetime_of
from iotflow_server.stores.postgres.pool import PostgresPool, transaction

_INSERT: Final = "INSERT INTO shadow_mismatches (method, question, read_from, detail) VALUES ($1, $2, $3, $4)"
_FORGET: Final = (
    "DELETE FROM shadow_mismatches WHERE id <= (SELECT id FROM shadow_mismatches ORDER BY id DESC OFFSET $1 LIMIT 1)"
)
_LIST: Final = (
    "SELECT id, found_at, method, question, read_from, detail FROM shadow_mismatches "
    "WHERE id < $1 ORDER BY id DESC LIMIT $2"
)
_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ShadowMismatch:
    """A read that both stores answered differently. ``read_from`` is the store that the caller was answered from."""

    id: int
    found_at: datetime
    method: str
    question: Mapping[str, Any]
    read_from: StoreName
    detail: str


class ShadowMismatches:
    """The newest ``most_kept`` of them. Every method raises StoreUnavailableError where PostgreSQL is away."""

    def __init__(self, pool: PostgresPool, most_kept: int) -> None:
        self._pool = pool
        self._most_kept = most_kept

    async def add(self, method: str, question: Mapping[str, Any], read_from: StoreName, detail: str) -> None:
        """Keep one."""
        text = json.dumps(question).replace("\\u0000", "\\ufffd")
        async with self._pool.connection() as connection, transaction(connection):
            await connection.execute(_INSERT, method, text, read_from.value, detail.replace("\0", "\\0"))
            await connection.execute(_FORGET, self._most_kept)

    async def listed(self, before: int | None, limit: int) -> list[ShadowMismatch]:
        """The newest first, of numbers below ``before``."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_LIST, _NEWEST if before is None else before, limit)
        return [
            ShadowMismatch(row[0], datetime_of(row[1]), row[2], json.loads(row[3]), StoreName(row[4]), row[5])
            for row in rows
        ]

    async def get(self, number: int) -> ShadowMismatch | None:
        """One, None where it is not kept."""
        found = await self.listed(number + 1, 1)
        return found[0] if found and found[0].id == number else None
