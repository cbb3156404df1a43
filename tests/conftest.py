"""What every room's tests may use: the real parts, started when a test first asks for them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from local import services
from local.processes import end_with_parent
from tests import databases
from tests.databases import NEEDS_SQL_SERVER
from tests.secrecy import secret_in
from tests.shared_services import TestRun, number, shared, wait_until_it_answers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# Azurite takes its accounts at the start, as one environment variable, which Linux limits to 128 KiB.
_ACCOUNTS = 2_000
_ACCOUNT_KEY = "a2V5"

_RUN = pytest.StashKey[TestRun]()


def pytest_configure(config: pytest.Config) -> None:
    """The run's first process holds what the shared services live by."""
    if not hasattr(config, "workerinput"):
        config.stash[_RUN] = TestRun()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The shared services end with the run."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what the database that the tests are given hasn't got."""
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
    """Names the tests of `make test-sqlserver` that only SQL Server itself could have run."""
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
    """A test fails that has left a secret in a log or on its output."""
    report = yield
    if call.when == "teardown":
        for title, text in report.sections:
            found = secret_in(text)
            if found:
                report.outcome, report.longrepr = "failed", f"A secret in the test's {title}: {found}"
    return report


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey of this worker's own: tests may flush it."""
    folder = tmp_path_factory.mktemp("valkey")
    service = services.valkey(services.free_ports(1)[0])
    with (folder / f"{service.name}.log").open("wb") as log:
        process = subprocess.Popen(
            service.command,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
        )
    try:
        wait_until_it_answers(service, process, folder)
        yield f"redis://127.0.0.1:{service.port}/0"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def auth_emulator() -> str:
    """host:port of the Firebase Auth emulator; all workers share it, so a test takes e-mails of its own."""
    (port,) = shared("auth", 1, lambda ports, folder: [services.auth_emulator(ports[0], folder / "users.json")])
    return f"127.0.0.1:{port}"


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
    """Connection string of an empty storage account (blobs and queues) of this test's own."""
    return _fresh_account(_azurite_ports)


@pytest.fixture(scope="module")
def module_azurite(_azurite_ports: tuple[int, int]) -> str:
    """Connection string of a storage account that one module's tests share."""
    return _fresh_account(_azurite_ports)


@pytest.fixture(scope="session")
def session_azurite(_azurite_ports: tuple[int, int]) -> str:
    """Connection string of a storage account that one worker's tests share."""
    return _fresh_account(_azurite_ports)


def _fresh_account(ports: tuple[int, int]) -> str:
    return services.storage_connection_string(*ports, account=_account(number("accounts")), key=_ACCOUNT_KEY)


def _account(number: int) -> str:
    return f"test{number}"
