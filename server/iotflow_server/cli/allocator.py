"""What the C library does with memory that is free again."""

from __future__ import annotations

import ctypes
from typing import Final

#: Parameters of glibc's mallopt(3), and their values in bytes: how much that is free it keeps, and from what size on a
#: block is taken from the system and given back by itself.
_TRIM_THRESHOLD: Final = (-1, 64 << 20)
_MMAP_THRESHOLD: Final = (-3, 32 << 20)


def keep_freed_memory() -> None:
    """Keep what one flush has used for the next one. To give it back each time, and to have the kernel clear it again
    page by page, takes a sixth of the server's time under load.

    Another C library than glibc is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            mallopt(*parameter)
