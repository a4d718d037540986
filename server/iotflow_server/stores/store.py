"""The contract of a store. tests/conformance holds every implementation to it."""

from __future__ import annotations

import enum
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Kind, Timestamps
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.rollups import RollupReader
from iotflow_server.stores.selection import PointKey, Selection

#: A point is young for so long after it was written.
YOUNG_SECONDS: Final = 10.0

#: Tells the owner of a device by the registry, 0 where it has none.
OwnerLookup = Callable[[int], int]


class Width(enum.Enum):
    """What a store's own type can hold of a kind."""

    #: Every value of the kind.
    FULL = "full"
    #: Integers of 32 bits (a series of IoTDB's INT32).
    INT32 = "int32"
    #: Doubles that are exact in 32 bits (a series of IoTDB's FLOAT).
    FLOAT32 = "float32"
    #: Text whose kind is told by its content: what parses as a JSON object or array is JSON, all else is text.
    BY_CONTENT = "by content"


@dataclass(frozen=True, slots=True)
class SeriesType:
    """The type of a series. ``kind`` is None where it holds several kinds."""

    kind: Kind | None
    width: Width = Width.FULL


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """A series that holds at least one point; timestamps in microseconds since 1970.

    ``point_count`` is None where it was not asked for.
    """

    device_id: int
    measurement: str
    kind: Kind | None
    first: int
    last: int
    point_count: int | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """How points of one device are to become what they are elsewhere.

    ``right`` are missing or different, ``wrong`` should not be there (their values do not matter). ``whole`` is all
    that should be there from the first to the last of both. Each may be None where there is nothing.
    """

    right: Batch | None
    wrong: Batch | None
    whole: Batch | None


class TelemetryStore(Protocol):
    """Keeps points under the key (device, measurement, timestamp); the last write wins.

    Every method raises :class:`~.errors.StoreUnavailableError` when the store cannot be reached or does not
    answer in time, and then works again, without a restart, once the store is back. Methods may be called
    concurrently, from one event loop. None blocks the loop.
    """

    @property
    def name(self) -> StoreName:
        """Which store this is."""

    @property
    def rollups(self) -> RollupReader | None:
        """Figures that it keeps beside points; None where it keeps none."""

    async def open(self) -> None:
        """Connect and make ready (schema included). Idempotent."""

    async def close(self) -> None:
        """Let go of all connections. Idempotent."""

    async def ping(self) -> None:
        """Return if the store answers now."""

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store batches; on return every point is durable. A later batch wins over an earlier one.

        Where ``tells_young``, returns where points were replaced that had been written less than YOUNG_SECONDS before,
        by the store's clock; a store that cannot tell returns nothing.

        With a ``permission`` nobody sees any of it before that is given. A store that can get it ready meanwhile does.

        The batches have been admitted (``routing/admission.py``): their types fit, names and timestamps can
        be stored. If this raises, any part of them may have been stored; the same call again is harmless.

        :raises StoreRefusedError: the store takes the connection but not the data.
        :raises WithdrawnError: the permission is refused; nothing was stored.
        """

    def scan(self, selection: Selection, *, descending: bool = False) -> AsyncIterator[Batch]:
        """Yield all points of a selection in batches of bounded size.

        Devices ascend; a device may be continued in the next batch; timestamps go on strictly ascending
        (or descending) from one batch of a device to the next. With Scope.BOTH a row's metadata is in the
        same batch as its data. Batches without points are not yielded. Unknown devices and series: nothing.
        """

    async def page(
        self,
        selection: Selection,
        *,
        limit: int,
        max_bytes: int = sys.maxsize,
        descending: bool = False,
        after: PointKey | None = None,
    ) -> Sequence[Batch]:
        """Return the first ``limit`` data points in the order (timestamp, device_id, measurement), which all
        three turn round if ``descending``; those beyond ``after`` only. Names compare by code point.

        A store may end the page early, at its second point or later, with the point by which its texts exceed
        ``max_bytes`` of UTF-8.
        At most one batch for each device, devices ascending, timestamps ascending within it whatever the order.
        A store that answers with Points has them in the order of the page.
        The scope of the selection is DATA.
        """

    async def latest(self, selection: Selection) -> Sequence[Batch]:
        """Return the point with the greatest timestamp of each selected data series, within the range.

        At most one batch for each device, devices ascending. The scope of the selection is DATA. A store that
        answers with Points has them ordered by device and measurement.
        """

    async def metadata(self, device_ids: NDArray[np.int32], timestamps: Timestamps) -> Sequence[Batch]:
        """Return the metadata series of records, which are given as two arrays of one length; no other points of
        these devices at these moments, though maybe some at others."""

    async def delete(self, selection: Selection) -> None:
        """Delete the points of a selection; durable on return. What does not exist is no error.

        The type of a series stays registered where the store registers types.
        """

    async def mark(self) -> str:
        """Return a mark of now, for :meth:`amend`. To be taken before the points are read that are compared."""

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Make points what they should be, and leave what was written since the mark as it is, as far as the store
        can tell the two apart.

        :returns: whether all of it was done, and nothing that was written meanwhile was undone by it. If False the
            points are to be compared again.
        """

    async def list_series(self, device_ids: Sequence[int], *, count_points: bool = False) -> Sequence[SeriesInfo]:
        """Return the data series that hold points, ordered by device and name (by code point).

        ``count_points`` counts these too, which takes longer the more there are.
        """

    async def series_types(self, device_id: int) -> Mapping[str, SeriesType]:
        """Return the types of the series of a device, metadata included, also of those without points
        where the store registers types."""

    async def list_devices(self) -> Sequence[tuple[int, int]]:
        """Return (device_id, user_id) of every device with series here, user_id 0 where it has none,
        ordered by device."""
