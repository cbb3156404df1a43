"""Imports with real parts: Azurite, Valkey, SQLite and the local Data Factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shared.settings import Settings
from testkit.serving import catalog_settings, served_catalog
from tests.imports.cloud import App, Cloud, local_factory

# No process listens on this port.
NO_FACTORY = "http://127.0.0.1:9"


@pytest.fixture
def settings_without_factory(tmp_path: Path, valkey: str, azurite: str) -> Settings:
    """Settings of the app with an unreachable Data Factory."""
    changes = {"import_storage": azurite, "data_factory_endpoint": NO_FACTORY, "import_event_lost_seconds": 0.0}
    return catalog_settings(tmp_path, valkey, **changes)


@pytest.fixture
def settings(settings_without_factory: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of the app with the local Data Factory."""
    with local_factory(settings_without_factory, tmp_path / "factory") as address:
        yield settings_without_factory.model_copy(update={"data_factory_endpoint": address})


@pytest.fixture
def cloud(settings_without_factory: Settings) -> Cloud:
    """An empty storage account and database."""
    return Cloud(settings_without_factory)


@pytest.fixture
def start_app() -> Iterator[Callable[[Settings], App]]:
    """Starts processes of the app."""
    apps: list[App] = []

    def start(settings: Settings) -> App:
        apps.append(App(settings))
        return apps[-1]

    yield start
    for app in apps:
        app.close()


@pytest.fixture
def app(settings: Settings, start_app: Callable[[Settings], App], cloud: Cloud) -> App:  # noqa: ARG001  # containers
    """A process of the app."""
    return start_app(settings)


@pytest.fixture
def away(settings_without_factory: Settings, start_app: Callable[[Settings], App]) -> App:
    """A process of the app with an unreachable Data Factory."""
    return start_app(settings_without_factory)


@pytest.fixture
def api(app: App) -> Iterator[httpx.Client]:
    """A client of the API of another process, whose user is an administrator."""
    from shared.services import Services

    with served_catalog(Services(app.services.settings)) as client:
        yield client
