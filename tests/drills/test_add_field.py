"""The recipe "Add a field" of docs/contributing.md, with `brand` as the field."""

from __future__ import annotations

import os

import pytest

from tests.drills.conftest import Copy, files_of

PATCH = "add_brand.patch"
# `make drills` runs these; the suite runs what a field touches.
WHOLE_ROOMS = ("tests/catalog", "tests/merge", "tests/imports", "tests/database", "tests/datafactory")
OF_THE_FIELD = (
    "tests/catalog/test_brand.py",
    "tests/catalog/test_products.py",
    "tests/merge/test_merge.py",
    "tests/imports/test_brand.py",
    "tests/imports/test_columns.py",
    "tests/imports/test_header.py",
    "tests/database/test_golden.py",
    "tests/database/test_migration_scripts.py",
)


def test_a_field_costs_at_most_eight_files() -> None:
    assert len(files_of(PATCH)) <= 8


@pytest.mark.timeout(900)
def test_a_field_that_is_declared_once_is_loaded_shown_written_and_filtered(copy: Copy) -> None:
    copy.apply(PATCH)
    written = copy.run("-m", "golden")
    assert written.returncode == 0, written.stderr
    done = copy.test(*WHOLE_ROOMS if os.environ.get("WHOLE_DRILLS") else OF_THE_FIELD)
    assert done.returncode == 0, done.stdout[-5000:]
    for rendered in ("shared/database/mssql/merge_products.sql", "tests/database/golden/products.sql"):
        assert "brand" in (copy.folder / rendered).read_text(encoding="utf-8"), rendered


@pytest.mark.timeout(300)
def test_a_rendered_file_that_is_forgotten_is_named(copy: Copy) -> None:
    copy.apply(PATCH)
    done = copy.test("tests/database/test_golden.py")
    assert done.returncode == 1
    for rendered in ("shared/database/mssql/merge_products.sql", "local/datafactory/stores/sqlite/merge_products.sql"):
        assert rendered in done.stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", ["catalog", "imports"])
def test_a_migration_that_is_forgotten_is_named(line: str, copy: Copy) -> None:
    copy.apply(PATCH, leave_out=f"shared/database/migrations/{line}/*")
    done = copy.test("tests/database/test_migration_scripts.py")
    assert done.returncode == 1
    assert "brand" in done.stdout
