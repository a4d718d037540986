"""What a look at a folder tells of an archive that is to go there."""

from __future__ import annotations

from pathlib import Path

from iotflow_server.migration.archive.folder import trouble_with


def test_a_new_or_empty_folder_will_do(tmp_path: Path) -> None:
    assert trouble_with(tmp_path) == ""
    assert trouble_with(tmp_path / "new" / "archive") == ""
    assert not (tmp_path / "new").exists()


def test_what_holds_something_else_or_is_no_folder_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody", encoding="utf-8")
    assert "is not empty: name a new folder" in trouble_with(tmp_path)
    assert str(other) in trouble_with(other)
    assert f"{other} cannot be written" in trouble_with(other / "archive")
