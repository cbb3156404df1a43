"""Fixtures for every test: the real services, each started when a test first needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from local import services
from testkit import databases
from testkit.databases import NEEDS_SQL_SERVER
from testkit.local_cloud import LocalCloud, local_cloud
from testkit.processes import ServiceProcess
from testkit.secrecy import secret_in
from testkit.shared_services import TestRun, next_number, shared

# Azurite gets its accounts at the start in one environment variable, which Linux limits to 128 KiB.
_ACCOUNTS = 2_000
_ACCOUNT_KEY = "a2V5"

_RUN = pytest.StashKey[TestRun]()


def pytest_configure(config: pytest.Config) -> None:
    """The run's first process keeps the shared services alive."""
    if not hasattr(config, "workerinput"):
        config.stash[_RUN] = TestRun()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The shared services end with the run."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests that this run's database can't run."""
    reasons = {
        "sqlite_only": "what SQLite has of its own" if databases.SERVER else None,
        "server": None if databases.SERVER else "needs a server: make test-sqlserver",
        "sql_server": None if databases.is_sql_server() else NEEDS_SQL_SERVER,
        "not_babelfish": NEEDS_SQL_SERVER if databases.SERVER and not databases.is_sql_server() else None,
    }
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists the tests of `make test-sqlserver` that need SQL Server itself."""
    if not databases.SERVER:
        return
    skipped = terminalreporter.getreports("skipped")
    left_out = [report.nodeid for report in skipped if NEEDS_SQL_SERVER in str(report.longrepr)]
    if left_out:
        terminalreporter.section("Not run: they need SQL Server itself")
        for name in sorted(left_out):
            terminalreporter.line(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest passes by name
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that leaves a secret in a log or on its output."""
    report = yield
    if call.when == "teardown":
        for title, text in report.sections:
            found = secret_in(text)
            if found:
                report.outcome, report.longrepr = "failed", f"A secret in the test's {title}: {found}"
    return report


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey that only this worker uses. A test may flush it."""
    service = services.valkey(services.free_ports(1)[0])
    with ServiceProcess(service, tmp_path_factory.mktemp("valkey")):
        yield f"redis://{services.HOST}:{service.port}/0"


@pytest.fixture(scope="session")
def auth_emulator() -> str:
    """host:port of the Firebase Auth emulator. All workers share it, so each test uses its own e-mail addresses."""
    (port,) = shared("auth", 1, lambda ports, folder: [services.auth_emulator(ports[0], folder / "users.json")])
    return f"{services.HOST}:{port}"


@pytest.fixture(scope="session")
def start_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LocalCloud]]:
    """Starts a local cloud with the given settings. It ends with the session."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(local_cloud(tmp_path_factory.mktemp("cloud"), **settings))


@pytest.fixture(scope="session")
def _azurite_ports() -> tuple[int, int]:
    """Ports of blobs and queues of the Azurite that all workers share."""
    accounts = dict.fromkeys(map(_account, range(_ACCOUNTS)), _ACCOUNT_KEY)

    def azurite(ports: list[int], folder: Path) -> list[services.Service]:
        return [
            services.azurite_blob(ports[0], folder / "blob", accounts),
            services.azurite_queue(ports[1], folder / "queue", accounts),
        ]

    blob, queue = shared("azurite", 2, azurite)
    return blob, queue


@pytest.fixture
def azurite(_azurite_ports: tuple[int, int]) -> str:
    """Connection string of an empty storage account (blobs and queues) for one test."""
    return _empty_account(_azurite_ports)


@pytest.fixture(scope="module")
def module_azurite(_azurite_ports: tuple[int, int]) -> str:
    """Connection string of a storage account for the tests of one module."""
    return _empty_account(_azurite_ports)


@pytest.fixture(scope="session")
def session_azurite(_azurite_ports: tuple[int, int]) -> str:
    """Connection string of a storage account for the tests of one worker."""
    return _empty_account(_azurite_ports)


def _empty_account(ports: tuple[int, int]) -> str:
    return services.storage_connection_string(*ports, account=_account(next_number("accounts")), key=_ACCOUNT_KEY)


def _account(number: int) -> str:
    return f"test{number}"
