"""How much memory this machine has for this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_CONTROLLERS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
#: Where the limit of a group stands, by the controllers that are named before its path: of cgroup v1, and of v2.
_LIMITS: Final = {"memory": ("memory", "memory.limit_in_bytes"), "": ("", "memory.max")}


def memory_bytes(controllers: Path = _CONTROLLERS, own: Path = _OWN) -> int:
    """Bytes of memory, of a container or a service where it has a limit."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_limits(controllers, own)])


def _limits(controllers: Path, own: Path) -> list[int]:
    """The limits of this process's group and of those around it (cgroups(7))."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, names, group in lines:
        for name in set(names.split(",")) & set(_LIMITS):
            folder, file = _LIMITS[name]
            path = Path(group.lstrip("/"))
            found += [_limit(controllers / folder / each / file) for each in (path, *path.parents)]
    return [limit for limit in found if limit is not None]


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
