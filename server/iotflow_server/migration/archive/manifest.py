"""What an archive holds, told beside it: ``manifest.json``, and while it grows a note beside each file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device's points in one file, metadata included. ``first`` and ``last`` in microseconds since 1970."""

    device_id: int
    user_id: int
    points: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: its size in bytes, and the SHA-256 of them."""

    name: str
    points: int
    size: int
    sha256: str
    devices: Sequence[DeviceEntry]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FileEntry:
        """What ``asdict`` has made."""
        devices = [DeviceEntry(**device) for device in stored["devices"]]
        return cls(stored["name"], stored["points"], stored["size"], stored["sha256"], devices)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of an archive. ``is_everything``: nothing of IoTDB was left out on purpose."""

    job_id: int
    scope: str
    is_everything: bool
    files: Sequence[FileEntry]

    @property
    def points(self) -> int:
        """Points in all files, metadata included."""
        return sum(file.points for file in self.files)

    def to_json(self) -> str:
        """As it is written."""
        return json.dumps({"format": FORMAT, "points": self.points, **asdict(self)}, indent=1)


class ArchiveError(Exception):
    """A folder does not hold a whole archive; the message says what is wrong with which file."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an archive.

    :raises ArchiveError: there is none, or it is none.
    """
    try:
        stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if stored["format"] != FORMAT:
            raise ArchiveError(f"{folder / MANIFEST} has format {stored['format']}; this version reads {FORMAT}")
        files = [FileEntry.from_json(each) for each in stored["files"]]
        return Manifest(stored["job_id"], stored["scope"], stored["is_everything"], files)
    except FileNotFoundError:
        raise ArchiveError(f"{folder} holds no {MANIFEST}: the archive was not finished") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{folder / MANIFEST} is no manifest: {error!r}") from None


def check_files(folder: Path, files: Iterable[FileEntry]) -> list[str]:
    """What is wrong with the files of an archive: missing, or other bytes than were written."""
    return [trouble for file in files if (trouble := _trouble(folder / file.name, file))]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, sha256).hexdigest()


def _trouble(path: Path, file: FileEntry) -> str:
    if not path.exists():
        return f"{file.name} is missing"
    if path.stat().st_size != file.size:
        return f"{file.name} has {path.stat().st_size:,} bytes instead of {file.size:,}"
    return "" if digest_of(path) == file.sha256 else f"{file.name} is damaged: its SHA-256 is another"
