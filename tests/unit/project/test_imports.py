"""Imports point one way: api -> ingest -> routing -> stores (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.project.tree import SERVER

PACKAGE = SERVER / "iotflow_server"
LEAVES = {"address", "config", "observability", "shared_address"}
#: What each part may import beside itself and the leaves, and the single modules that some may have of a higher part.
ALLOWED: dict[str, set[str]] = {
    "stores": set(),
    "local": {"stores", "routing"},
    "routing": {"stores"},
    "query": {"stores", "routing"},
    "ingest": {"routing", "stores"},
    "rollups": {"query", "routing", "stores"},
    "access": {"local", "routing", "stores"},
    "migration": {"access", "local", "routing", "stores"},
    "config": {"routing.phase"},
    "observability": {"stores.name", "stores.permission", "routing.phase"},
    "address": set(),
    "shared_address": set(),
    "listeners": set(),
    "settings_table": set(),
    "cache": set(),
    "shadow": {"query", "stores"},
    "api": {"access", "cache", "ingest", "local", "migration", "query", "routing", "shadow", "stores"},
    "server": {"access", "api", "cache", "ingest", "listeners", "migration", "query", "routing", "stores"},
    "composition": {
        "access",
        "api",
        "cache",
        "ingest",
        "local",
        "migration",
        "query",
        "rollups",
        "routing",
        "shadow",
        "stores",
    },
    "app": {"composition", "server", "shadow.queries"},
    "workers": {"access", "composition.foundation", "migration", "stores"},
    "demo": {"local"},
    "cli": {
        "access",
        "app",
        "composition.foundation",
        "composition.stores",
        "demo",
        "local",
        "migration",
        "server",
        "stores",
        "workers",
    },
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        package, _, rest = name.partition(".")
        if package == "iotflow_server":
            yield rest


def is_allowed(part: str, target: str) -> bool:
    allowed = {part} | LEAVES | ALLOWED[part]
    return any(target == name or target.startswith(name + ".") for name in allowed)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_part_may(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        assert not list(own_imports(path))
        return
    part = part_of(path)
    assert part in ALLOWED, f"{part} is new: say in ALLOWED what it may import"
    assert [target for target in own_imports(path) if not is_allowed(part, target)] == []


def test_the_iotdb_store_is_imported_where_stores_are_built_and_nowhere_else() -> None:
    importers = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if any(target.startswith("stores.iotdb") for target in own_imports(path))
        and PACKAGE / "stores" / "iotdb" not in path.parents
    }
    assert importers == {"composition/stores.py"}


def test_the_server_is_imported_without_the_iotdb_client() -> None:
    code = "import sys, iotflow_server.app; print([m for m in sys.modules if m.split('.')[0] in ('iotdb', 'thrift')])"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_the_client_library_does_not_import_the_server() -> None:
    client = SERVER.parent / "clients" / "python"
    for path in client.rglob("*.py"):
        names = imported(ast.parse(path.read_text(encoding="utf-8"))) if "v1" not in path.parts else ()
        assert not [name for name in names if name.startswith("iotflow_server")], path
