"""PostgreSQL's time: every timestamptz is an integer here, in microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

#: Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
EPOCH_SHIFT: Final = 946_684_800_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def use_microseconds(connection: asyncpg.Connection) -> None:
    """Make a connection take and return integers for timestamptz: a datetime cannot hold the year 10000."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=lambda microseconds: (microseconds - EPOCH_SHIFT,),
        decoder=lambda fields: fields[0] + EPOCH_SHIFT,
        format="tuple",
    )


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def datetime_of(microseconds: int) -> datetime:
    """The moment that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
