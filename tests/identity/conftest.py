"""The API with real authorization, over the Auth emulator and a real Valkey."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings
from testkit.fake_google import PROJECT, FakeGoogle
from testkit.serving import catalog_settings, served
from tests.identity.people import People

ACCOUNT = json.dumps(
    {"type": "service_account", "project_id": "p", "private_key": "S3CRET", "client_email": "e", "token_uri": "t"}
)
AZURE = {
    "FIREBASE_PROJECT_ID": "test-project",
    "FIREBASE_WEB_API_KEY": "S3CRET-key",
    "FIREBASE_SERVICE_ACCOUNT": ACCOUNT,
}


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Logs DEBUG too, because tests/conftest.py searches the log for secrets."""
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def emulated(auth_emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """host:port of the emulator, also in the environment for firebase-admin."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", auth_emulator)
    return auth_emulator


@pytest.fixture
def services(tmp_path: Path, valkey: str, emulated: str) -> Services:
    """The application's services; the API closes them."""
    return Services(catalog_settings(tmp_path, valkey, firebase_auth_emulator_host=emulated))


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    """A client of the whole API over the emulator."""
    with served(create_app(services)) as client:
        yield client


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogle]:
    """This test's own fake of Google."""
    with FakeGoogle().serving() as google:
        google.stand_in(monkeypatch)
        yield google


@pytest.fixture
def real_services(google: FakeGoogle, tmp_path: Path, valkey: str) -> Services:
    """The application's services as in Azure: without the emulator, so signatures are verified."""
    account = google.service_account
    return Services(
        catalog_settings(
            tmp_path, valkey, firebase_project_id=PROJECT, firebase_service_account=account, firebase_seconds=0.7
        )
    )


@pytest.fixture
def real_api(real_services: Services) -> Iterator[httpx.Client]:
    """A client of the whole API as in Azure."""
    with served(create_app(real_services)) as client:
        yield client


@pytest.fixture
def people(api: httpx.Client, emulated: str) -> People:
    """This test's own users."""
    return People(api, emulated)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment as in Azure; settings are read again."""
    for name in ("AZURE_FUNCTIONS_ENVIRONMENT", "FIREBASE_AUTH_EMULATOR_HOST", "KEY_VAULT_URL", "WEBSITE_INSTANCE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in AZURE.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    yield monkeypatch
    load_settings.cache_clear()
