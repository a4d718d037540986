"""The TsFiles in the data folder of a stopped IoTDB, in the order in which they were written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.name import StoreName

_NAME: Final = re.compile(r"(\d+)-(\d+)-(\d+)-(\d+)\.tsfile")
_SEALED: Final = ".resource"
#: Beside a file or, in later versions, shared by several.
_DELETIONS: Final = ("*.mods", "*.mods2")
_UNFINISHED: Final = ("*.compaction.log", "*.inner", "*.cross", "*.settle")
_PRECISION: Final = re.compile(r"^timestamp_precision=(\w+)", re.MULTILINE)
_SHOWN: Final = 5


class TsFilesError(StoreRefusedError):
    """Files cannot be read such that the result would be what IoTDB held; the message says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(StoreName.IOTDB, message)


@dataclass(frozen=True, slots=True, order=True)
class TsFile:
    """A file. Of two that hold the same point, the greater one's is valid."""

    is_unsequence: bool
    made: int
    version: int
    path: Path


def find_files(folder: Path) -> list[TsFile]:
    """All files below a folder, oldest first.

    :raises TsFilesError: there are none, or IoTDB knows of more than these files tell.
    """
    paths = sorted(folder.rglob("*.tsfile"))
    if not paths:
        raise TsFilesError(f"{folder} holds no TsFiles: name the data folder of a DataNode, as data/datanode")
    _refuse(
        [path for path in paths if not path.with_name(path.name + _SEALED).exists()],
        "were never closed: start IoTDB once more and stop it in good order",
    )
    _refuse(_matching(folder, _UNFINISHED), "are of a compaction that was cut off: start IoTDB and let it end")
    _refuse(
        _matching(folder, _DELETIONS),
        "tell of deletions that cannot be read here, so that deleted points would come back: start IoTDB and use "
        "StartBackfill, or let it compact them away first",
    )
    return sorted(_file(folder, path) for path in paths)


def precision_of(folder: Path) -> str:
    """The timestamp_precision that IoTDB was first started with; ms where nothing beside the files tells it."""
    for path in folder.rglob("system.properties"):
        if found := _PRECISION.search(path.read_text("utf-8")):
            return found[1]
    return "ms"


def _file(folder: Path, path: Path) -> TsFile:
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise TsFilesError(f"{path} is not named as IoTDB names its files, so that its place among them is unknown")
    return TsFile("unsequence" in path.relative_to(folder).parts, int(name[1]), int(name[2]), path)


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.rglob(pattern) if path.stat().st_size)


def _refuse(paths: Sequence[Path], why: str) -> None:
    if paths:
        named = ", ".join(map(str, paths[:_SHOWN]))
        raise TsFilesError(f"{len(paths)} files {why} ({named}{', ...' if len(paths) > _SHOWN else ''})")
