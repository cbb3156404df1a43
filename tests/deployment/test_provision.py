"""What comes before and with provisioning, by azd and by plain az: nothing that runs is lost by it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # has no types

from local import PROJECT
from tests.deployment import azure_cli, bicep
from tests.deployment.azure_cli import Call, commands, position

_WHERE = {"AZURE_ENV_NAME": "catalog", "AZURE_LOCATION": "westeurope", "FIREBASE_PROJECT_ID": "my-project"}
_AZD = _WHERE | {"AZURE_SUBSCRIPTION_ID": "a-subscription", "KEY_VAULT_NAME": "kv-x"}
_VAULT = ("keyvault recover", "--resource-group rg-catalog --location westeurope --name kv-x")


def _provision(
    folder: Path, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    return azure_cli.run(folder, "provision.sh", *arguments, **_WHERE | environment)


def _before(folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    return azure_cli.run(folder, "before_provision.sh", **_AZD | environment)


def test_the_first_time_the_image_is_the_templates(tmp_path: Path) -> None:
    done, calls = _provision(tmp_path, "infra/production.parameters.json", ALERT_EMAIL="ada@example.org")
    assert done.returncode == 0, done.stderr
    called = commands(calls)
    create = called[position(called, "deployment sub create")]
    assert "--name product-catalog-catalog --location westeurope --template-file infra/main.bicep" in create
    given = create.partition("--parameters ")[2].split()
    assert given[0] == "@infra/production.parameters.json"  # what comes behind it counts more
    assert {parameter.partition("=")[0] for parameter in given[1:]} == {
        *(
            name
            for name, described in bicep.parsed(bicep.INFRA / "main.bicep")["parameters"].items()
            if described["default"] is None
        ),
        "alertEmail",
    }


def test_what_runs_goes_on_running(tmp_path: Path) -> None:
    _, calls = _provision(tmp_path, GROUP_EXISTS="true")
    called = commands(calls)
    assert "appImage=registry/product-catalog:running" in called[position(called, "deployment sub create")]


@pytest.mark.parametrize("failing", ["group exists", "functionapp list", "functionapp config show"])
def test_where_it_cannot_be_told_what_runs_nothing_is_changed(tmp_path: Path, failing: str) -> None:
    done, calls = _provision(tmp_path, GROUP_EXISTS="true", FAILING=failing)
    assert done.returncode != 0
    assert not any("deployment sub create" in command for command in commands(calls))


def test_a_preview_changes_nothing(tmp_path: Path) -> None:
    _, calls = _provision(tmp_path, PREVIEW="1", DELETED_VAULT="kv-x")
    called = commands(calls)
    position(called, "deployment sub what-if")
    assert not any(re.search(r"create|recover|set", command.partition("--parameters")[0]) for command in called)


def test_a_vault_that_was_removed_comes_back_before_it_is_asked_for(tmp_path: Path) -> None:
    _, calls = _provision(tmp_path, DELETED_VAULT="kv-x")
    called = commands(calls)
    steps = [position(called, "group create"), position(called, *_VAULT), position(called, "deployment sub create")]
    assert steps == sorted(steps)


def test_only_this_deployments_vault_comes_back(tmp_path: Path) -> None:
    tags = bicep.parsed(bicep.INFRA / "main.bicep")["variables"]["tags"]["value"]
    assert tags == {"'azd-env-name'": "environmentName", "application": "product-catalog"}
    _, calls = _provision(tmp_path)
    called = commands(calls)
    asked = called[position(called, "keyvault list-deleted")]
    assert "tags.application=='product-catalog'" in asked
    assert "tags.\"azd-env-name\"=='catalog'" in asked
    assert "location=='westeurope'" in asked


def test_a_subscription_that_cannot_list_deleted_vaults_is_no_obstacle(tmp_path: Path) -> None:
    done, calls = _provision(tmp_path, FAILING="keyvault list-deleted")
    assert done.returncode == 0, done.stderr
    position(commands(calls), "deployment sub create")


def test_azds_hooks_are_the_scripts_that_are_tested() -> None:
    hooks = yaml.safe_load((PROJECT / "azure.yaml").read_text())["hooks"]
    assert {name: hook["run"] for name, hook in hooks.items()} == {
        "preprovision": "infra/before_provision.sh",
        "postprovision": "infra/publish.sh",
    }


def test_before_azd_provisions_it_learns_what_runs(tmp_path: Path) -> None:
    done, calls = _before(tmp_path, GROUP_EXISTS="true", DELETED_VAULT="kv-x")
    assert done.returncode == 0, done.stderr
    called = commands(calls)
    position(called, "azd env set APP_IMAGE registry/product-catalog:running --environment catalog")
    position(called, *_VAULT)
    assert "${APP_IMAGE=" in (bicep.INFRA / "main.parameters.json").read_text()


def test_before_azd_provisions_anew_there_is_nothing_to_keep(tmp_path: Path) -> None:
    done, calls = _before(tmp_path)
    assert done.returncode == 0, done.stderr
    assert not any(command.startswith("azd") for command in commands(calls))


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ({"FIREBASE_PROJECT_ID": ""}, "FIREBASE_PROJECT_ID isn't set"),
        ({"KEY_VAULT_NAME": ""}, "FIREBASE_WEB_API_KEY isn't set"),
        ({"KEY_VAULT_NAME": "", "FIREBASE_SERVICE_ACCOUNT_FILE": "not-there.json"}, "names no readable file"),
        ({"FAILING": "account show"}, "az isn't logged in"),
        ({"SUBSCRIPTION": "another"}, "az account set --subscription a-subscription"),
    ],
)
def test_what_is_lacking_is_said_before_anything_is_made(tmp_path: Path, lacking: dict[str, str], said: str) -> None:
    done, calls = _before(tmp_path, **lacking)
    assert done.returncode == 1
    assert said in done.stderr
    assert all(command.startswith("account show") for command in commands(calls))
