"""Wrong settings stop the start; the error names them and never shows a value."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from local import PROJECT
from shared.settings import Settings, SettingsError, load_settings
from tests.identity.conftest import AZURE

SERVICE_ACCOUNT = "a service account's key: a JSON object with client_email, private_key, project_id, token_uri, type"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in another process with this environment."""
    return subprocess.run([sys.executable, *arguments], check=False, cwd=PROJECT, capture_output=True, text=True)


def refusal() -> str:
    """The error of the start."""
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "S3CRET" not in str(error.value)
    assert error.value.__cause__ is None
    return str(error.value)


def test_the_app_starts_with_all_settings_and_prints_no_secret(environment: pytest.MonkeyPatch) -> None:
    assert environment
    settings = load_settings()
    assert settings.firebase_web_api_key.get_secret_value() == "S3CRET-key"
    assert "S3CRET" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("name", AZURE)
def test_a_missing_setting_stops_the_start_with_its_name(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    assert refusal() == f"{name}: expected a value in the environment, got none"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FIREBASE_PROJECT_ID", "S3CRET with spaces", "4 to 30 characters of a-z, 0-9 and -"),
        ("FIREBASE_WEB_API_KEY", "", "at least 1 character"),
        ("FIREBASE_SERVICE_ACCOUNT", "S3CRET", SERVICE_ACCOUNT),
        ("FIREBASE_SERVICE_ACCOUNT", '{"private_key": "S3CRET"}', SERVICE_ACCOUNT),
        ("FIREBASE_SECONDS", "S3CRET", "a number"),
        ("FIREBASE_SECONDS", "0", "more than 0.0"),
        ("KEY_VAULT_URL", "S3CRET", "https://{vault}.vault.azure.net"),
        ("CACHE_TTL", "S3CRET", "an integer"),
        ("CACHE_ENABLED", "S3CRET", "true or false"),
        ("BLOB_TRIGGER_SOURCE", "S3CRET", "one of EventGrid, LogsAndContainerScan"),
        (
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "@Microsoft.KeyVault(SecretUri=https://S3CRET)",
            "InstrumentationKey={GUID};IngestionEndpoint=https://…",
        ),
    ],
)
def test_a_malformed_setting_stops_the_start_with_its_name_and_what_was_expected(
    environment: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    environment.setenv(name, value)
    assert refusal() == f"{name}: expected {expected} ({Settings.model_fields[name.lower()].description})"


@pytest.mark.parametrize("where", [{}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Staging"}, {"WEBSITE_INSTANCE_ID": "1"}])
def test_the_emulator_stops_the_start_anywhere_but_locally(
    environment: pytest.MonkeyPatch, where: dict[str, str]
) -> None:
    environment.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development" if "WEBSITE_INSTANCE_ID" in where else "Production")
    environment.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    for name, value in where.items():
        environment.setenv(name, value)
    assert refusal().startswith("FIREBASE_AUTH_EMULATOR_HOST: expected no value, because this isn't a local machine")


def test_the_function_app_doesnt_start_with_the_emulator_in_azure(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    ended = python("-c", "import function_app")
    assert ended.returncode != 0
    assert "FIREBASE_AUTH_EMULATOR_HOST" in ended.stderr
    assert "S3CRET" not in ended.stderr


def test_locally_the_emulator_needs_no_other_setting(environment: pytest.MonkeyPatch) -> None:
    for name in AZURE:
        environment.delenv(name)
    environment.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    environment.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    assert load_settings().firebase_service_account is None


def test_every_secret_is_a_pydantic_secret() -> None:
    secret = {name for name, field in Settings.model_fields.items() if SecretStr.__name__ in str(field.annotation)}
    assert {"firebase_web_api_key", "firebase_service_account", "database_url", "redis_url"} <= secret


def test_importing_the_app_imports_no_module_that_few_requests_need(environment: pytest.MonkeyPatch) -> None:
    heavy = ["firebase_admin", "httpx", "limits", "redis", "sqlalchemy", "azure.keyvault", "grpc"]
    code = f"import function_app, sys; print([name for name in {heavy} if name in sys.modules])"
    environment.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    ended = python("-c", code)
    assert ended.stdout.strip() == "[]", ended.stderr
