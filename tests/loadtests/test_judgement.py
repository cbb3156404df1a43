"""How the load tests judge memory and open files, what they request, and what they refuse."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtests.catalog import Catalog
from loadtests.contents import check_filled
from loadtests.figures import Requests
from loadtests.profiles import PROFILES
from loadtests.recording import Recording
from loadtests.servers import Usage, UsageSampler
from loadtests.target import deployment
from local.errors import LocalCloudError
from shared.services import Services
from testkit.processes import Process, run_python
from testkit.serving import catalog_settings, served_catalog
from testkit.waiting import wait_until


def test_memory_that_settles_is_no_growth_and_a_leak_is() -> None:
    settled = [100.0 + min(second, 100) for second in range(300)]
    leaking = [100.0 + second for second in range(300)]
    files = [20] * 300
    assert Usage(1, 1.0, settled, files).growth() == []
    assert Usage(1, 1.0, leaking, files).growth() == ["Memory grew from 250 to 350 MiB."]
    assert Usage(1, 1.0, leaking, files).mib_per_hour == pytest.approx(3600)
    assert "(+3600.0 MiB an hour)" in str(Usage(1, 1.0, leaking, files))


def test_files_that_are_never_closed_are_growth() -> None:
    assert Usage(1, 1.0, [100.0] * 300, list(range(300))).growth() == ["Open files grew from 150 to 250."]


def test_too_few_samples_are_not_called_settled() -> None:
    assert Usage(1).growth() == ["Expected at least 9 samples of memory and open files, got 0."]
    assert "too few samples" in str(Usage(1))


# A process that listens, and every 5 ms allocates something.
_KEEPS = """
import itertools, os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
kept = []
for number in itertools.count():
    time.sleep(0.005)
    {keep}
"""
_LEAKS = {
    "nothing": ("pass", ""),
    "memory": ("kept.append(bytearray(b'x') * 200_000)", "Memory grew"),
    # Without a file object: its buffer would be memory that grows.
    "descriptors": ("kept.append(os.open('/dev/null', os.O_RDONLY)) if number % 5 == 0 else None", "Open files grew"),
}


@contextlib.contextmanager
def keeping(folder: Path, keep: str) -> Iterator[tuple[Process, str]]:
    """The process and its URL."""
    with Process([sys.executable, "-c", _KEEPS.format(keep=keep)], folder / "keeping.log") as process:
        process.wait_for_output("\n")
        yield process, f"http://127.0.0.1:{process.output.strip()}/"


@pytest.mark.parametrize("leak", _LEAKS)
def test_a_real_process_that_leaks_is_found_and_no_other(tmp_path: Path, leak: str) -> None:
    keep, sentence = _LEAKS[leak]
    with keeping(tmp_path, keep) as (_, url), UsageSampler([url], interval_seconds=0.02) as sampler:
        (usage,) = sampler.usages
        wait_until(lambda: len(usage.files) >= 150, "150 samples are taken")
    assert [found.partition(" from ")[0] for found in usage.growth()] == ([sentence] if sentence else [])


def test_a_process_that_ends_under_the_load_fails_the_run(tmp_path: Path) -> None:
    with keeping(tmp_path, "pass") as (process, url):
        sampler = UsageSampler([url], interval_seconds=0.02)
        sampler.__enter__()
        process.end(signal.SIGKILL)
        sampler._thread.join(60)
        with pytest.raises(LocalCloudError, match=f"process {process.pid} ended under the load"):
            sampler.__exit__(None, None, None)


def test_a_port_without_a_process_is_an_error() -> None:
    with pytest.raises(LocalCloudError, match="listens on port 1, found none"):
        UsageSampler(["http://127.0.0.1:1/api"])


def test_the_largest_category_is_asked_for_most_and_an_empty_one_never() -> None:
    categories = [{"id": number, "product_count": number * 10} for number in range(20)]
    catalog = Catalog(categories, random.Random(1))
    drawn = Counter(catalog.category_id() for _ in range(5_000))
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
    done = run_python("-m", "loadtests.run", "--state", str(tmp_path), "--out", str(tmp_path))
    assert (done.returncode, done.stderr.strip()) == (1, "No local cloud runs here: start it with `make run`.")


def test_an_empty_catalog_is_no_load_test(valkey: str, tmp_path: Path) -> None:
    services = Services(catalog_settings(tmp_path, valkey))
    with served_catalog(services) as api, pytest.raises(LocalCloudError, match="has no products"):
        check_filled(f"{str(api.base_url).rstrip('/')}/api")


def test_a_user_that_raises_an_error_makes_the_run_fail(tmp_path: Path) -> None:
    user = SimpleNamespace(environment=SimpleNamespace(process_exit_code=None))
    with (tmp_path / "requests.csv").open("w", newline="") as file:
        Recording(file).user_error(user_instance=user, exception=KeyError("items"), tb=None)
    assert user.environment.process_exit_code == 1
    requests = Requests.read(tmp_path / "requests.csv")
    assert requests.total().errors == 1
    assert list(requests.errors) == ["KeyError: 'items'"]
