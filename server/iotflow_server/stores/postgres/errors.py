"""What asyncpg and the network raise, as the errors of a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from iotflow_server.stores.errors import StoreError, StoreRefusedError, StoreUnavailableError
from iotflow_server.stores.name import StoreName

#: Beginnings of SQLSTATE after which the same call may succeed: connection, resources, operator, system,
#: transactions that lost against another, locks, and a standby that is not promoted yet.
_PASSING: Final = ("08", "53", "57", "58", "40", "55P03", "25006")
_NOT_NOW: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    EOFError,
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn errors of the block into :class:`StoreError`; ``place`` says where the server was looked for."""
    try:
        yield
    except Exception as error:
        if (found := store_error(error, place)) is None:
            raise
        raise found from error


def store_error(error: Exception, place: str) -> StoreError | None:
    """What an error means as one of the store; None where it is one already, or none at all."""
    if isinstance(error, StoreError):
        return None
    if isinstance(error, asyncpg.PostgresError):
        return _of_server(error, place)
    if isinstance(error, TimeoutError):
        return StoreUnavailableError(StoreName.POSTGRES, f"no answer from {place} in time")
    if isinstance(error, UnicodeEncodeError):
        return StoreRefusedError(StoreName.POSTGRES, f"text that is not Unicode: {error}")
    if isinstance(error, RuntimeError):
        # uvloop's word for a transport that was closed in the meantime.
        is_closed = "closed" in str(error)
        message = f"no answer from {place}: the connection was closed"
        return StoreUnavailableError(StoreName.POSTGRES, message) if is_closed else None
    if isinstance(error, _NOT_NOW):
        message = str(error) or type(error).__name__
        return StoreUnavailableError(StoreName.POSTGRES, f"no answer from {place}: {message}")
    return None


def _of_server(error: asyncpg.PostgresError, place: str) -> StoreError:
    state = error.sqlstate or ""
    message = message_of(error)
    if state.startswith(_PASSING) or isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return StoreUnavailableError(StoreName.POSTGRES, f"{place}: {message}")
    return StoreRefusedError(StoreName.POSTGRES, message)


def message_of(error: asyncpg.PostgresError) -> str:
    """What the server says, in one line, without the data that it may quote."""
    return f"{error.args[0] if error.args else error} (SQLSTATE {error.sqlstate or ''})"
