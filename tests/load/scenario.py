"""A scenario: one config of ghz, or a mix of several that run at once in given proportions.

A mix is a file of ours: ``{"rps": 100, "concurrency": 10, "duration": "20s", "weights": {"../configs/a.json": 3}}``.
It is turned into whole configs of ghz, one for each of its parts, so that ghz and locust run the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.load.config import ConfigError, Positive, read

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Overrides:
    """What replaces a scenario's own settings. ``total`` and ``duration`` (as ``20s``) replace each other."""

    host: str | None = None
    total: int | None = None
    duration: str | None = None


class Mix(BaseModel):
    """Configs that run at once and share the calls by weight. Paths are relative to the mix's own folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rps: Positive
    concurrency: Positive
    duration: str
    weights: Annotated[dict[str, Positive], Field(min_length=1)]


def expand(path: Path, overrides: Overrides) -> list[Document]:
    """Return the configs of a scenario's file, one or several, with the overrides in them.

    :raises ConfigError: the file is neither a config nor a mix.
    """
    document = read(path)
    if "weights" not in document:
        return [_overridden({"name": path.stem, **document}, overrides, overrides.total)]
    return _parts(_mix(document, path), path.parent, overrides)


def shares(whole: int, weights: Sequence[int]) -> list[int]:
    """Divide ``whole`` by weight into integers that add up to it, each off by less than one."""
    ends = [sum(weights[: index + 1]) * whole // sum(weights) for index in range(len(weights))]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def _mix(document: Document, path: Path) -> Mix:
    try:
        return Mix.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"{path}: {faults}") from None


def _parts(mix: Mix, folder: Path, overrides: Overrides) -> list[Document]:
    weights = list(mix.weights.values())
    rates, workers = shares(mix.rps, weights), shares(mix.concurrency, weights)
    totals = [None] * len(weights) if overrides.total is None else shares(overrides.total, weights)
    return [
        _overridden(_part(folder / name, mix.duration, rate, worker), overrides, total)
        for name, rate, worker, total in zip(mix.weights, rates, workers, totals, strict=True)
        if total != 0
    ]


def _part(path: Path, duration: str, rps: int, concurrency: int) -> Document:
    document = read(path)
    if "load-schedule" in document:
        raise ConfigError(f"{path}: load-schedule has no meaning in a mix, whose rps is shared by weight")
    # 0 would mean no limit and no worker.
    rate, workers = max(1, rps), max(1, concurrency)
    connections = min(document.get("connections", 1), workers)
    timing = {"rps": rate, "concurrency": workers, "connections": connections, "duration": duration}
    return {"name": path.stem, **document, **timing}


def _overridden(document: Document, overrides: Overrides, total: int | None) -> Document:
    changed = dict(document)
    if overrides.host is not None:
        changed["host"] = overrides.host
    if total is not None or overrides.duration is not None:
        for key in ("total", "duration", "max-duration"):
            changed.pop(key, None)
        changed |= {"total": total} if total is not None else {"duration": overrides.duration}
    return changed
