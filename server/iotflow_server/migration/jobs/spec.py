"""What a job is asked to do, and how hard it may work."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange


class JobKind(enum.StrEnum):
    """What a job does. The words are those of the database and the protos."""

    BACKFILL = "BACKFILL"
    VERIFICATION = "VERIFICATION"
    REPAIR = "REPAIR"
    ARCHIVE = "ARCHIVE"


class JobState(enum.StrEnum):
    """Where a job stands. The words are those of the database and the protos."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing is done any more unless somebody asks for it."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobScope:
    """What of the fleet a job is about: all that is set must hold. Empty ``devices`` and ``measurements`` mean all,
    ``user_id`` 0 any. Series of metadata are within whatever ``measurements`` says."""

    devices: tuple[int, ...] = ()
    user_id: int = 0
    measurements: tuple[str, ...] = ()
    time_range: TimeRange = field(default_factory=TimeRange)

    @property
    def is_everything(self) -> bool:
        """Whether nothing of the fleet is left out."""
        return self == JobScope()

    def __str__(self) -> str:
        devices = f"devices {_listed(self.devices)}" if self.devices else "all devices"
        parts = [devices, f"of user {self.user_id}" if self.user_id else ""]
        parts.append(f"measurements {_listed(self.measurements)}" if self.measurements else "")
        parts.append("" if self.time_range == TimeRange() else "in a range of time")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as it was asked for. ``options`` are what its kind needs beside, as JSON has it. A ``continuous`` job
    begins again whenever it is through."""

    kind: JobKind
    scope: JobScope = JobScope()
    options: Mapping[str, Any] = field(default_factory=dict)
    continuous: bool = False

    def __str__(self) -> str:
        options = [f"{name} {value}" for name, value in self.options.items()]
        return "; ".join([f"{self.kind.lower().replace('_', ' ')} of {self.scope}", *options])

    def to_json(self) -> dict[str, Any]:
        """All but the kind, as JSON has it."""
        return {"scope": asdict(self.scope), "options": dict(self.options), "continuous": self.continuous}

    @classmethod
    def from_json(cls, kind: JobKind, stored: Mapping[str, Any]) -> JobSpec:
        """What :meth:`to_json` returned."""
        scope = dict(stored["scope"])
        time_range = TimeRange(**scope.pop("time_range"))
        known = JobScope(tuple(scope["devices"]), scope["user_id"], tuple(scope["measurements"]), time_range)
        return cls(kind, known, stored["options"], stored["continuous"])


@dataclass(frozen=True, slots=True)
class JobPace:
    """How hard a job may work. ``workers`` 0: as the settings say. ``points_per_second`` by store; a store that is not
    in it is not limited. ``hours`` are times of the day as "HH:MM-HH:MM" in ``time_zone``; empty: always."""

    workers: int = 0
    points_per_second: Mapping[StoreName, int] = field(default_factory=dict)
    hours: tuple[str, ...] = ()
    time_zone: str = "UTC"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> JobPace:
        """What :meth:`to_json` returned."""
        rates = {StoreName(store): int(rate) for store, rate in stored["points_per_second"].items()}
        return cls(stored["workers"], rates, tuple(stored["hours"]), stored["time_zone"])


def _listed(names: tuple[Any, ...]) -> str:
    shown = ", ".join(map(str, names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
