"""Makes points what they are in the other store, and leaves alone what was written since the two were compared."""

from __future__ import annotations

from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.copying import Load, copy_into
from iotflow_server.stores.postgres.gathering import tables_of
from iotflow_server.stores.postgres.pool import Connection, rows_affected
from iotflow_server.stores.postgres.removal import remove_older


async def amend_points(connection: Connection, right: Load, wrong: Frame, mark: str, seconds: float) -> bool:
    """Amend in a transaction; whether nothing was left alone.

    What differs is removed and then added, so that each is left alone for one reason only: somebody has written it
    since. A removal waits for writers of the same points that are not committed yet, and then finds them newer; and
    what is added waits likewise, and then meets theirs.
    """
    removed = sum([await remove_older(connection, wrong, table, mark) for table in tables_of(wrong)])
    for table in right.tables:
        await remove_older(connection, right.frame, table, mark)
    added = sum([await _add(connection, right, table, seconds) for table in right.tables])
    return removed == wrong.value_count and added == right.frame.value_count


async def _add(connection: Connection, load: Load, table: str, seconds: float) -> int:
    await connection.execute(sql.stage(table))
    await copy_into(connection, sql.staging(table), load, table, seconds)
    return rows_affected(await connection.execute(sql.add_absent(table)))
