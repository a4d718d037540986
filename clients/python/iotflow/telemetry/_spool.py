"""A durable queue in a SQLite file: entries in the order of their ids. Blocking; it is used from one thread."""

from __future__ import annotations

import logging
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from iotflow.telemetry._entries import PAGE_BYTES, Entry
from iotflow.telemetry._errors import SpoolError, SpoolLockedError

#: The files may have so much more than the entries in them: the write-ahead log, and the pages that hold the tree.
SLACK_BYTES: Final = 16 << 20

_LOG = logging.getLogger("iotflow.telemetry")
#: Tells a spool from other SQLite files, and its format from later ones.
_APPLICATION_ID: Final = 0x494F5453
_FORMAT: Final = 1
_WAL_PAGES: Final = 256
_SCHEMA: Final = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, points INTEGER NOT NULL, written_at REAL NOT NULL, checksum INTEGER NOT NULL,
    payload BLOB NOT NULL
)"""
_WRITER_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS writer (id TEXT NOT NULL, attempt INTEGER NOT NULL)"

#: Ids from the first to the last of a range, both included.
IdRange = tuple[int, int]


class _DamagedError(SpoolError):
    """The file is a spool, but not all of it can be read."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: ``first_id`` and ``last_id`` are 0 where it holds nothing."""

    first_id: int = 0
    last_id: int = 0
    points: int = 0
    footprint: int = 0
    oldest_written_at: float = 0.0


class Spool:
    """An open file. It is locked against other openers until it is closed, or its process has ended in any way."""

    def __init__(self, path: Path, connection: sqlite3.Connection, set_aside: Path | None) -> None:
        self._path = path
        self._connection = connection
        #: Where a damaged file was moved before this one was begun.
        self.set_aside = set_aside
        #: What it held when it was opened.
        self.contents = Contents()
        #: By what the service knows who writes from this file.
        self.writer_id = ""
        #: Of the last stream that was begun from it; 0 where none was.
        self.attempt = 0

    @classmethod
    def open(cls, path: Path, max_bytes: int, *, is_durable: bool) -> Self:
        """Open a file, making it and its folder where needed. A damaged one is moved aside, and the log tells where.

        :raises SpoolLockedError: somebody else has it open.
        :raises SpoolError: it cannot be opened, or is no spool.
        """
        try:
            return cls._opened(path, max_bytes, None, is_durable=is_durable)
        except _DamagedError as error:
            aside = _move_aside(path)
            _LOG.error("%s; it was moved to %s, and an empty spool was begun", error, aside)
            return cls._opened(path, max_bytes, aside, is_durable=is_durable)

    @classmethod
    def _opened(cls, path: Path, max_bytes: int, set_aside: Path | None, *, is_durable: bool) -> Self:
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        spool = cls(path, connection, set_aside)
        try:
            with _translated(path):
                _lock(connection)
                _set_up(path, connection, max_bytes, is_durable=is_durable)
                spool.writer_id, spool.attempt = _writer(connection)
                spool.contents = _checked_contents(path, connection)
        except BaseException:
            connection.close()
            raise
        return spool

    def close(self) -> None:
        """Close the file."""
        with _translated(self._path):
            self._connection.close()

    def commit(self, deletions: Iterable[IdRange], inserts: Sequence[Entry]) -> None:
        """Delete ranges, then add entries, all or nothing. On disk on return, where the spool is durable."""
        with _translated(self._path), _transaction(self._connection) as connection:
            connection.executemany("DELETE FROM entries WHERE id BETWEEN ? AND ?", deletions)
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", map(_row, inserts))

    def begin_stream(self) -> None:
        """Count a stream, so that whoever opens the file next counts on from it."""
        self.attempt += 1
        with _translated(self._path):
            self._connection.execute("UPDATE writer SET attempt = ?", (self.attempt,))

    def page(self, after_id: int, nbytes: int) -> list[Entry]:
        """The entries that follow an id: as many as it takes for so many bytes of payload."""
        entries: list[Entry] = []
        with _translated(self._path):
            for entry in _entries(self._path, self._connection, after_id):
                entries.append(entry)
                nbytes -= len(entry.payload)
                if nbytes <= 0:
                    break
        return entries


def _lock(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


def _set_up(path: Path, connection: sqlite3.Connection, max_bytes: int, *, is_durable: bool) -> None:
    connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {4 * _WAL_PAGES * PAGE_BYTES}")
    connection.execute(f"PRAGMA max_page_count = {(max_bytes + SLACK_BYTES // 2) // PAGE_BYTES}")
    if not _value(connection, "SELECT count(*) FROM sqlite_master"):
        with _transaction(connection):
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.execute(_SCHEMA)
    if _value(connection, "PRAGMA application_id") != _APPLICATION_ID:
        raise SpoolError(f"{path} is a SQLite file of something else: name another file")
    if _value(connection, "PRAGMA user_version") != _FORMAT:
        raise SpoolError(f"the spool {path} was made by a newer release: use that one to send what is in it")


def _writer(connection: sqlite3.Connection) -> tuple[str, int]:
    with _transaction(connection):
        connection.execute(_WRITER_SCHEMA)
        if not _value(connection, "SELECT count(*) FROM writer"):
            connection.execute("INSERT INTO writer VALUES (?, 0)", (uuid.uuid4().hex,))
    found: tuple[str, int] = connection.execute("SELECT id, attempt FROM writer").fetchone()
    return found


def _checked_contents(path: Path, connection: sqlite3.Connection) -> Contents:
    """Read all of it once, so that no damage shows later."""
    found = _value(connection, "PRAGMA quick_check(1)")
    if found != "ok":
        raise _DamagedError(f"the spool {path} is damaged: {found}")
    first_id = last_id = points = footprint = 0
    oldest = 0.0
    for entry in _entries(path, connection, 0):
        if not first_id:
            first_id, oldest = entry.id, entry.written_at
        last_id = entry.id
        points += entry.points
        footprint += entry.footprint
    return Contents(first_id, last_id, points, footprint, oldest)


def _entries(path: Path, connection: sqlite3.Connection, after_id: int) -> Iterator[Entry]:
    query = "SELECT id, points, written_at, checksum, payload FROM entries WHERE id > ? ORDER BY id"
    for number, points, written_at, checksum, payload in connection.execute(query, (after_id,)):
        if zlib.crc32(payload) != checksum:
            raise _DamagedError(f"the spool {path} is damaged: entry {number} is not as it was written")
        yield Entry(number, points, written_at, payload, is_on_disk=True)


def _row(entry: Entry) -> tuple[int, int, float, int, bytes]:
    return entry.id, entry.points, entry.written_at, zlib.crc32(entry.payload), entry.payload


def _value(connection: sqlite3.Connection, query: str) -> object:
    (value,) = connection.execute(query).fetchone()
    return value


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return path.rename(aside)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _spool_error(path, error) from error


def _spool_error(path: Path, error: Exception) -> SpoolError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return SpoolLockedError(f"the spool {path} is in use: each GatewayWriter needs a file of its own")
    if name == "SQLITE_NOTADB":
        # It may be anything, so it is left where it is.
        return SpoolError(f"{path} is no spool: name another file, or move this one away")
    if name.startswith("SQLITE_CORRUPT"):
        return _DamagedError(f"the spool {path} is damaged: {error}")
    return SpoolError(f"the spool {path} cannot be used: {error}")
