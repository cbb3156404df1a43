"""Whatever the documentation names exists, and so does each page that the code names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import PROJECT
from tests.docs import references
from tests.docs.references import CHECKS, Page

PAGES = references.pages()
# One broken reference for each promise, and the check that has to find it.
BROKEN = [
    (references.broken_links, "[page](gone.md)", "gone.md"),
    (references.broken_links, "[section](../README.md#gone)", "../README.md#gone"),
    (references.broken_links, "# Here\n[section](#gone)", "#gone"),
    (references.broken_paths, "`shared/catalog/gone.py`", "shared/catalog/gone.py"),
    (references.broken_paths, "`catalog/gone.py`", "catalog/gone.py"),
    (references.broken_paths, "`gone.sql`", "gone.sql"),
    (references.broken_paths, "`tests/gone`", "tests/gone"),
    (references.broken_paths, "`gone/`", "gone/"),
    (references.broken_paths, "`infra/gone/*.bicep`", "infra/gone/*.bicep"),
    (
        references.broken_paths,
        "```\n.venv/bin/pytest tests/app/test_rooms.py::test_gone\n```",
        "tests/app/test_rooms.py::test_gone",
    ),
    (references.broken_names, "`NewGone`", "NewGone"),
    (references.broken_names, "`gone_function`", "gone_function"),
    (references.broken_names, "`DATABASE_GONE_SECONDS`", "DATABASE_GONE_SECONDS"),
    (references.broken_names, "```\nGONE_URL=x make load\n```", "GONE_URL"),
    (references.broken_make_targets, "`make gone`", "make gone"),
    (references.broken_make_targets, "```sh\nmake gone FILE=x\n```", "make gone"),
    (references.broken_modules, "`python -m shared.gone`", "shared.gone"),
    (references.broken_modules, "`python -m shared.database.migrate --gone x`", "shared.database.migrate --gone"),
    (references.broken_imports, "```python\nfrom shared.gone import Text\n```", "shared.gone.Text"),
    (references.broken_imports, "```python\nfrom shared.settings import Settings, Gone\n```", "shared.settings.Gone"),
    (references.broken_requests, "`GET /api/gone`", "GET /api/gone"),
    (references.broken_requests, "`DELETE /api/categories`", "DELETE /api/categories"),
    (references.broken_requests, "```\ncurl 'http://127.0.0.1:7071/api/gone?x=1'\n```", "/api/gone"),
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_everything_that_a_page_names_exists(path: Path) -> None:
    page = Page.of(path)
    broken = {check.__name__: found for check in CHECKS if (found := sorted(set(check(page))))}
    assert not broken


@pytest.mark.parametrize(("check", "text", "found"), BROKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_a_reference_to_what_does_not_exist_is_found(
    check: Callable[[Page], Iterator[str]], text: str, found: str
) -> None:
    assert list(check(Page(text, PROJECT / "docs"))) == [found]


def test_the_recipe_of_a_noun_shows_the_code_of_its_drill() -> None:
    patch = (PROJECT / "tests" / "drills" / "add_reviews.patch").read_text(encoding="utf-8")
    added = {line.removeprefix("+").strip() for line in patch.splitlines() if line.startswith("+")}
    shown = Page.of(PROJECT / "docs" / "add-a-noun.md").new_code.splitlines()
    assert [line for line in shown if line.strip() not in added] == []


def test_each_page_and_heading_that_the_code_names_exists() -> None:
    broken = {
        file: found
        for file in sorted(references.files())
        if not file.startswith(("docs/", "tests/docs/"))
        and not file.endswith(".png")
        and (found := list(references.broken_references_to_docs((PROJECT / file).read_text(errors="ignore"))))
    }
    assert not broken


def test_each_make_target_that_the_code_names_exists() -> None:
    named = {
        target
        for file in references.files()
        if not file.startswith(("docs/", "tests/docs/")) and file.endswith((".py", ".sh", ".yml", ".bicep", ".example"))
        for target in re.findall(r"`make ([a-z-]+)", (PROJECT / file).read_text(encoding="utf-8"))
    }
    assert named <= references.make_targets()


def test_a_page_or_heading_that_does_not_exist_is_found_in_code() -> None:
    text = 'docs/gone.md; docs/deploy.md, "What you need"; docs/deploy.md, "Gone"'
    assert list(references.broken_references_to_docs(text)) == ["docs/gone.md", 'docs/deploy.md, "Gone"']


def test_each_listed_exception_is_needed() -> None:
    code = "\n".join(code for path in PAGES for code in Page.of(path).code)
    assert [name for name in sorted(references.NAMES_OF_OTHERS | references.FILES_OF_OTHERS) if name not in code] == []
