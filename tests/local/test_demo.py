"""`make demo` and `make import` where no local cloud runs, and after its Auth emulator was killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from local.dataset.generate import CATEGORIES_FILE, write_catalog
from local.services import free_ports
from testkit.processes import run_python
from testkit.settings import PATIENT_CACHE
from testkit.waiting import wait_until
from tests.local.marked_process import MarkedProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {**PATIENT_CACHE, "RECONCILE_SCHEDULE": "* * * * * *", "DRAIN_SCHEDULE": "* * * * * *"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this module's local cloud."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cloud(state: Path) -> Iterator[MarkedProcess]:
    """A local cloud that runs."""
    port = free_ports(1)[0]
    command = ("-m", "local.run", "--port", str(port), "--state", str(state))
    with MarkedProcess(state, *command, **SETTINGS) as started:
        started.wait_for_output("ready after")
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
    with MarkedProcess(tmp_path, *command, **SETTINGS) as demo:
        assert demo.wait_for_exit(200) == 0, demo.output
        assert "All of it held." in demo.output
        assert demo.descendants() == {}


@pytest.mark.usefixtures("cloud")
def test_users_outlive_the_emulator(state: Path, cloud: MarkedProcess, catalog: Path) -> None:
    """The operator of `make import` is created once, and found again after the emulator was killed."""
    command = ("-m", "local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(state))
    assert run_python(*command).returncode == 0
    operator = (state / "operator.json").read_text()
    os.kill(cloud.pid_of("auth-emulator.js"), 9)
    cloud.wait_for_output("auth ended with SIGKILL and is started again")
    wait_until(lambda: cloud.output.count("listening on") == 2, "the emulator is back")
    done = run_python(*command)
    assert done.returncode == 0, done.stderr
    assert (state / "operator.json").read_text() == operator


def test_an_import_without_a_cloud_says_so(tmp_path: Path, catalog: Path) -> None:
    done = run_python("-m", "local.import_file", str(catalog / CATEGORIES_FILE), "--state", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "No local cloud runs here: start it with `make run`.\n")
