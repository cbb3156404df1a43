"""`make demo` and `make import`: their exit status says whether it all held."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, write_catalog
from local.processes import PROJECT
from local.services import free_ports
from tests.local.running import Running, running
from tests.shared_services import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A machine busy with other tests is no slow Redis.
PATIENT = {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5"}
TICKING = {"RECONCILE_SCHEDULE": "* * * * * *", "DRAIN_SCHEDULE": "* * * * * *"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this module's local cloud."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cloud(state: Path) -> Iterator[Running]:
    """A local cloud that runs."""
    port = free_ports(1)[0]
    command = ("-m", "local.run", "--port", str(port), "--state", str(state))
    with running(state, *command, **PATIENT, **TICKING) as started:
        started.wait_until_said("ready after")
        yield started


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two files."""
    folder = tmp_path_factory.mktemp("catalog")
    write_catalog(folder, 3_000, seed=1)
    return folder


@pytest.mark.timeout(240)
def test_the_demo_starts_a_cloud_shows_that_all_holds_and_stops_it(tmp_path: Path, catalog: Path) -> None:
    command = ("-m", "local.demo", "--csv-dir", str(catalog), "--state", str(tmp_path / "state"))
    with running(tmp_path, *command, **PATIENT, **TICKING) as demo:
        demo.process.wait(200)
        said = demo.log.read_text()
        assert demo.process.returncode == 0, said
        assert "All checks passed." in said
        assert demo.processes() == {}


@pytest.mark.usefixtures("cloud")
def test_the_demo_ends_with_a_sentence_where_something_does_not_hold(state: Path, tmp_path: Path) -> None:
    (tmp_path / CATEGORIES_FILE).write_text("id,category_name\n1,Toys\n")
    (tmp_path / PRODUCTS_FILE).write_text("name,cost\nA lamp,12.50\n")
    done = _run("local.demo", "--csv-dir", str(tmp_path), "--state", str(state))
    assert done.returncode == 1
    assert done.stderr.startswith(f"The import of {PRODUCTS_FILE} ended as rejected")
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("cloud")
def test_an_import_says_what_became_of_it(state: Path, catalog: Path, tmp_path: Path) -> None:
    good = _run("local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(state))
    assert (good.returncode, good.stdout[:9]) == (0, "succeeded"), good.stderr
    (tmp_path / "wrong.csv").write_text("name,cost\nA lamp,12.50\n")
    wrong = _run("local.import_file", str(tmp_path / "wrong.csv"), "--state", str(state))
    assert (wrong.returncode, wrong.stdout[:8]) == (1, "rejected"), wrong.stderr


@pytest.mark.usefixtures("cloud")
def test_users_outlive_the_emulator(state: Path, cloud: Running, catalog: Path) -> None:
    """The operator of `make import` is such a user: made once, found again after the emulator was killed."""
    command = ("local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(state))
    assert _run(*command).returncode == 0
    operator = (state / "operator.json").read_text()
    os.kill(cloud.pid_of("auth-emulator.js"), 9)
    cloud.wait_until_said("auth ended with SIGKILL: restarting it")
    wait_until(lambda: cloud.log.read_text().count("listening on") == 2, "the emulator is back")
    done = _run(*command)
    assert done.returncode == 0, done.stderr
    assert (state / "operator.json").read_text() == operator


def test_an_import_without_a_cloud_says_so(tmp_path: Path, catalog: Path) -> None:
    done = _run("local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "No local cloud runs here: start it with `make run`.\n")


def _run(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=100)
