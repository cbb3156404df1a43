"""The API with real guards, over the Auth emulator and a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.api import create_app
from shared.services import Services
from tests.identity.people import People
from tests.serving import catalog_settings, served


@pytest.fixture
def emulated(auth_emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """host:port of the emulator, as firebase-admin and the settings learn of it."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", auth_emulator)
    return auth_emulator


@pytest.fixture
def services(tmp_path: Path, valkey: str, emulated: str) -> Services:
    """The application's parts; closed when the API ends."""
    return Services(catalog_settings(tmp_path, valkey))


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    """A client of the whole API."""
    with served(create_app(services)) as client:
        yield client


@pytest.fixture
def people(api: httpx.Client, emulated: str) -> People:
    """Users of this test's own."""
    return People(api, emulated)
