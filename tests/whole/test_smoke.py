"""`make smoke` against a local cloud."""

from __future__ import annotations

import subprocess

from testkit.local_cloud import ADMINISTRATOR, LocalCloud
from testkit.processes import run_python


def _smoke(cloud: LocalCloud, email: str) -> subprocess.CompletedProcess[str]:
    url, password = str(cloud.api.base_url), ADMINISTRATOR["password"]
    return run_python("-m", "infra.smoke", url, SMOKE_EMAIL=email, SMOKE_PASSWORD=password)


def test_the_smoke_test_passes_on_a_catalog_that_works(cloud: LocalCloud) -> None:
    done = _smoke(cloud, ADMINISTRATOR["email"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a CSV goes through upload, import and query" in done.stdout


def test_what_the_smoke_test_made_is_gone(cloud: LocalCloud) -> None:
    assert _smoke(cloud, ADMINISTRATOR["email"]).returncode == 0
    assert not list(cloud.products(min_price=9_000_000))


def test_the_smoke_test_says_what_does_not_hold(cloud: LocalCloud) -> None:
    done = _smoke(cloud, "nobody@example.org")
    assert done.returncode == 1
    assert "POST /api/auth/login: 401" in done.stderr
