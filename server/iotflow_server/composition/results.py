"""Builds the cache of results that the settings ask for."""

from __future__ import annotations

from typing import Final

from iotflow_server.cache.choice import entries_at
from iotflow_server.cache.results import ResultCache
from iotflow_server.composition.core import Core
from iotflow_server.composition.foundation import StartError
from iotflow_server.stores.name import StoreName

#: At least so many results find room.
_RESULTS: Final = 16


def kept_results(core: Core) -> ResultCache | None:
    """The cache of results, None where none is asked for. It is closed with the stack.

    :raises StartError: it cannot be made.
    """
    settings = core.settings
    if settings.result_cache is None:
        return None
    place, max_bytes = settings.result_cache.get_secret_value(), settings.result_cache_bytes
    try:
        entries = entries_at(place, max_bytes, settings.result_cache_seconds)
    except ImportError as error:
        raise StartError(f"results are to be kept in Redis: install the extra 'redis' ({error})") from error
    except ValueError as error:
        raise StartError(f"IOTFLOW_RESULT_CACHE: {error}") from error
    core.stack.push_async_callback(entries.close)

    def is_usable() -> bool:
        return core.router.phase.reads_from(StoreName.POSTGRES)

    generations, looked_up = core.postgres.generations, core.metrics.result_looked_up
    return ResultCache(entries, generations, is_usable, looked_up, max_bytes // _RESULTS)
