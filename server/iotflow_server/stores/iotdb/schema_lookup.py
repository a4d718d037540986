"""Tells the schemas of devices, and asks for them anew before they are too old.

So no device waits for its own that goes on writing, were it once an hour.
"""

from __future__ import annotations

import asyncio

from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.iotdb.names import Layout
from iotflow_server.stores.iotdb.schema import DeviceSchema, SchemaCache, load_schema
from iotflow_server.stores.iotdb.sessions import Sessions


class SchemaLookup:
    """What is in the cache, and what IoTDB tells where that has nothing; what ages is loaded in the background."""

    def __init__(self, sessions: Sessions, layout: Layout, known: SchemaCache) -> None:
        self._sessions = sessions
        self._layout = layout
        self._known = known
        self._aging: dict[int, None] = {}
        self._task: asyncio.Task[None] | None = None

    async def schema(self, device_id: int) -> DeviceSchema:
        """The schema of a device; an hour old at most, and minutes where it is asked for more often."""
        known = self._known.get(device_id)
        if known is None:
            return await self._load(device_id)
        if self._known.is_aging(device_id):
            self._load_soon(device_id)
        return known

    async def stop(self) -> None:
        """Load nothing more in the background."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _load(self, device_id: int) -> DeviceSchema:
        schema = await self._sessions.run(lambda session: load_schema(session, self._layout, device_id))
        self._known.put(device_id, schema)
        return schema

    def _load_soon(self, device_id: int) -> None:
        self._aging[device_id] = None
        if self._task is None:
            self._task = asyncio.create_task(self._load_aging(), name="iotdb-schemas")

    async def _load_aging(self) -> None:
        try:
            while self._aging:
                device_id = next(iter(self._aging))
                await self._load(device_id)
                self._aging.pop(device_id, None)
        except StoreError:
            # A write that needs one will hear of it.
            self._aging.clear()
        finally:
            self._task = None
