"""The folder of an archive that grows: every file appears whole or not at all, and survives the loss of power."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final
from uuid import uuid4

from iotflow_server.migration.archive.manifest import MANIFEST, FileEntry, Manifest
from iotflow_server.migration.jobs.work import JobImpossibleError

_OWNER: Final = "job.json"
_TEMPORARY: Final = ".part"


class ArchiveFolder:
    """The folder of one job."""

    def __init__(self, path: Path, job_id: int) -> None:
        self._path = path
        self._job_id = job_id

    def claim(self) -> None:
        """Take an empty folder, or the one that this job has; what it had begun is gone over again.

        :raises JobImpossibleError: it holds something else, or cannot be written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            if any(self._path.iterdir()) and self._owner() != self._job_id:
                raise JobImpossibleError(f"{self._path} is not empty: name a new folder")
            self._write_text(_OWNER, json.dumps({"job_id": self._job_id}))
        except OSError as error:
            raise JobImpossibleError(f"{self._path} cannot be written: {error.strerror}") from error
        self._clear()

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A path to write to; once the block is left well the file stands under its name, on disk."""
        temporary = self._path / f"{name}.{uuid4().hex}{_TEMPORARY}"
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(self._path / name)
            _sync(self._path)
        finally:
            temporary.unlink(missing_ok=True)

    def note(self, entry: FileEntry) -> None:
        """Remember what a finished file holds."""
        self._write_text(_note(entry.name), json.dumps(asdict(entry)))

    def finish(self, scope: str, file_count: int, *, is_everything: bool) -> Manifest:
        """Write the manifest; what a killed server had begun to write goes.

        :raises JobImpossibleError: files are missing here.
        """
        notes = sorted(self._path.glob(_note("*.parquet")))
        if len(notes) != file_count:
            raise JobImpossibleError(
                f"{self._path} holds {len(notes)} of {file_count} files: where several instances do jobs, they must "
                "share the folder; start the archive anew in one that they share"
            )
        self._clear()
        entries = [FileEntry.from_json(json.loads(note.read_text(encoding="utf-8"))) for note in notes]
        manifest = Manifest(self._job_id, scope, is_everything, entries)
        self._write_text(MANIFEST, manifest.to_json())
        return manifest

    def _clear(self) -> None:
        for left in self._path.glob(f"*{_TEMPORARY}"):
            left.unlink(missing_ok=True)

    def _owner(self) -> int | None:
        try:
            return int(json.loads((self._path / _OWNER).read_text(encoding="utf-8"))["job_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_text(self, name: str, text: str) -> None:
        with self.file(name) as path:
            path.write_text(text, encoding="utf-8")


def trouble_with(path: Path) -> str:
    """Why a new archive cannot go to a folder, as far as a look tells; empty where nothing is known."""
    try:
        if path.exists():
            return f"{path} is not empty: name a new folder" if any(path.iterdir()) else _unwritable(path)
        return _unwritable(next(parent for parent in path.parents if parent.exists()))
    except OSError as error:
        return f"{path} cannot be looked into: {error.strerror}"


def _unwritable(path: Path) -> str:
    return "" if path.is_dir() and os.access(path, os.W_OK) else f"{path} cannot be written"


def _note(name: str) -> str:
    return f"{name}.json"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
