"""Tells every process that a writer has gone on in a later stream, and waits for what it left behind (docs/adr/0010).

Each process listens on a session of PostgreSQL of its own, which holds a lock that shows that it does: one that has
died is waited for no longer than its session. Several takeovers are under way at once; each has an id.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.postgres.pool import Connection, PostgresPool
from iotflow_server.stores.postgres.stream_writers import StreamWriters
from iotflow_server.stores.stream_writer import StreamWriter

_log = structlog.get_logger(__name__)

_CHANNEL: Final = "iotflow_takeovers"
#: The first half of the lock of who listens; the second is 0.
_LOCK: Final = 0x696F_7468
#: A listener makes sure so often that its session still is one.
_HEARTBEAT_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 1.0
#: Whether those that have not answered still listen is looked at so often.
_LOOK_SECONDS: Final = 0.1
_LISTENING: Final = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1 AND objid = 0
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SAY: Final = f"SELECT pg_notify('{_CHANNEL}', $1)"


class Guard(Protocol):
    """Keeps earlier streams of a writer away in this process."""

    def note(self, writer: StreamWriter) -> None:
        """Let nothing of earlier streams begin."""

    async def ended(self, writer: StreamWriter) -> None:
        """The same, and return once nothing of them is under way."""


@dataclass(slots=True, eq=False)
class _Answers:
    """The sessions that have answered a question."""

    sessions: set[int] = field(default_factory=set)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, session: int) -> None:
        self.sessions.add(session)
        self.came.set()


class StreamTakeovers:
    """Implements :class:`routing.fence.Takeovers`."""

    def __init__(self, pool: PostgresPool, writers: StreamWriters, patience_seconds: float) -> None:
        """``patience_seconds``: a process that does not answer for so long is not waited for."""
        self._pool = pool
        self._writers = writers
        self._patience = patience_seconds
        self._questions: dict[str, _Answers] = {}
        self._is_listening = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    def start(self, guard: Guard) -> None:
        """Begin to listen."""
        self._listener = asyncio.create_task(self._listen_for_ever(guard), name="takeovers")

    async def stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def take_over(self, writer: StreamWriter) -> None:
        """Return once each process that listens has said that nothing earlier is under way, or patience ends.

        :raises StoreUnavailableError: PostgreSQL is away.
        """
        number = uuid.uuid4().hex
        answers = self._questions[number] = _Answers()
        waiting: Collection[int] = ()
        try:
            async with asyncio.timeout(self._patience):
                await self._is_listening.wait()
                await self._say(f"enter {number} {writer.attempt} {writer.writer_id}")
                while waiting := await self._silent(answers):
                    await _until_more(answers)
        except TimeoutError:
            # One that is frozen must not keep gateways from going on.
            _log.warning("stream begins without a fence", action="fence_missing", silent_sessions=sorted(waiting))
        finally:
            del self._questions[number]

    async def _silent(self, answers: _Answers) -> set[int]:
        async with self._pool.connection() as connection:
            return {row["pid"] for row in await connection.fetch(_LISTENING, _LOCK)} - answers.sessions

    async def _say(self, words: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_SAY, words)

    async def _listen_for_ever(self, guard: Guard) -> None:
        is_heard = True
        while True:
            try:
                async with self._pool.session() as connection:
                    is_heard = True
                    await _Ears(connection, guard, self._questions).listen(self._writers, self._is_listening)
            except StoreError as error:
                if is_heard:
                    _log.warning("takeovers are not heard of", action="takeovers_unheard", error=str(error))
                is_heard = False
            finally:
                self._is_listening.clear()
            await asyncio.sleep(_RETRY_SECONDS)


class _Ears:
    """One session that listens."""

    def __init__(self, connection: Connection, guard: Guard, questions: dict[str, _Answers]) -> None:
        self._connection = connection
        self._guard = guard
        self._questions = questions
        self._session = 0
        self._to_say: asyncio.Queue[str] = asyncio.Queue()
        self._at_work: set[asyncio.Task[None]] = set()

    async def listen(self, writers: StreamWriters, is_listening: asyncio.Event) -> None:
        self._session = self._connection.get_server_pid()
        await self._connection.add_listener(_CHANNEL, self._hear)
        try:
            await self._connection.execute("SELECT pg_advisory_lock_shared($1, 0)", _LOCK)
            # Those that were not heard of.
            for writer in await writers.all():
                self._guard.note(writer)
            is_listening.set()
            while not self._connection.is_closed():
                await self._answer()
        finally:
            for task in self._at_work:
                task.cancel()

    async def _answer(self) -> None:
        try:
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                words = await self._to_say.get()
        except TimeoutError:
            await self._connection.execute("SELECT 1")
        else:
            await self._connection.execute(_SAY, words)

    def _hear(self, _connection: Any, _session: int, _channel: str, payload: object) -> None:
        word, number, rest = str(payload).split(" ", 2)
        if word == "ended":
            if (answers := self._questions.get(number)) is not None:
                answers.add(int(rest))
            return
        attempt, writer_id = rest.split(" ", 1)
        task = asyncio.create_task(self._end(number, StreamWriter(writer_id, int(attempt))), name="takeover")
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _end(self, number: str, writer: StreamWriter) -> None:
        await self._guard.ended(writer)
        self._to_say.put_nowait(f"ended {number} {self._session}")


async def _until_more(answers: _Answers) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_SECONDS):
            await answers.came.wait()
    answers.came.clear()
