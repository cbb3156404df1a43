"""Settings from Key Vault, read by Microsoft's client over HTTPS, and each fault of the vault."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.keyvault.secrets import SecretClient

from shared.azure import key_vault
from shared.settings import load_settings
from tests.identity.conftest import ACCOUNT, AZURE
from tests.identity.fake_key_vault import FakeKeyVault
from tests.identity.test_settings import refusal

SECRETS = {"FIREBASE-WEB-API-KEY": "S3CRET-key", "firebase-service-account": ACCOUNT, "something-else": "S3CRET"}


class Identity:
    """A managed identity that gets tokens unless `denied`."""

    def __init__(self) -> None:
        self.denied = False

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        if self.denied:
            raise ClientAuthenticationError("S3CRET")
        return AccessToken("S3CRET-token", int(time.time()) + 3600)


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Identity:
    """The app's identity."""
    identity = Identity()
    monkeypatch.setattr(key_vault, "azure_credential", lambda _client_id: identity)
    return identity


@pytest.fixture
def vault(environment: pytest.MonkeyPatch, tmp_path: Path, identity: Identity) -> Iterator[FakeKeyVault]:
    """A vault with the app's secrets; the environment has none."""
    assert identity
    for name in AZURE:
        environment.delenv(name)
    pem = tmp_path / "vault.pem"

    class TestClient(SecretClient):
        """Trusts the test's certificate and host name."""

        __test__ = False

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, verify_challenge_resource=False, connection_verify=str(pem), **options)

    environment.setattr("azure.keyvault.secrets.SecretClient", TestClient)
    with FakeKeyVault(pem, dict(SECRETS)).serving() as vault:
        environment.setenv("FIREBASE_PROJECT_ID", "test-project")
        environment.setenv("KEY_VAULT_URL", vault.url)
        yield vault


def test_settings_that_the_environment_lacks_come_from_the_vault_once(vault: FakeKeyVault) -> None:
    settings = load_settings()
    assert settings.firebase_web_api_key.get_secret_value() == "S3CRET-key"
    assert settings.firebase_service_account is not None
    load_settings()
    assert vault.requests == {"": 1, "FIREBASE-WEB-API-KEY": 1, "firebase-service-account": 1}


def test_the_environment_comes_first_and_the_vault_isnt_asked_for_its_settings(
    vault: FakeKeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_WEB_API_KEY", "of the environment")
    assert load_settings().firebase_web_api_key.get_secret_value() == "of the environment"
    assert "FIREBASE-WEB-API-KEY" not in vault.requests


def test_without_a_vault_url_no_vault_is_asked(vault: FakeKeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY_VAULT_URL")
    assert "FIREBASE_WEB_API_KEY" in refusal()
    assert not vault.requests


def test_a_vault_may_be_away_after_the_start(vault: FakeKeyVault) -> None:
    settings = load_settings()
    vault.refusals = dict.fromkeys(["", *SECRETS], 503)
    assert load_settings() is settings


def test_a_vault_that_is_away_at_the_start_stops_it(vault: FakeKeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_VAULT_URL", "https://127.0.0.1:9")
    assert vault
    assert "https://127.0.0.1:9" in refusal()
    assert "can't be reached" in refusal()


@pytest.mark.parametrize(
    ("status", "says"), [(403, "access is denied"), (429, "throttling"), (500, "status 500"), (404, "doesn't exist")]
)
def test_a_secret_that_cant_be_read_stops_the_start_with_its_name(vault: FakeKeyVault, status: int, says: str) -> None:
    vault.refusals["FIREBASE-WEB-API-KEY"] = status
    assert refusal().startswith(f"The secret FIREBASE-WEB-API-KEY of {vault.url} can't be read: ")
    assert says in refusal()


@pytest.mark.parametrize(("status", "says"), [(403, "Key Vault Secrets User"), (429, "throttling")])
def test_a_vault_that_refuses_to_list_stops_the_start(vault: FakeKeyVault, status: int, says: str) -> None:
    vault.refusals[""] = status
    assert says in refusal()
    assert vault.url in refusal()
    assert "FIREBASE_WEB_API_KEY" in refusal()


def test_an_identity_without_a_token_stops_the_start(vault: FakeKeyVault, identity: Identity) -> None:
    identity.denied = True
    assert "identity got no token" in refusal()
    assert "FIREBASE_WEB_API_KEY" in refusal()
    assert vault


@pytest.mark.parametrize("how", ["missing", "disabled"])
def test_a_missing_or_disabled_secret_is_named(vault: FakeKeyVault, how: str) -> None:
    if how == "missing":
        del vault.secrets["FIREBASE-WEB-API-KEY"]
    else:
        vault.disabled.add("FIREBASE-WEB-API-KEY")
    assert refusal() == (
        f"FIREBASE_WEB_API_KEY: expected a value in the environment or as the enabled secret FIREBASE-WEB-API-KEY of "
        f"{vault.url}, got none"
    )
