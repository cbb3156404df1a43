"""infra/publish.sh: its steps, their order, and what it keeps to itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.deployment import azure_cli, bicep
from tests.deployment.azure_cli import OUTPUTS, Call, commands, position

_WEB_API_KEY = "a-web-api-key"
_SERVICE_ACCOUNT = '{"private_key": "a-private-key"}'

type Publish = Callable[..., tuple[subprocess.CompletedProcess[str], list[Call]]]


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Runs the script as azd does; gives what came of it and the calls that it made."""

    def run(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
        return azure_cli.run(tmp_path_factory.mktemp("publish"), "publish.sh", *arguments, **OUTPUTS | environment)

    return run


@pytest.fixture(scope="module")
def published(publish: Publish, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Call]]:
    """The whole of it, with new secrets: what it said and did."""
    account = tmp_path_factory.mktemp("secrets") / "account.json"
    account.write_text(_SERVICE_ACCOUNT)
    done, calls = publish(FIREBASE_WEB_API_KEY=_WEB_API_KEY, FIREBASE_SERVICE_ACCOUNT_FILE=str(account))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, calls


def test_each_step_comes_after_what_it_needs(published: tuple[str, list[Call]]) -> None:
    called = commands(published[1])
    steps = [
        position(called, "keyvault secret set", "FIREBASE-WEB-API-KEY"),
        position(called, "acr build"),
        position(called, "deployment group create", "shared.database.migrate"),
        position(called, "deployment group create", "shared.database.mssql.access"),
        position(called, "functionapp config set"),
        position(called, "curl", "/api/health/ready"),
        position(called, "event-subscription.bicep"),
    ]
    assert steps == sorted(steps)


def test_secrets_reach_the_vault_and_no_command_line(published: tuple[str, list[Call]]) -> None:
    said, calls = published
    assert [call["secret"] for call in calls if "secret" in call] == [_WEB_API_KEY, _SERVICE_ACCOUNT]
    said += "".join(commands(calls))
    assert _WEB_API_KEY not in said
    assert "a-private-key" not in said


def test_a_secret_that_is_there_is_left_alone(publish: Publish) -> None:
    done, calls = publish()
    assert done.returncode == 0, done.stderr
    assert not any("keyvault secret set" in command for command in commands(calls))


def test_a_secret_that_is_nowhere_stops_it_before_anything_is_built(publish: Publish) -> None:
    done, calls = publish(SECRETS="")
    assert done.returncode == 1
    assert "has no secret FIREBASE-WEB-API-KEY" in done.stderr
    assert not any("acr build" in command for command in commands(calls))


def test_a_role_that_is_on_its_way_is_waited_for(publish: Publish) -> None:
    done, calls = publish(FAILING="keyvault secret list|3")
    assert done.returncode == 0, done.stderr
    assert sum("keyvault secret list" in command for command in commands(calls)) == 3 + 2


def test_a_service_account_that_cannot_be_read_is_not_taken_for_none(publish: Publish) -> None:
    done, calls = publish(FIREBASE_SERVICE_ACCOUNT_FILE="not-there.json")
    assert done.returncode != 0
    assert "not-there.json" in done.stderr
    assert not calls


def test_an_image_that_cannot_be_built_ends_it(publish: Publish) -> None:
    done, calls = publish(FAILING="acr build")
    assert done.returncode != 0
    assert not any("job.bicep" in command or "config set" in command for command in commands(calls))


def test_a_job_that_never_starts_ends_it_and_says_why(publish: Publish) -> None:
    done, calls = publish(JOB_STATE="Waiting", START_SECONDS="0")
    assert done.returncode == 1
    assert "the image can't be pulled" in done.stderr
    assert "job-migrate hasn't started" in done.stderr
    assert not any("config set" in command for command in commands(calls))


def test_a_migration_that_fails_leaves_the_running_version_alone(publish: Publish) -> None:
    done, calls = publish(JOB_STATUS="1")
    assert done.returncode == 1
    assert "job-migrate ended with 1" in done.stderr
    assert not any("functionapp config set" in command for command in commands(calls))


def test_the_image_is_the_commits_and_the_app_runs_it(published: tuple[str, list[Call]]) -> None:
    called = commands(published[1])
    build = called[position(called, "acr build")]
    built = re.search(r"--image (product-catalog:([0-9a-f]{12})) --build-arg COMMIT=\2[0-9a-f]{28} ", build)
    assert built
    run = called[position(called, "functionapp config set")]
    assert f"--linux-fx-version DOCKER|{OUTPUTS['CONTAINER_REGISTRY_SERVER']}/{built[1]}" in run


def test_a_job_gets_every_parameter_that_it_needs(published: tuple[str, list[Call]]) -> None:
    called = commands(published[1])
    given = set(called[position(called, "shared.database.migrate")].partition("--parameters ")[2].split())
    names = {parameter.partition("=")[0] for parameter in given}
    parameters = bicep.parsed(bicep.INFRA / "job.bicep")["parameters"]
    assert names == {name for name, described in parameters.items() if described["default"] is None}
    assert 'command=["python","-m","shared.database.migrate"]' in given


def test_a_jobs_name_fits_a_container_group(published: tuple[str, list[Call]]) -> None:
    jobs = [command for command in commands(published[1]) if "infra/job.bicep" in command]
    names = [re.findall(r" name=(\S+)", job)[0] for job in jobs]
    assert names == ["job-migrate", "job-access"]
    # https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerinstance
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)


def test_the_event_subscription_gets_every_parameter_that_it_needs(published: tuple[str, list[Call]]) -> None:
    called = commands(published[1])
    given = called[position(called, "event-subscription.bicep")].partition("--parameters ")[2].split()
    names = {parameter.partition("=")[0] for parameter in given}
    assert names == bicep.parsed(bicep.INFRA / "event-subscription.bicep")["parameters"].keys()


def test_the_first_admin_is_made_with_a_password_that_nobody_sees(publish: Publish) -> None:
    done, calls = publish("admin", "ada@example.org")
    assert done.returncode == 0, done.stderr
    called = commands(calls)
    position(called, "deployment group create", '"shared.identity.admin","--email","ada@example.org"')
    position(called, "image=registry/product-catalog:running")
    (signup,) = (str(call["body"]) for call in calls if "signup" in str(call["arguments"]))
    password = json.loads(signup)["password"]
    assert 8 <= len(password) <= 64
    assert password not in "".join(called) + done.stdout + done.stderr
    position(called, "curl", "auth/password-reset")


def test_an_older_image_is_one_command_away(publish: Publish) -> None:
    done, calls = publish("run", "registry/product-catalog:older")
    assert done.returncode == 0, done.stderr
    called = commands(calls)
    assert "DOCKER|registry/product-catalog:older" in called[position(called, "functionapp config set")]
    assert not any("acr build" in command or "job.bicep" in command for command in called)


def test_with_plain_az_the_deployment_is_asked(publish: Publish) -> None:
    _, calls = publish("run", "registry/product-catalog:older", DEPLOYMENT="catalog", API_URL="")
    asked = commands(calls)[0]
    assert asked.startswith("deployment sub show --name catalog --query properties.outputs.API_URL.value")


def test_without_a_deployment_it_says_so(publish: Publish) -> None:
    done, calls = publish(API_URL="")
    assert done.returncode == 1
    assert "Neither API_URL is set nor DEPLOYMENT" in done.stderr
    assert not calls
