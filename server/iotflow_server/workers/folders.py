"""Where workers keep what is theirs, within the data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def worker_folder(data_dir: Path, number: int) -> Path:
    """The folder that a worker uses as its own data folder."""
    return data_dir / "workers" / str(number)


def metrics_folder(data_dir: Path) -> Path:
    """Where workers keep their metrics for the parent."""
    return data_dir / "workers" / "metrics"


class Presence:
    """Shows that a worker lives, so that the last one can put out the light."""

    def __init__(self, data_dir: Path) -> None:
        folder = data_dir / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "present", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def end(self) -> bool:
        """Be present no more; return whether nobody else is. Of several that leave, one is told so."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            return False
        # The lock is kept until this process has ended.
        return True
