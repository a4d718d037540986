"""What a server stands on: its folder, and a PostgreSQL that runs."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from iotflow_server.address import AddressError
from iotflow_server.config import Settings
from iotflow_server.local.postgres import LocalPostgres, LocalPostgresError
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName

#: Those of whoever looks at the embedded PostgreSQL by hand.
_OTHER_CONNECTIONS: Final = 81
_ADDRESS_SETTINGS = {
    StoreName.POSTGRES: "IOTFLOW_POSTGRES_DSN",
    StoreName.IOTDB: "IOTDB_HOST, IOTDB_PORT, IOTDB_USERNAME and IOTDB_PASSWORD",
}


class StartError(Exception):
    """The server cannot start; the message is one line: what, where, and what to set."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a store or an address is at fault for within the block into :class:`StartError`."""
    try:
        yield
    except StoreError as error:
        raise StartError(f"{error}; check {_ADDRESS_SETTINGS[error.store]}") from error
    except AddressError as error:
        raise StartError(str(error)) from error


def lock_folder(folder: Path, stack: AsyncExitStack) -> int:
    """Keep other servers away from what one keeps on disk; return the descriptor of the lock, which goes with it.

    :raises StartError: another server has it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("w"))
    except OSError as error:
        raise StartError(
            f"cannot write to {folder}: {error.strerror}; set IOTFLOW_DATA_DIR to another folder"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StartError(f"another server uses {folder}; end it, or set IOTFLOW_DATA_DIR") from error
    return lock.fileno()


def embedded_folder(settings: Settings) -> Path | None:
    """Where the embedded PostgreSQL keeps its data; None where another one is configured."""
    return settings.data_dir / "postgres" if settings.postgres_dsn is None else None


async def postgres_dsn(settings: Settings, stack: AsyncExitStack) -> str:
    """Where PostgreSQL is; the embedded one runs until the stack is left.

    :raises StartError: it does not start.
    """
    if settings.postgres_dsn is not None:
        return settings.postgres_dsn.get_secret_value()
    try:
        of_worker = settings.postgres_pool_size + settings.postgres_read_connections + 2
        most = settings.workers * of_worker + _OTHER_CONNECTIONS
        embedded = LocalPostgres(settings.data_dir / "postgres", settings={"max_connections": str(most)})
        await asyncio.to_thread(embedded.start)
    except LocalPostgresError as error:
        raise StartError(str(error)) from error
    stack.callback(embedded.stop)
    return embedded.dsn
