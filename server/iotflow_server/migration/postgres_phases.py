"""The history of phases as a table of PostgreSQL."""

from __future__ import annotations

from iotflow_server.migration.status import PhaseChange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.postgres.clock import datetime_of, microseconds_of
from iotflow_server.stores.postgres.pool import PostgresPool

_HISTORY = """
SELECT epoch, phase, changed_at, changed_by, reason, forced FROM migration_phase ORDER BY epoch DESC LIMIT $1
"""
_APPEND = """
INSERT INTO migration_phase (epoch, phase, changed_at, changed_by, reason, forced) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (epoch) DO NOTHING
"""


class PostgresPhases:
    """Implements :class:`migration.phase_state.PhaseTable`."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def history(self, limit: int) -> list[PhaseChange]:
        """Return the newest changes, newest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_HISTORY, limit)
        return [
            PhaseChange(epoch, Phase.parse(phase), datetime_of(at), by, reason, forced)
            for epoch, phase, at, by, reason, forced in rows
        ]

    async def append(self, change: PhaseChange) -> bool:
        """Make a change durable; False where its epoch is taken already."""
        async with self._pool.connection() as connection:
            done = await connection.execute(
                _APPEND,
                change.epoch,
                change.phase.value,
                microseconds_of(change.changed_at),
                change.changed_by,
                change.reason,
                change.forced,
            )
        return bool(done == "INSERT 0 1")
