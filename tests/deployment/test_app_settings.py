"""The app's settings in Azure against the code that reads them, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mssql import pyodbc as mssql_pyodbc

from local import PROJECT
from shared.azure.redis_credentials import redis_credentials
from shared.settings import Settings, read_settings
from tests.deployment import bicep
from tests.deployment.functions import Trigger, triggers

# Settings of shared/settings.py that Azure leaves at their default, and why that is right.
_DEFAULT_IN_AZURE = {
    "AZURE_FUNCTIONS_ENVIRONMENT": "the host's own, Production where nothing else is said",
    "WEBSITE_INSTANCE_ID": "set by App Service",
    "IMPORT_STORAGE": "an identity in its place",
    "FIREBASE_AUTH_EMULATOR_HOST": "the app doesn't start with it",
    "DATA_FACTORY_ENDPOINT": "Azure Resource Manager",
    "DATABASE_POOL_SIZE": "a matter of measuring",
    "DATABASE_STATEMENT_SECONDS": "a promise of the API",
    "DATABASE_LOGIN_SECONDS": "the driver's own",
    "DATABASE_RETRY_SECONDS": "what Microsoft asks for",
    "CACHE_ENABLED": "off only for comparisons",
    "CACHE_TTL": "a matter of measuring",
    "CACHE_TIMEOUT": "a promise of the API",
    "CACHE_WRITE_TIMEOUT": "a promise of the API",
    "IMPORT_MAX_REJECT_SHARE": "the documented one",
    "IMPORT_EVENT_LOST_SECONDS": "a matter of measuring",
    "FIREBASE_SECONDS": "a promise of the API",
    "TELEMETRY_SAMPLING_RATIO": "a matter of measuring",
}
_FROM_KEY_VAULT = {"FIREBASE_WEB_API_KEY", "FIREBASE_SERVICE_ACCOUNT"}
# What the Functions host, the worker or App Service reads.
_PLATFORM = {
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "WEBSITES_ENABLE_APP_SERVICE_STORAGE",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "PYTHON_ENABLE_OPENTELEMETRY",
}
_CLIENT_ID = "11111111-2222-4333-8444-555555555555"
_SAMPLES = {
    "${identityClientId}": _CLIENT_ID,
    "${databaseServer}": "sql-x.database.windows.net",
    "${databaseName}": "catalog",
    "${cacheHost}": "redis-x.westeurope.redis.azure.net",
    "identityClientId": _CLIENT_ID,
    "hostAccountName": "sthostx",
    "vaultUri": "https://kv-x.vault.azure.net/",
    "factoryName": "adf-x",
    "firebaseProjectId": "my-project",
    "applicationInsightsConnectionString": "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://example.org/",
    "importsAccount.properties.primaryEndpoints.blob": "https://stimportsx.blob.core.windows.net/",
    "importsAccount.properties.primaryEndpoints.queue": "https://stimportsx.queue.core.windows.net/",
}
_SERVICE_ACCOUNT = '{"type": "", "project_id": "", "private_key": "", "client_email": "", "token_uri": ""}'


def _known_to_the_code() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        yield str(field.validation_alias or name.upper())


def _names_in_triggers() -> set[str]:
    """`%NAME%` in function_app.py: the host puts the setting's value there."""
    return set(re.findall(r"%(\w+)%", (PROJECT / "function_app.py").read_text()))


def _in_azure() -> dict[str, str]:
    """The app's environment in Azure, with samples in place of what only the deployment knows."""
    settings = bicep.app_settings()
    for name, value in settings.items():
        settings[name] = _SAMPLES.get(value, value)
        for expression, sample in _SAMPLES.items():
            settings[name] = settings[name].replace(expression, sample) if "$" in expression else settings[name]
    return settings


@pytest.mark.parametrize("name", list(_known_to_the_code()))
def test_a_setting_is_set_or_a_secret_or_default_on_purpose(name: str) -> None:
    ways = [name in bicep.app_settings(), name in _FROM_KEY_VAULT, name in _DEFAULT_IN_AZURE]
    assert ways.count(True) == 1, f"{name}: set it in infra/modules/app.bicep, or say in _DEFAULT_IN_AZURE why not"


@pytest.mark.parametrize("name", list(bicep.app_settings()))
def test_a_setting_that_is_set_is_known(name: str) -> None:
    known = {*_known_to_the_code(), *_names_in_triggers(), *_PLATFORM}
    assert name in known or name.partition("__")[0] in _connections(), f"nothing reads {name}"


@pytest.mark.parametrize("name", sorted(_names_in_triggers()))
def test_what_a_trigger_takes_from_the_settings_is_set(name: str) -> None:
    assert name in bicep.app_settings()


def test_the_settings_of_azure_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _known_to_the_code():
        monkeypatch.delenv(name, raising=False)
    for name, value in _in_azure().items():
        if name != "KEY_VAULT_URL":  # nobody answers there
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "x")
    monkeypatch.setenv("FIREBASE_WEB_API_KEY", "x")
    monkeypatch.setenv("FIREBASE_SERVICE_ACCOUNT", _SERVICE_ACCOUNT)
    settings = Settings()
    assert not settings.is_local
    assert settings.blob_trigger_source == "EventGrid"
    assert settings.azure_client_id == _CLIENT_ID


def test_the_secrets_of_the_vault_are_named_as_the_app_asks_for_them() -> None:
    script = (bicep.INFRA / "publish.sh").read_text()
    put = set(re.findall(r"put_secret ([A-Z-]+)", script))
    assert put == {name.replace("_", "-") for name in _FROM_KEY_VAULT}


def _connection_string(url: str) -> str:
    dialect: sa.Dialect = mssql_pyodbc.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    (arguments,), _ = dialect.create_connect_args(sa.make_url(url))
    return str(arguments).lower()  # keywords count in any case


def test_the_database_is_reached_encrypted_and_by_the_identity() -> None:
    odbc = _connection_string(_in_azure()["DATABASE_URL"])
    assert "driver={odbc driver 18 for sql server}" in odbc
    assert f"uid={_CLIENT_ID}" in odbc
    assert "authentication=activedirectorymsi" in odbc
    assert "encrypt=yes" in odbc
    assert "trustservercertificate=no" in odbc
    assert "pwd=" not in odbc
    # The driver refuses it together with Authentication.
    assert "trusted_connection" not in odbc


def test_jobs_reach_the_database_as_the_app_does() -> None:
    (container,) = bicep.the("Microsoft.ContainerInstance/containerGroups").config["properties"]["containers"]
    variables = {each["name"]: each["value"] for each in container["properties"]["environmentVariables"]}
    url = variables["DATABASE_URL"].replace("operatorIdentityClientId", "identityClientId")
    assert url == bicep.app_settings()["DATABASE_URL"]


def test_a_job_has_what_making_an_administrator_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _known_to_the_code():
        monkeypatch.delenv(name, raising=False)
    (container,) = bicep.the("Microsoft.ContainerInstance/containerGroups").config["properties"]["containers"]
    given = {each["name"] for each in container["properties"]["environmentVariables"]}
    for name in given - {"KEY_VAULT_URL"}:  # nobody answers there
        monkeypatch.setenv(name, _in_azure()[name])
    monkeypatch.setenv("FIREBASE_SERVICE_ACCOUNT", _SERVICE_ACCOUNT)  # what the vault would give
    # As shared/identity/admin.py reads them.
    assert not read_settings(firebase_web_api_key="not needed here").is_local


def test_redis_is_reached_with_tls_and_without_a_key() -> None:
    cache = bicep.the("Microsoft.Cache/redisEnterprise/databases").config["properties"]
    url = sa.make_url(_in_azure()["REDIS_URL"])
    assert (url.drivername, url.port, url.password) == ("rediss", cache["port"], None)
    assert cache["accessKeysAuthentication"] == "Disabled"
    assert cache["clusteringPolicy"] == "EnterpriseCluster"


def _connected() -> list[Trigger]:
    return [trigger for trigger in triggers() if trigger.connection]


def _connections() -> set[str | None]:
    return {trigger.connection for trigger in _connected()}


# What the host needs of a connection by identity, and the roles for it:
# https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
_PARTS = {
    "blobTrigger": {"blobServiceUri", "queueServiceUri", "credential", "clientId"},
    "queueTrigger": {"queueServiceUri", "credential", "clientId"},
}
_ROLES = {
    "blobTrigger": {"storageBlobDataOwner", "storageQueueDataContributor"},
    "queueTrigger": {"storageQueueDataContributor"},
}


def _app_roles(account: str) -> set[str]:
    return {
        assignment.role
        for assignment in bicep.role_assignments()
        if assignment.scope == account and assignment.principal == "appPrincipalId"
    }


@pytest.mark.parametrize("trigger", _connected(), ids=lambda trigger: trigger.function)
def test_a_triggers_connection_has_its_settings_and_its_roles(trigger: Trigger) -> None:
    kind, connection = trigger.type, trigger.connection
    for part in _PARTS[kind]:
        assert f"{connection}__{part}" in bicep.app_settings()
    account = bicep.app_settings()[f"{connection}__queueServiceUri"].partition(".")[0]
    assert _ROLES[kind] <= _app_roles(account)


def test_the_hosts_own_storage_has_its_roles() -> None:
    assert bicep.app_settings()["AzureWebJobsStorage__accountName"] == "hostAccountName"
    wanted = {"storageAccountContributor", "storageTableDataContributor", *_ROLES["blobTrigger"]}
    assert _app_roles("hostAccount") == wanted


def test_the_app_may_do_what_its_code_does_elsewhere() -> None:
    assert "storageBlobDelegator" in _app_roles("importsAccount")  # create_upload's SAS
    assert _app_roles("factory") == {"dataFactoryContributor"}
    assert _app_roles("vault") == {"keyVaultSecretsUser"}
    assert _app_roles("registry") == {"acrPull"}
    user = bicep.the("Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments").config["properties"]["user"]
    assert user["objectId"] == "appPrincipalId"


def test_the_app_is_pulled_and_kept_alive_as_a_container_needs_it() -> None:
    site = bicep.the("Microsoft.Web/sites").config["properties"]["siteConfig"]
    assert site["acrUseManagedIdentityCreds"] is True
    assert site["acrUserManagedIdentityID"] == "identityClientId"
    assert site["alwaysOn"] is True
    assert site["healthCheckPath"] == "/api/health/live"
    # Else the platform's /home hides the image's /home/site/wwwroot.
    assert bicep.app_settings()["WEBSITES_ENABLE_APP_SERVICE_STORAGE"] == "false"


def test_redis_takes_the_token_of_the_apps_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    for name in ("REDIS_URL", "AZURE_CLIENT_ID"):
        monkeypatch.setenv(name, _in_azure()[name])
    settings = Settings()
    assert redis_credentials(settings.redis_url.get_secret_value(), settings.azure_client_id)
