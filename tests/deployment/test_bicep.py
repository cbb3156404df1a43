"""The Bicep files as a whole: they parse, every role has its reason, names fit."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import PROJECT
from tests.deployment import bicep

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
_ROLE_IDS = {
    "acrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "dataFactoryContributor": "673868aa-7521-48a0-acc6-0f60742d39f5",
    "keyVaultSecretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "storageAccountContributor": "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "storageBlobDelegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules: shortest, longest, pattern.
_NAME_RULES = {
    "Microsoft.Cache/redisEnterprise": (1, 60, r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*"),
    "Microsoft.ContainerRegistry/registries": (5, 50, r"[a-zA-Z0-9]+"),
    "Microsoft.DataFactory/factories": (3, 63, r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]"),
    "Microsoft.EventGrid/systemTopics": (3, 128, r"[a-zA-Z0-9-]+"),
    "Microsoft.Consumption/budgets": (1, 63, r"[a-zA-Z0-9_-]+"),
    "Microsoft.Insights/actionGroups": (1, 260, r"[^:<>+/&%\\?|]+"),
    "Microsoft.Insights/components": (1, 260, r"[^%&\\?/]+"),
    "Microsoft.Insights/metricAlerts": (1, 260, r"[^*#&+:<>?@%{}\\/]+"),
    "Microsoft.Insights/scheduledQueryRules": (1, 260, r"[^*<>%{}&:\\?/#|]+"),
    "Microsoft.Insights/webtests": (1, 260, r"[^%&\\?/]+"),
    "Microsoft.KeyVault/vaults": (3, 24, r"[a-zA-Z][a-zA-Z0-9-]*[a-zA-Z0-9]"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": (3, 128, r"[a-zA-Z0-9][a-zA-Z0-9_-]*"),
    "Microsoft.OperationalInsights/workspaces": (4, 63, r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]"),
    "Microsoft.Resources/resourceGroups": (1, 90, r"[\w().-]*[\w()-]"),
    "Microsoft.Sql/servers": (1, 63, r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
    "Microsoft.Sql/servers/databases": (1, 128, r"[^<>*%&:\\/?]+"),
    "Microsoft.Storage/storageAccounts": (3, 24, r"[a-z0-9]+"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": (3, 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    "Microsoft.Storage/storageAccounts/queueServices/queues": (3, 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    "Microsoft.Web/serverfarms": (1, 60, r"[a-zA-Z0-9-]+"),
    # The Functions host makes its id of the first 32 characters, which no two apps may share.
    "Microsoft.Web/sites": (2, 32, r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]"),
}
_UNIQUE_STRING = "abcdefghijklm"  # uniqueString() gives 13 small letters and digits


@pytest.mark.parametrize("path", bicep.files(), ids=lambda path: path.name)
def test_every_file_parses(path: Path) -> None:
    assert bicep.parsed(path)


def _modules() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, module in bicep.parsed(bicep.INFRA / "main.bicep")["modules"].items():
        yield name, module["config"]["params"], bicep.parsed(bicep.INFRA / module["detail"]["path"])["parameters"]


@pytest.mark.parametrize(("name", "given", "wanted"), list(_modules()))
def test_a_module_gets_the_parameters_it_has(name: str, given: dict[str, Any], wanted: dict[str, Any]) -> None:
    required = {parameter for parameter, described in wanted.items() if described["default"] is None}
    assert given.keys() <= wanted.keys(), f"{name} has no parameter {given.keys() - wanted.keys()}"
    assert required <= given.keys(), f"{name} lacks {required - given.keys()}"


def test_every_output_of_a_module_that_is_used_exists() -> None:
    text = (bicep.INFRA / "main.bicep").read_text()
    modules = bicep.parsed(bicep.INFRA / "main.bicep")["modules"]
    for module, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", text):
        outputs = bicep.parsed(bicep.INFRA / modules[module]["detail"]["path"])["outputs"]
        assert output in outputs, f"{module}.outputs.{output}"


@pytest.mark.parametrize("path", sorted(bicep.INFRA.glob("*.parameters.json")), ids=lambda path: path.name)
def test_a_parameter_file_names_parameters_that_exist(path: Path) -> None:
    assert (
        json.loads(path.read_text())["parameters"].keys()
        <= bicep.parsed(bicep.INFRA / "main.bicep")["parameters"].keys()
    )


def test_azd_is_asked_for_every_parameter_without_a_default() -> None:
    parameters = bicep.parsed(bicep.INFRA / "main.bicep")["parameters"]
    required = {name for name, described in parameters.items() if described["default"] is None}
    assert required <= json.loads((bicep.INFRA / "main.parameters.json").read_text())["parameters"].keys()


def test_the_production_file_sets_every_size() -> None:
    parameters = bicep.parsed(bicep.INFRA / "main.bicep")["parameters"]
    no_sizes = {"appImage", "alertEmail", "monthlyBudget", "budgetStart"}
    sizes = {name for name, described in parameters.items() if described["default"] is not None} - no_sizes
    assert json.loads((bicep.INFRA / "production.parameters.json").read_text())["parameters"].keys() == sizes


@pytest.mark.parametrize("assignment", list(bicep.role_assignments()), ids=lambda assignment: assignment.symbol)
def test_a_role_is_the_one_it_is_called(assignment: bicep.RoleAssignment) -> None:
    assert _ROLE_IDS[assignment.role] == assignment.role_id


@pytest.mark.parametrize("assignment", list(bicep.role_assignments()), ids=lambda assignment: assignment.symbol)
def test_a_role_has_its_reason_beside_it(assignment: bicep.RoleAssignment) -> None:
    lines = assignment.file.read_text().splitlines()
    (line,) = (number for number, text in enumerate(lines) if text.startswith(f"resource {assignment.symbol} "))
    assert lines[line - 1].startswith("// "), f"{assignment.file.name}: {assignment.symbol} says no reason"


def test_no_role_is_given_beyond_one_resource() -> None:
    assert all(assignment.scope not in {"resourceGroup()", "subscription()"} for assignment in bicep.role_assignments())


@pytest.mark.parametrize("path", bicep.files(), ids=lambda path: path.name)
def test_a_second_deployment_says_the_same_as_the_first(path: Path) -> None:
    # A budget's first day, for one, can't be changed: Azure would refuse the whole deployment of the next month.
    assert not re.search(r"\b(utcNow|newGuid)\(", path.read_text())


def test_an_alert_can_be_made_before_its_table_is_there() -> None:
    (rule,) = bicep.resources("Microsoft.Insights/scheduledQueryRules")
    assert rule.config["properties"]["skipQueryValidation"] is True


def test_an_id_is_the_one_it_is_called() -> None:
    # Roles, Redis and the SQL administrator go by the principal id, tokens and the database's users by the client id.
    outputs = bicep.parsed(bicep.INFRA / "modules" / "identities.bicep")["outputs"]
    text = (bicep.INFRA / "modules" / "identities.bicep").read_text()
    assert len(outputs) == 8
    for who in ("app", "operator"):
        assert f"output {who}PrincipalId string = {who}.properties.principalId\n" in text
        assert f"output {who}ClientId string = {who}.properties.clientId\n" in text
    main = (bicep.INFRA / "main.bicep").read_text()
    for name, output in re.findall(r"(\w+): identities\.outputs\.(\w+)", main):
        assert name.endswith("PrincipalId") == output.endswith("PrincipalId"), name
        assert name.endswith("ClientId") == output.endswith("ClientId"), name


def _names() -> Iterator[tuple[str, str]]:
    for kind in _NAME_RULES:
        for resource in bicep.resources(kind):
            name = resource.config["name"].replace("${suffix}", _UNIQUE_STRING).replace("${rule.name}", "an-alert")
            yield kind, name.replace("${environmentName}", "e" * 40)  # the longest that main.bicep takes


@pytest.mark.parametrize(("kind", "name"), list(_names()))
def test_a_name_fits_the_limits_of_its_service(kind: str, name: str) -> None:
    shortest, longest, pattern = _NAME_RULES[kind]
    assert shortest <= len(name) <= longest
    assert re.fullmatch(pattern, name)
    assert "--" not in name


def test_every_finding_that_stays_has_its_reason() -> None:
    reasoned = False
    for line in (bicep.INFRA / "checkov.yaml").read_text().partition("skip-check:")[2].splitlines():
        if line.startswith("  # "):
            reasoned = True
        elif line:
            assert re.fullmatch(r"  - CKV_AZURE_\d+( +# .+)?", line), line
            assert reasoned, line


def test_checkov_finds_nothing_else() -> None:
    checkov = PROJECT / ".local" / "checkov" / "bin" / "checkov"
    if not checkov.exists():
        pytest.skip("checkov isn't installed: make bicep-check")
    command: list[str | Path] = [checkov, "--config-file", "infra/checkov.yaml", "--directory", "infra"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
