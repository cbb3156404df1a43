"""What the load's commands make of what they saw, and what they ask for."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtests.catalogue import Catalogue
from loadtests.contents import check_filled
from loadtests.figures import Requests
from loadtests.profiles import PROFILES
from loadtests.prove import growth
from loadtests.recording import Recording
from loadtests.servers import Usage, Watch
from loadtests.target import deployment
from local.errors import LocalCloudError
from local.processes import PROJECT
from shared.services import Services
from tests.serving import catalog_settings, served_catalog


def test_memory_that_settles_is_no_growth_and_a_leak_is() -> None:
    settled = [100.0 + min(second, 100) for second in range(300)]
    leaking = [100.0 + second for second in range(300)]
    files = [20] * 300
    assert growth(Usage(1, settled, files)) == []
    assert growth(Usage(1, leaking, files)) == ["Memory grew from 250 to 350 MiB."]
    assert Usage(1, leaking, files).mib_per_hour == pytest.approx(3600)


def test_files_that_are_never_closed_are_growth() -> None:
    assert growth(Usage(1, [100.0] * 300, list(range(300)))) == ["Open files grew from 150 to 250."]


def test_the_process_that_listens_is_watched(auth_emulator: str) -> None:
    with Watch([f"http://{auth_emulator}/"]) as watch:
        (usage,) = watch.usages
    assert "auth-emulator" in Path(f"/proc/{usage.pid}/cmdline").read_text()


def test_the_largest_category_is_asked_for_most_and_an_empty_one_never() -> None:
    categories = [{"id": number, "product_count": number * 10} for number in range(20)]
    catalogue = Catalogue(categories, random.Random(1))
    drawn = Counter(catalogue.category_id() for _ in range(5_000))
    assert drawn.most_common(1)[0][0] == 19
    assert drawn[19] > 1.5 * drawn[18] > 1.5 * drawn[1] > 0 == drawn[0]


def test_a_deployment_that_is_written_to_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOAD_TOKEN", raising=False)
    with pytest.raises(LocalCloudError, match="LOAD_TOKEN"):
        deployment("https://example.org/api", PROFILES["write-mix"])
    assert deployment("https://example.org/api", PROFILES["browse"]).token is None
    monkeypatch.setenv("LOAD_TOKEN", "t")
    assert deployment("https://example.org/api", PROFILES["soak"]).token == "t"


def test_without_a_local_cloud_it_says_how_to_start_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtests.run", "--state", str(tmp_path), "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, "No local cloud runs here: start it with `make run`.")


def test_an_empty_catalogue_is_no_load_test(valkey: str, tmp_path: Path) -> None:
    services = Services(catalog_settings(tmp_path, valkey))
    with served_catalog(services) as api, pytest.raises(LocalCloudError, match="has no products"):
        check_filled(f"{str(api.base_url).rstrip('/')}/api")


def test_a_user_who_stumbles_makes_the_run_fail(tmp_path: Path) -> None:
    user = SimpleNamespace(environment=SimpleNamespace(process_exit_code=None))
    with (tmp_path / "requests.csv").open("w", newline="") as file:
        Recording(file).user_error(user_instance=user, exception=KeyError("items"), tb=None)
    assert user.environment.process_exit_code == 1
    requests = Requests.read(tmp_path / "requests.csv")
    assert requests.total().errors == 1
    assert list(requests.errors) == ["KeyError: 'items'"]
