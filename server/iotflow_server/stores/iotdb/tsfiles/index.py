"""Which series lie in which files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from iotflow_server.stores.history import HistoryFault, Inventory
from iotflow_server.stores.iotdb.inventory import Listed, inventory_of
from iotflow_server.stores.iotdb.names import DevicePlace, Layout, join_path, split_path
from iotflow_server.stores.iotdb.tsfiles.folder import TsFile, TsFilesError
from iotflow_server.stores.iotdb.tsfiles.reading import OpenFile, Stored
from iotflow_server.stores.iotdb.types import NativeType

#: The series of a device by place and name, each with where it lies, oldest file first.
StoredSeries = Mapping[DevicePlace, Mapping[str, Sequence[Stored]]]


@dataclass(slots=True)
class Index:
    """All that files hold. ``unreadable`` says why, by the path of the series."""

    layout: Layout
    series: dict[str, list[Stored]] = field(default_factory=dict)
    devices: dict[int, dict[DevicePlace, dict[str, list[Stored]]]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Sequence[TsFile], layout: Layout) -> Index:
        """Look into all files, oldest first, and try to read each series.

        :raises TsFilesError: a file is broken.
        """
        index = cls(layout)
        for file in files:
            with closing(OpenFile(file)) as opened:
                for stored in opened.series():
                    index._add(stored, opened)
        return index

    def inventory(self) -> Inventory:
        """What there is; what cannot be read is a fault and belongs to no device."""
        points: Counter[str] = Counter()
        for stored in self.series.values():
            points[join_path(split_path(stored[0].device))] += sum(one.points for one in stored)
        readable = (stored[-1] for path, stored in self.series.items() if path not in self.unreadable)
        listed = (Listed(one.path, one.type, one.encoding, "") for one in readable)
        found = inventory_of(listed, self.layout, lambda device: points[join_path(device)])
        return Inventory(found.devices, [*found.faults, *self._unreadable()])

    def of_device(self, device_id: int) -> StoredSeries:
        """The readable series of a device. Nested series are not the device's own."""
        return {
            place: {name: stored for name, stored in series.items() if self._is_readable(stored[-1])}
            for place, series in self.devices.get(device_id, {}).items()
        }

    def owners(self) -> dict[int, int]:
        """The user of each device: of several the lowest; 0 where none has it."""
        return {
            device: min((place.user_id for place in places if place.user_id), default=0)
            for device, places in self.devices.items()
        }

    def _is_readable(self, stored: Stored) -> bool:
        return stored.path not in self.unreadable and stored.type in NativeType.__members__

    def _add(self, stored: Stored, opened: OpenFile) -> None:
        known = self.series.get(stored.path)
        if known is None:
            known = self.series[stored.path] = []
            *device, name = split_path(stored.path)
            if (place := self.layout.place(device)) is not None:
                self.devices.setdefault(place.device_id, {}).setdefault(place, {})[name] = known
        known.append(stored)
        if known[0].type != stored.type:
            self.unreadable[stored.path] = f"it is {known[0].type} in {known[0].file.path.name} and {stored.type} later"
        elif stored.type in NativeType.__members__:
            try:
                next(opened.pieces(stored, stored.first, stored.first), None)
            except TsFilesError as error:
                self.unreadable[stored.path] = f"the wheel tsfile cannot read {error}"

    def _unreadable(self) -> Iterator[HistoryFault]:
        for path, why in self.unreadable.items():
            place = self.layout.place(split_path(path)[:-1])
            points = sum(stored.points for stored in self.series[path])
            detail = f"{why}; carry it with StartBackfill, from an IoTDB that runs"
            yield HistoryFault("UNREADABLE_SERIES", path, detail, place and place.device_id, points)
