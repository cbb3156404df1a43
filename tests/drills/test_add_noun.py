"""The recipe "Add a noun" of docs/contributing.md, with the reviews of a product as the noun."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.drills.conftest import Copy, files_of

PATCH = "add_reviews.patch"


def test_a_noun_costs_a_folder_of_at_most_six_files_a_migration_and_two_lists() -> None:
    folders = Counter(name.rpartition("/")[0] for name in files_of(PATCH) if not name.startswith("tests/"))
    assert folders.pop("shared/reviews") <= 6
    assert folders == {"shared/database/migrations/catalog": 1, "shared": 2}


@pytest.mark.timeout(900)
def test_the_list_of_a_new_noun_is_paged_cached_and_never_stale(copy: Copy) -> None:
    copy.apply(PATCH)
    done = copy.test("tests/reviews", "tests/database/test_migration_scripts.py", "tests/app")
    assert done.returncode == 0, done.stdout[-5000:]
