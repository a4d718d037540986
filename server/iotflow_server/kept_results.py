"""Builds the cache of results that the settings ask for."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

from iotflow_server.cache.choice import entries_at
from iotflow_server.cache.results import GenerationsPort, ResultCache
from iotflow_server.config import Settings
from iotflow_server.foundation import StartError
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.router import Router
from iotflow_server.stores.name import StoreName

#: At least so many results find room.
_RESULTS: Final = 16


def kept_results(
    settings: Settings, generations: GenerationsPort, router: Router, metrics: Metrics, stack: AsyncExitStack
) -> ResultCache | None:
    """The cache of results, None where none is asked for. It is closed with the stack.

    :raises StartError: it cannot be made.
    """
    if settings.result_cache is None:
        return None
    place, max_bytes = settings.result_cache.get_secret_value(), settings.result_cache_bytes
    try:
        entries = entries_at(place, max_bytes, settings.result_cache_seconds)
    except ImportError as error:
        raise StartError(f"results are to be kept in Redis: install the extra 'redis' ({error})") from error
    except ValueError as error:
        raise StartError(f"IOTFLOW_RESULT_CACHE: {error}") from error
    stack.push_async_callback(entries.close)

    def is_usable() -> bool:
        return router.phase.reads_from(StoreName.POSTGRES)

    return ResultCache(entries, generations, is_usable, metrics.result_looked_up, max_bytes // _RESULTS)
