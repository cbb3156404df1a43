"""What `make demo` and `make import` print, and their exit status."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, write_catalog
from testkit.local_cloud import LocalCloud
from testkit.processes import listening_process, run_python
from testkit.waiting import wait_until

ROWS = 2_000


@pytest.fixture(scope="module")
def own_cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    """A local cloud that only this module uses."""
    return start_cloud()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of products and categories."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, ROWS, seed=7)
    return folder


def command(cloud: LocalCloud, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_python("-m", module, *arguments, "--state", str(cloud.state))


def test_demo_holds_on_a_first_and_a_second_run(own_cloud: LocalCloud, catalog: Path) -> None:
    for inserted_or_unchanged in (f"{ROWS:,} inserted", "unchanged"):
        done = command(own_cloud, "local.demo", "--csv-dir", str(catalog))
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert inserted_or_unchanged in done.stdout
        assert "All checks passed." in done.stdout


def test_demo_ends_with_a_sentence_where_a_step_does_not_hold(
    own_cloud: LocalCloud, catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / CATEGORIES_FILE).write_bytes((catalog / CATEGORIES_FILE).read_bytes())
    (tmp_path / PRODUCTS_FILE).write_text("asin,cost\nB000000001,12.50\n")
    done = command(own_cloud, "local.demo", "--csv-dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"The import of {PRODUCTS_FILE} ended as rejected")
    assert done.stderr.count("\n") == 1


def test_import_of_a_good_file_succeeds(own_cloud: LocalCloud, catalog: Path) -> None:
    done = command(own_cloud, "local.import_file", str(catalog / CATEGORIES_FILE))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("succeeded. 248 rows read")


@pytest.mark.parametrize(
    ("content", "outcome"),
    [("name,cost\nA lamp,12.50\n", "rejected. Expected a CSV file"), ('id,category_name\n1,"A lamp\n', "failed")],
    ids=["another header", "a quote never closed"],
)
def test_import_of_a_bad_file_fails_with_its_records_sentence(
    own_cloud: LocalCloud, tmp_path: Path, content: str, outcome: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    done = command(own_cloud, "local.import_file", str(file))
    assert done.returncode == 1
    assert done.stdout.startswith(outcome), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_import_says_what_is_missing(own_cloud: LocalCloud, tmp_path: Path) -> None:
    done = command(own_cloud, "local.import_file", str(tmp_path / "absent.csv"))
    assert done.returncode == 1
    assert done.stderr == f"There is no file {tmp_path / 'absent.csv'}: name one with FILE=…\n"


def test_users_outlive_the_emulator(own_cloud: LocalCloud, catalog: Path) -> None:
    """The operator of `make import` is created once, and found again after the emulator was killed."""
    assert command(own_cloud, "local.import_file", str(catalog / CATEGORIES_FILE)).returncode == 0
    operator = (own_cloud.state / "operator.json").read_text()
    emulator = listening_process(int(own_cloud.run.auth.rpartition(":")[2]))
    assert emulator
    emulator.kill()
    log = own_cloud.state / "run.log"
    wait_until(lambda: log.read_text().count("listening on") == 2, "the emulator runs again")
    done = command(own_cloud, "local.import_file", str(catalog / CATEGORIES_FILE))
    assert done.returncode == 0, done.stderr
    assert (own_cloud.state / "operator.json").read_text() == operator
