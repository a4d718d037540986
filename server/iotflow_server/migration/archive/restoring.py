"""Fills a store with an archive: what is missing there comes back, what is there stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from iotflow_server.migration.archive.manifest import Manifest
from iotflow_server.migration.archive.writer import read_batches
from iotflow_server.migration.backfill.isolating import RefusedPoint, fill_apart
from iotflow_server.migration.backfill.target import Target
from iotflow_server.stores.errors import StoreRefusedError


@dataclass(slots=True)
class Restored:
    """Points gone through, and those that the store does not take."""

    points: int = 0
    refused: list[RefusedPoint] = field(default_factory=list)


def owners_of(manifest: Manifest) -> dict[int, int]:
    """The user of each device in an archive, 0 for none."""
    return {device.device_id: device.user_id for file in manifest.files for device in file.devices}


async def restore(folder: Path, manifest: Manifest, target: Target) -> Restored:
    """Fill a store. To do it again is harmless."""
    result = Restored()
    for file in manifest.files:
        async with target.filling({device.device_id for device in file.devices}) as filling:
            async for batch in read_batches(folder / file.name):
                try:
                    await filling.fill([batch])
                except StoreRefusedError:
                    result.refused += (await fill_apart(filling, batch)).refused
                result.points += sum(map(len, batch.columns))
    return result
