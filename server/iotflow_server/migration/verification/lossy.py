"""Series whose points IoTDB itself changes or drops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.differences import Difference, DifferenceKind, Place
from iotflow_server.stores.history import HistoryFault
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class LossySeries:
    """By device the paths of such series, as IoTDB prints them."""

    paths: frozenset[tuple[int, str]]

    @classmethod
    def of(cls, faults: Iterable[HistoryFault]) -> LossySeries:
        """Those that an inventory tells of."""
        return cls(
            frozenset(
                (fault.device_id, fault.path)
                for fault in faults
                if fault.code == "LOSSY_ENCODING" and fault.device_id is not None
            )
        )

    def explains(self, place: Place, one: Difference, pair: Pair) -> bool:
        """Whether a difference may be IoTDB's own doing: it has another value, or dropped the point."""
        lacks_it = DifferenceKind.EXTRA if pair.primary.name is StoreName.IOTDB else DifferenceKind.MISSING
        if one.kind not in (DifferenceKind.MISMATCHED, lacks_it):
            return False
        quoted = "`" + place.measurement.replace("`", "``") + "`"
        return any(
            device_id == place.device_id and path.endswith((f".{place.measurement}", f".{quoted}"))
            for device_id, path in self.paths
        )
