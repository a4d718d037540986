"""What holds for every file of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.unit.project.tree import ROOT, texts

#: Written with a class of one letter each, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:[w]ork|[r]oot|[h]ome/\w+|[U]sers/\w+|tmp/\w+)/")
REGISTRY = re.compile(
    r"[p]ypi\.org|[p]ythonhosted\.org|[r]epo1?\.maven|[m]aven\.apache\.org/maven2|[p]roxy\.golang|[r]egistry\.npmjs"
)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def test_no_file_names_a_path_of_one_machine_or_a_registry() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        if not name.endswith(".lock")
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line) or REGISTRY.search(line)
    ]
    assert found == []


def links() -> Iterator[tuple[str, str]]:
    for name, text in texts("*.md"):
        for target in LINK.findall(text):
            yield name, target


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_a_link_between_pages_leads_somewhere(page: str, target: str) -> None:
    assert ((ROOT / page).parent / target).exists()


def test_a_decision_is_numbered_once_and_listed_in_the_architecture() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(name[:4]) for name in pages]
    assert numbers == sorted(set(numbers))
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [name for name in pages if f"(adr/{name})" not in architecture] == []
