"""The Dockerfile and what it lets in. (`make image-check` builds it.)"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from infra.image.files import locked_packages
from local import PROJECT

_DOCKERFILE = (PROJECT / "Dockerfile").read_text()
_BIN = PROJECT / ".venv" / "bin"


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([_BIN / "hadolint", "Dockerfile"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_sees_only_what_is_let_in() -> None:
    rules = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {"host.json", "function_app.py", "requirements.txt", "shared", "infra/image/odbc_driver.py"}


def test_only_the_app_is_copied_into_the_image() -> None:
    final = _DOCKERFILE.rpartition("FROM ")[2]
    assert re.findall(r"^COPY (.+) \S+$", final, re.MULTILINE) == [
        "--from=packages /packages",
        "host.json function_app.py",
        "shared",
    ]


def test_packages_come_from_the_lock_with_hashes_and_without_a_compiler() -> None:
    assert "--require-hashes" in _DOCKERFILE
    assert "--only-binary=:all:" in _DOCKERFILE
    assert "apt-get" not in _DOCKERFILE
    lock = (PROJECT / "requirements.txt").read_text()
    assert lock.count("==") == len(re.findall(r"^\S+==[^\\]+\\\n    --hash=sha256:", lock, re.MULTILINE))


def test_the_worker_runtime_is_pinned() -> None:
    assert dict(locked_packages((PROJECT / "requirements.txt").read_text()))["azure-functions-runtime"]


def test_the_base_image_is_of_the_python_that_is_tested() -> None:
    version = (PROJECT / ".python-version").read_text().strip()
    assert f"azure-functions/python:4-python{version}" in _DOCKERFILE


def test_azure_is_asked_for_the_same_path_as_the_image_asks_itself() -> None:
    assert "http://127.0.0.1/api/health/live" in _DOCKERFILE
    assert "healthCheckPath: '/api/health/live'" in (PROJECT / "infra" / "modules" / "app.bicep").read_text()


def test_no_module_of_the_image_is_of_development() -> None:
    sources: list[Path] = [PROJECT / "function_app.py", *(PROJECT / "shared").rglob("*.py")]
    development = re.compile(r"^\s*(from|import) (local|tests|infra|benchmarks|loadtests|proofs)\b", re.MULTILINE)
    for source in sources:
        assert not development.search(source.read_text()), source
