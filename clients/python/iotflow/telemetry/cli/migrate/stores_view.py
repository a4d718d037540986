"""Both stores on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from iotflow.telemetry.cli.migrate.listing import Turning
from iotflow.telemetry.cli.migrate.words import store_word
from iotflow.telemetry.v1.migration_service_pb2 import StoreStatus

_NAMES = ("store", "state", "role", "points/s", "write p95", "reads/s", "read p95", "may differ in", "repaired")
_NONE = "-"


def stores_view(stores: Iterable[StoreStatus]) -> RenderableType:
    """What each store does, how fast, and how far it is behind; below, why those are away that are."""
    listed = list(stores)
    errors = (Text(f"{store_word(each.store)}: {each.last_error}", "red") for each in listed if each.last_error)
    return Group(Turning(_NAMES, list(map(_row, listed))), *errors)


def _row(store: StoreStatus) -> tuple[str | Text, ...]:
    return (
        store_word(store.store),
        Text("answers", "green") if store.reachable else Text("AWAY", "bold red"),
        _role(store),
        _rate(store.points_per_second),
        _milliseconds(store.write_p95_seconds),
        _rate(store.reads_per_second),
        _milliseconds(store.read_p95_seconds),
        lag_words(store),
        f"{store.repaired_points:,} points",
    )


def lag_words(store: StoreStatus) -> str:
    """How far a store is behind: in ranges, points and time."""
    if not store.dirty_ranges:
        return "0 ranges"
    age = "its history" if math.isinf(store.lag_seconds) else f"{store.lag_seconds:,.0f} s"
    return f"{store.dirty_ranges:,} ranges, {store.lag_points:,} points, {age}"


def _role(store: StoreStatus) -> str:
    return " and ".join(word for word, holds in (("written", store.written), ("read", store.read)) if holds) or "unused"


def _rate(per_second: float) -> str:
    if not per_second:
        return _NONE
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds else _NONE
