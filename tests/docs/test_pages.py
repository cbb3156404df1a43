"""The form of the documentation: short lines, short pages, found from the README; decisions; the list of targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from local import PROJECT
from tests.app.test_rooms import SHARED, _imports_of_rooms
from tests.docs.references import Page, make_targets, pages

PAGES = pages()
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("[0-9]*.md"))
_LINE = 120
_PAGE = 150
_RECORD = 12
_SPELLINGS = {"catalogue": "catalog"}


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_line_ends_at_120_characters_unless_it_is_a_row_of_a_table(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > _LINE and not line.startswith("|")] == []


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_page_is_at_most_three_screens(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= _PAGE


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_term_has_one_spelling(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    assert {wrong: right for wrong, right in _SPELLINGS.items() if wrong in text} == {}


def test_every_page_is_found_from_the_readme() -> None:
    found: set[Path] = set()
    ahead = {PROJECT / "README.md"}
    while ahead:
        path = ahead.pop()
        found.add(path)
        names = re.findall(r"\(([\w./-]+\.md)(?:#[\w-]+)?\)", Page.of(path).prose)
        ahead |= {target for name in names if (target := (path.parent / name).resolve()).exists()} - found
    assert sorted(map(_name, set(PAGES) - found)) == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_context_its_consequences_and_some_ten_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parts = re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= _RECORD


def test_the_index_has_every_decision_under_its_number_and_title() -> None:
    rows = []
    for number, path in enumerate(DECISIONS, start=1):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}. ")
        assert path.name.startswith(f"{number:04}-")
        rows.append(f"| [{number}]({path.name}) | {title} |")
    index = (PROJECT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert [line for line in index.splitlines() if line.startswith("| [")] == rows


def test_no_room_imports_one_below_it_in_the_table_of_rooms() -> None:
    section = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The rooms")[2]
    order = re.findall(r"^\| `(\w+)(?:/`|` \(module\))", section, re.MULTILINE)
    imports = _imports_of_rooms()
    for place, room in enumerate(order):
        assert (SHARED / room).is_dir() or (SHARED / f"{room}.py").exists(), room
        assert imports.get(room, set()) <= set(order[:place]), room


def test_a_room_that_is_not_in_the_table_is_a_noun() -> None:
    section = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The rooms")[2]
    for path in SHARED.glob("*/__init__.py"):
        assert f"| `{path.parent.name}/` |" in section or (path.parent / "endpoints.py").exists(), path.parent.name


def test_make_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE)) == make_targets()


def test_make_lists_what_is_used_every_day_first() -> None:
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    daily = listed.partition("Every day")[2].partition("For maintainers")[0]
    assert re.findall(r"make ([a-z-]+) ", daily) == [
        "run", "test", "lint", "golden", "import", "demo", "data", "admin", "clean",
    ]  # fmt: skip
