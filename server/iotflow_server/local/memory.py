"""How much memory this machine has for this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: The limit of a container (cgroup v2), in bytes, or "max".
_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(limit: Path = _LIMIT) -> int:
    """Bytes of memory, of a container where it has a limit."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(limit.read_text()))
    except (OSError, ValueError):
        return physical
