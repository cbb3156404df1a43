"""`make smoke`, as against a deployment."""

from __future__ import annotations

import os
import subprocess
import sys

from local.processes import PROJECT
from tests.whole.conftest import LocalCloud


def _smoke(cloud: LocalCloud, email: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.smoke", str(cloud.api.base_url)],
        cwd=PROJECT,
        env=os.environ | {"SMOKE_EMAIL": email, "SMOKE_PASSWORD": "correct horse"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_smoke_test_passes_on_a_catalog_that_works(cloud: LocalCloud) -> None:
    done = _smoke(cloud, "ada@example.org")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a CSV goes through upload, import and query" in done.stdout


def test_what_the_smoke_test_made_is_gone(cloud: LocalCloud) -> None:
    assert _smoke(cloud, "ada@example.org").returncode == 0
    assert not list(cloud.products(min_price=9_000_000))


def test_the_smoke_test_says_what_does_not_hold(cloud: LocalCloud) -> None:
    done = _smoke(cloud, "nobody@example.org")
    assert done.returncode == 1
    assert "POST /api/auth/login: 401" in done.stderr
