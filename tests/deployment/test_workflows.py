"""GitHub's workflows: no finding of actionlint, no secret, no more rights than needed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # has no types

from local import PROJECT

_WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
_BIN = PROJECT / ".venv" / "bin"


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def test_actionlint_finds_nothing() -> None:
    command: list[str | Path] = [_BIN / "actionlint", "-shellcheck", _BIN / "shellcheck", *_WORKFLOWS]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_there_is_no_secret(path: Path) -> None:
    assert "secrets." not in path.read_text()


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_a_job_that_may_more_says_so(path: Path) -> None:
    assert _read(path)["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_of_its_own_has_an_end(path: Path) -> None:
    for name, job in _read(path)["jobs"].items():
        assert "timeout-minutes" in job or "uses" in job, name


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_makes_can_be_made(path: Path) -> None:
    commands = "\n".join(re.findall(r"run: .*|^ {10,}.*", path.read_text(), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z][a-z-]+)", commands))
    assert used <= _make_targets()


def test_the_deployment_is_an_environment_that_somebody_approves() -> None:
    job = _read(PROJECT / ".github" / "workflows" / "deploy.yml")["jobs"]["deploy"]
    assert job["environment"]["name"] == "${{ inputs.environment }}"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}


def test_the_deployment_is_told_all_that_provisioning_takes_from_its_environment() -> None:
    taken = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", (PROJECT / "infra" / "provision.sh").read_text())) - {"PREVIEW"}
    assert taken >= {"AZURE_ENV_NAME", "AZURE_LOCATION", "FIREBASE_PROJECT_ID"}
    assert taken <= _read(PROJECT / ".github" / "workflows" / "deploy.yml")["jobs"]["deploy"]["env"].keys()


def test_a_step_that_may_come_late_has_a_log_in_of_its_own() -> None:
    # GitHub's token ends after minutes, and az needs it again for each new kind of token (azure-cli issue 28708).
    steps = _read(PROJECT / ".github" / "workflows" / "deploy.yml")["jobs"]["deploy"]["steps"]
    (publish,) = (number for number, step in enumerate(steps) if step.get("id") == "publish")
    assert steps[publish - 1]["uses"].startswith("azure/login@")


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.stem)
def test_a_pipe_fails_with_its_first_part(path: Path) -> None:
    for job in _read(path)["jobs"].values():
        pipes = [step["run"] for step in job.get("steps", []) if re.search(r"[^|]\|[^|]", step.get("run", ""))]
        # Named, bash is run with -o pipefail; the default isn't.
        assert not pipes or job["defaults"]["run"]["shell"] == "bash", pipes
