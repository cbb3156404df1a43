"""The functions of the app, as Azure's Python worker finds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from local import PROJECT
from shared.api import operations
from shared.operations import OPERATIONS

_INDEX = """
import json, function_app
functions = function_app.app.get_functions()
print(json.dumps([[f.get_function_name(), [b.get_dict_repr() for b in f.get_bindings()]]
                  for f in functions], default=str))
"""
_LOADED = "import sys, function_app; print('\\n'.join(sys.modules))"


def run_python(code: str) -> str:
    settings = json.loads((PROJECT / "local.settings.json.example").read_text())["Values"]
    environment = os.environ | settings | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def functions() -> dict[str, list[dict[str, str]]]:
    """The bindings of each function."""
    return dict(json.loads(run_python(_INDEX)))


def test_the_list_of_operations_is_that_of_the_endpoints() -> None:
    assert sorted(OPERATIONS, key=str) == sorted(operations(), key=str)


def test_there_is_one_function_per_operation_and_six_others(
    functions: dict[str, list[dict[str, str]]],
) -> None:
    others = {"docs", "zz_fallback", "start_import", "record_poison", "reconcile_imports", "drain_invalidations"}
    assert set(functions) == {operation.name for operation in operations()} | others


def test_the_fallback_is_the_last_route_that_the_host_tries(
    functions: dict[str, list[dict[str, str]]],
) -> None:
    assert max(functions) == "zz_fallback"


def test_the_http_functions_have_the_paths_and_methods_of_their_operations(
    functions: dict[str, list[dict[str, str]]],
) -> None:
    for operation in operations():
        trigger = functions[operation.name][0]
        assert f"/{trigger['route']}" == operation.path
        methods = {str(method).removeprefix("HttpMethod.") for method in trigger["methods"]}
        assert methods - {"HEAD"} == {operation.method}
        assert ("HEAD" in methods) == (operation.method == "GET")


def test_a_cold_start_loads_no_module_that_few_invocations_need() -> None:
    loaded = set(run_python(_LOADED).split())
    azure = {"azure.mgmt.datafactory", "azure.monitor", "azure.keyvault"}
    heavy = azure | {"sqlalchemy", "redis", "firebase_admin", "google.protobuf", "grpc", "httpx", "limits", "pyodbc"}
    # A blob or a timer doesn't need the framework.
    assert loaded & (heavy | {"fastapi", "starlette", "shared.api"}) == set()


def test_func_start_has_all_the_files_it_needs() -> None:
    for name in ("host.json", "local.settings.json.example", "requirements.txt", "function_app.py", ".funcignore"):
        assert (PROJECT / name).is_file(), name
    settings = json.loads((PROJECT / "local.settings.json.example").read_text())["Values"]
    for trigger_setting in ("RECONCILE_SCHEDULE", "DRAIN_SCHEDULE", "IMPORT_STORAGE", "AzureWebJobsStorage"):
        assert settings[trigger_setting]
    assert settings["FUNCTIONS_WORKER_RUNTIME"] == "python"
