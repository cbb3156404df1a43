"""`make demo` and `make import` where no local cloud runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.dataset.generate import CATEGORIES_FILE, write_catalog
from testkit.processes import run_python
from testkit.serving import PATIENT_CACHE
from tests.local.marked_process import MarkedProcess

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {**PATIENT_CACHE, "RECONCILE_SCHEDULE": "* * * * * *", "DRAIN_SCHEDULE": "* * * * * *"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of products and categories."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, 3_000, seed=1)
    return folder


@pytest.mark.timeout(240)
def test_the_demo_starts_a_cloud_shows_that_all_holds_and_stops_it(tmp_path: Path, catalog: Path) -> None:
    command = ("-m", "local.demo", "--csv-dir", str(catalog), "--state", str(tmp_path / "state"))
    with MarkedProcess(tmp_path, *command, **SETTINGS) as demo:
        assert demo.wait_for_exit(200) == 0, demo.output
        assert "All checks passed." in demo.output
        assert demo.descendants() == {}


def test_an_import_without_a_cloud_says_so(tmp_path: Path, catalog: Path) -> None:
    done = run_python("-m", "local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "No local cloud runs here: start it with `make run`.\n")
