"""infra/publish.sh with stand-ins for az, azd and curl that write down how they were called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from local.processes import PROJECT
from tests.deployment import bicep

_WEB_API_KEY = "a-web-api-key"
_SERVICE_ACCOUNT = '{"private_key": "a-private-key"}'
_MAIN = bicep.parsed(bicep.INFRA / "main.bicep")
_OUTPUTS = {name: f"the-{name.lower().replace('_', '-')}" for name in _MAIN["outputs"]}

# Answers what the script reads; keeps the arguments, and what a --file holds.
_AZ = """
import json, os, sys
arguments = sys.argv[1:]
call = {"arguments": arguments}
if "--file" in arguments and arguments[:3] == ["keyvault", "secret", "set"]:
    call["secret"] = open(arguments[arguments.index("--file") + 1]).read()
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(call) + "\\n")
command = " ".join(arguments[:3])
if command == "deployment sub show":
    name = arguments[arguments.index("--query") + 1].split(".")[2]
    print(json.loads(os.environ["OUTPUTS"])[name])
elif command.startswith("container show"):
    print("Terminated" if arguments[arguments.index("--query") + 1].endswith("state") else os.environ["JOB_STATUS"])
elif command == "functionapp config show":
    print("DOCKER|registry/product-catalogue:running")
elif command == "keyvault secret show":
    sys.exit(int(os.environ["SECRETS_MISSING"]))
"""
_CURL = """
import json, os, sys
body = sys.stdin.read() if "@-" in sys.argv else ""
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps({"arguments": ["curl", *sys.argv[1:]], "body": body}) + "\\n")
if sys.argv[-1].endswith("signup"):
    print("201", end="")
if sys.argv[-1].endswith("password-reset"):
    print("202", end="")
"""

type Call = dict[str, object]
type Publish = Callable[..., tuple[subprocess.CompletedProcess[str], list[Call]]]


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Runs the script; gives what came of it and the calls that it made."""

    def run(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
        folder = tmp_path_factory.mktemp("publish")
        interpreter = f"#!{sys.executable} -SE"
        for name, text in {"az": interpreter + _AZ, "curl": interpreter + _CURL, "sleep": "#!/bin/sh\n"}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        calls = folder / "calls"
        calls.touch()
        defaults = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": str(folder),
            "CALLS": str(calls),
            "OUTPUTS": json.dumps(_OUTPUTS),
            "JOB_STATUS": "0",
            "SECRETS_MISSING": "0",
        }
        done = subprocess.run(
            [PROJECT / "infra" / "publish.sh", *arguments],
            env=defaults | _OUTPUTS | environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done, [json.loads(line) for line in calls.read_text().splitlines()]

    return run


@pytest.fixture(scope="module")
def published(publish: Publish, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Call]]:
    """The whole of it, with new secrets: what it said and did."""
    account = tmp_path_factory.mktemp("secrets") / "account.json"
    account.write_text(_SERVICE_ACCOUNT)
    done, calls = publish(FIREBASE_WEB_API_KEY=_WEB_API_KEY, FIREBASE_SERVICE_ACCOUNT_FILE=str(account))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, calls


def _commands(calls: list[Call]) -> list[str]:
    return [" ".join(map(str, call["arguments"])) for call in calls if isinstance(call["arguments"], list)]


def _position(commands: list[str], *words: str) -> int:
    (found,) = (number for number, command in enumerate(commands) if all(word in command for word in words))
    return found


def test_each_step_comes_after_what_it_needs(published: tuple[str, list[Call]]) -> None:
    commands = _commands(published[1])
    steps = [
        _position(commands, "keyvault secret set", "FIREBASE-WEB-API-KEY"),
        _position(commands, "acr build"),
        _position(commands, "deployment group create", "shared.database.migrate"),
        _position(commands, "deployment group create", "shared.database.access"),
        _position(commands, "functionapp config set"),
        _position(commands, "curl", "/api/health/ready"),
        _position(commands, "event-subscription.bicep"),
    ]
    assert steps == sorted(steps)


def test_secrets_reach_the_vault_and_no_command_line(published: tuple[str, list[Call]]) -> None:
    said, calls = published
    assert [call["secret"] for call in calls if "secret" in call] == [_WEB_API_KEY, _SERVICE_ACCOUNT]
    said += "".join(_commands(calls))
    assert _WEB_API_KEY not in said
    assert "a-private-key" not in said


def test_a_secret_that_is_there_is_left_alone(publish: Publish) -> None:
    done, calls = publish()
    assert done.returncode == 0, done.stderr
    assert not any("keyvault secret set" in command for command in _commands(calls))


def test_a_secret_that_is_nowhere_stops_it_before_anything_is_built(publish: Publish) -> None:
    done, calls = publish(SECRETS_MISSING="1")
    assert done.returncode == 1
    assert "has no secret FIREBASE-WEB-API-KEY" in done.stderr
    assert not any("acr build" in command for command in _commands(calls))


def test_a_migration_that_fails_leaves_the_running_version_alone(publish: Publish) -> None:
    done, calls = publish(JOB_STATUS="1")
    assert done.returncode == 1
    assert "job-migrate ended with 1" in done.stderr
    assert not any("functionapp config set" in command for command in _commands(calls))


def test_the_image_is_the_commits_and_the_app_runs_it(published: tuple[str, list[Call]]) -> None:
    commands = _commands(published[1])
    build = commands[_position(commands, "acr build")]
    built = re.search(r"--image (product-catalogue:([0-9a-f]{12})) --build-arg COMMIT=\2[0-9a-f]{28} ", build)
    assert built
    run = commands[_position(commands, "functionapp config set")]
    assert f"--linux-fx-version DOCKER|{_OUTPUTS['CONTAINER_REGISTRY_SERVER']}/{built[1]}" in run


def test_a_job_gets_every_parameter_that_it_needs(published: tuple[str, list[Call]]) -> None:
    commands = _commands(published[1])
    given = set(commands[_position(commands, "shared.database.migrate")].partition("--parameters ")[2].split())
    names = {parameter.partition("=")[0] for parameter in given}
    parameters = bicep.parsed(bicep.INFRA / "job.bicep")["parameters"]
    assert names == {name for name, described in parameters.items() if described["default"] is None}
    assert 'command=["python","-m","shared.database.migrate"]' in given


def test_the_event_subscription_gets_every_parameter_that_it_needs(published: tuple[str, list[Call]]) -> None:
    commands = _commands(published[1])
    given = commands[_position(commands, "event-subscription.bicep")].partition("--parameters ")[2].split()
    names = {parameter.partition("=")[0] for parameter in given}
    assert names == bicep.parsed(bicep.INFRA / "event-subscription.bicep")["parameters"].keys()


def test_the_first_admin_is_made_with_a_password_that_nobody_sees(publish: Publish) -> None:
    done, calls = publish("admin", "ada@example.org")
    assert done.returncode == 0, done.stderr
    commands = _commands(calls)
    _position(commands, "deployment group create", '"shared.identity.admin","--email","ada@example.org"')
    _position(commands, "image=registry/product-catalogue:running")
    (signup,) = (str(call["body"]) for call in calls if "signup" in str(call["arguments"]))
    password = json.loads(signup)["password"]
    assert 8 <= len(password) <= 64
    assert password not in "".join(commands) + done.stdout + done.stderr
    _position(commands, "curl", "auth/password-reset")


def test_an_older_image_is_one_command_away(publish: Publish) -> None:
    done, calls = publish("run", "registry/product-catalogue:older")
    assert done.returncode == 0, done.stderr
    commands = _commands(calls)
    assert "DOCKER|registry/product-catalogue:older" in commands[_position(commands, "functionapp config set")]
    assert not any("acr build" in command or "job.bicep" in command for command in commands)


def test_with_plain_az_the_deployment_is_asked(publish: Publish) -> None:
    _, calls = publish("run", "registry/product-catalogue:older", DEPLOYMENT="catalogue", API_URL="")
    asked = _commands(calls)[0]
    assert asked.startswith("deployment sub show --name catalogue --query properties.outputs.API_URL.value")


def test_without_a_deployment_it_says_so(publish: Publish) -> None:
    done, calls = publish(API_URL="")
    assert done.returncode == 1
    assert "Neither API_URL is set nor DEPLOYMENT" in done.stderr
    assert not calls
