"""Results in Redis, for all instances. Nothing depends on what Redis does with them, but speed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_log = structlog.get_logger(__name__)

#: Whoever waits for longer would have been faster without.
_PATIENCE_SECONDS: Final = 0.25
_PROBE_SECONDS: Final = 1.0
_PREFIX: Final = b"iotflow:result:"


class RedisEntries:
    """Implements :class:`cache.entries.Entries`.

    Once Redis has failed to answer in time it is left alone, but for a probe in the background, until it answers.
    """

    def __init__(self, url: str, lifetime_seconds: int) -> None:
        """:raises ValueError: it is no URL of a Redis."""
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._lifetime = lifetime_seconds
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last attempt was answered."""
        return self._probe is None

    async def get(self, key: bytes) -> bytes | None:
        """Return what is under a key."""
        found: bytes | None = await self._answer(self._redis.get(_PREFIX + key))
        # With its key, so that nothing is taken for a result that is none, or that of another question.
        return found[len(key) :] if found is not None and found.startswith(key) else None

    async def put(self, key: bytes, result: bytes) -> None:
        """Keep a result for its lifetime."""
        if self.is_up:
            await self._answer(self._redis.set(_PREFIX + key, key + result, ex=self._lifetime))

    async def close(self) -> None:
        """Disconnect."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        await self._redis.aclose()

    async def _answer(self, call: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await call
        except (RedisError, OSError) as error:
            if self._probe is None:
                _log.warning("result cache is away", action="cache_away", error=str(error) or type(error).__name__)
                self._probe = asyncio.create_task(self._until_up(), name="result-cache-probe")
            return None

    async def _until_up(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._redis.ping()
            except (RedisError, OSError):
                continue
            self._probe = None
            _log.info("result cache is back", action="cache_back")
            return
