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
    except StoreError:
        raise
    except asyncpg.PostgresError as error:
        raise _of_server(error, place) from error
    except TimeoutError as error:
        raise StoreUnavailableError(StoreName.POSTGRES, f"no answer from {place} in time") from error
    except UnicodeEncodeError as error:
        raise StoreRefusedError(StoreName.POSTGRES, f"text that is not Unicode: {error}") from error
    except RuntimeError as error:
        # uvloop's word for a transport that was closed in the meantime.
        if "closed" not in str(error):
            raise
        raise StoreUnavailableError(StoreName.POSTGRES, f"no answer from {place}: the connection was closed") from error
    except _NOT_NOW as error:
        message = str(error) or type(error).__name__
        raise StoreUnavailableError(StoreName.POSTGRES, f"no answer from {place}: {message}") from error


def _of_server(error: asyncpg.PostgresError, place: str) -> StoreError:
    state = error.sqlstate or ""
    message = message_of(error)
    if state.startswith(_PASSING) or isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return StoreUnavailableError(StoreName.POSTGRES, f"{place}: {message}")
    return StoreRefusedError(StoreName.POSTGRES, message)


def message_of(error: asyncpg.PostgresError) -> str:
    """What the server says, in one line, without the data that it may quote."""
    return f"{error.args[0] if error.args else error} (SQLSTATE {error.sqlstate or ''})"
