"""A wire to a server on which a test may hold what clients send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_BYTES = 1 << 16


class Wire:
    """Carries bytes to a server and back. What is held for a client that dies meanwhile never arrives."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._target = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._calls: set[asyncio.Task[None]] = set()
        self.port = 0

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        """Listen on a port of its own; nothing of it is left at the end."""
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def hold(self) -> None:
        """Let nothing through to the server from now on."""
        self._flows.clear()

    def release(self) -> None:
        """Let through what was held, but for clients that are gone."""
        self._flows.set()

    def _accept(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._connect(client, answers))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _connect(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        async with _closed(answers):
            server, requests = await asyncio.open_connection(self._host, self._target)
            async with _closed(requests):
                with suppress(ConnectionError):
                    await asyncio.gather(self._carry(client, requests), self._return(server, answers))

    async def _carry(self, client: asyncio.StreamReader, requests: asyncio.StreamWriter) -> None:
        while data := await client.read(_BYTES):
            await self._flows.wait()
            if client.at_eof():
                break
            requests.write(data)
        requests.close()

    async def _return(self, server: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        while data := await server.read(_BYTES):
            answers.write(data)
        answers.close()


@asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
