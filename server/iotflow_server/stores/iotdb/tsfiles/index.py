"""Which series lie in which files."""

from __future__ import annotations

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
        listed = [Listed(path, stored[-1].type, stored[-1].encoding, "") for path, stored in self.series.items()]
        found = inventory_of((one for one in listed if one.path not in self.unreadable), self.layout, self._points)
        return Inventory(found.devices, [*found.faults, *self._unreadable()])

    def of_device(self, device_id: int) -> StoredSeries:
        """The readable series of a device. Nested series are not the device's own."""
        found: dict[DevicePlace, dict[str, Sequence[Stored]]] = {}
        for path, stored in self.series.items():
            *device, name = split_path(path)
            place = self.layout.place(device)
            if place is not None and place.device_id == device_id and path not in self.unreadable:
                found.setdefault(place, {})[name] = stored
        return found

    def owners(self) -> dict[int, int]:
        """The user of each device: of several the lowest; 0 where none has it."""
        users: dict[int, set[int]] = {}
        for path in self.series:
            if (place := self.layout.place(split_path(path)[:-1])) is not None:
                users.setdefault(place.device_id, set()).add(place.user_id)
        return {device: min(each - {0}, default=0) for device, each in users.items()}

    def _add(self, stored: Stored, opened: OpenFile) -> None:
        known = self.series.setdefault(stored.path, [])
        known.append(stored)
        if known[0].type != stored.type:
            self.unreadable[stored.path] = f"it is {known[0].type} in {known[0].file.path.name} and {stored.type} later"
        elif stored.type in NativeType.__members__:
            try:
                next(opened.pieces(stored, stored.first, stored.first), None)
            except TsFilesError as error:
                self.unreadable[stored.path] = f"the wheel tsfile cannot read {error}"

    def _points(self, device: Sequence[str]) -> int:
        path = join_path(device)
        return sum(
            stored.points
            for each in self.series.values()
            for stored in each
            if join_path(split_path(stored.device)) == path
        )

    def _unreadable(self) -> Iterator[HistoryFault]:
        for path, why in self.unreadable.items():
            place = self.layout.place(split_path(path)[:-1])
            points = sum(stored.points for stored in self.series[path])
            detail = f"{why}; carry it with StartBackfill, from an IoTDB that runs"
            yield HistoryFault("UNREADABLE_SERIES", path, detail, place and place.device_id, points)
