"""Telemetry that is off costs nothing: nothing of it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

from local.processes import PROJECT

_LOADED = "import sys, {modules}; print(*sorted(name for name in sys.modules if name.startswith({prefix!r})))"


def _loaded(modules: str, prefix: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APPLICATIONINSIGHTS")}
    process = subprocess.run(
        [sys.executable, "-c", _LOADED.format(modules=modules, prefix=prefix)],
        cwd=PROJECT,
        env={**environment, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return process.stdout.strip()


def test_the_app_loads_nothing_of_opentelemetry() -> None:
    assert _loaded("function_app", "opentelemetry") == ""


def test_all_its_endpoints_load_no_part_that_traces_or_sends() -> None:
    # FastAPI and redis-py load its interfaces, and the SDK for metrics, by themselves where they are installed.
    modules = "function_app, shared.api, shared.cache.store, shared.catalog.service, shared.imports.service"
    for part in ("opentelemetry.sdk.trace", "opentelemetry.instrumentation", "azure.monitor"):
        assert _loaded(modules, part) == ""
