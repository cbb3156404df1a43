"""The OpenAPI document, and requests generated from it against the running API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from shared.api import operations
from shared.services import Services
from testkit import databases
from testkit.serving import catalog_settings, served_catalog


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str, session_azurite: str) -> Iterator[httpx.Client]:
    """One API for all generated requests."""
    folder = tmp_path_factory.mktemp("openapi")
    changes = {"import_storage": session_azurite, "data_factory_endpoint": "http://127.0.0.1:9"}
    with served_catalog(Services(catalog_settings(folder, valkey, **changes))) as client:
        client.post("/api/categories", json={"id": 1, "name": "Toys"})
        yield client


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> schemathesis.BaseSchema:
    """The document that the API serves."""
    return schemathesis.openapi.from_url(f"{api.base_url}/api/openapi.json")


# tests/identity has identity's operations, because generated sign-ups would be throttled.
GENERATED = [
    operation.name for operation in operations() if not operation.path.startswith(("/auth", "/users", "/health"))
]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_requests_get_no_server_error(document: schemathesis.BaseSchema, name: str) -> None:
    found = [result.ok() for result in document.get_all_operations() if isinstance(result, Ok)]
    (operation,) = (operation for operation in found if operation.definition.raw["operationId"] == name)

    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def send(case: schemathesis.Case[Any]) -> None:
        reply = case.call(timeout=20)
        if not (databases.SERVER and reply.status_code == httpx.codes.NOT_IMPLEMENTED):  # q without a text index
            case.validate_response(reply, checks=[schemathesis.checks.not_a_server_error])

    send()


def test_the_document_has_each_operation_with_a_summary_and_its_errors(api: httpx.Client) -> None:
    paths = api.get("/api/openapi.json").json()["paths"]
    documented = {operation["operationId"]: operation for path in paths.values() for operation in path.values()}
    assert set(documented) == {operation.name for operation in operations()}
    for name, operation in documented.items():
        assert operation["summary"], name
        errors = [reply for status, reply in operation["responses"].items() if status[0] in "45"]
        assert all("application/problem+json" in reply["content"] for reply in errors if "Ready" not in str(reply)), (
            name
        )


def test_every_reference_of_the_document_is_defined(api: httpx.Client) -> None:
    document = api.get("/api/openapi.json").json()
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert "Problem" in named
    assert named == set(document["components"]["schemas"])


def test_the_docs_page_needs_no_other_site(api: httpx.Client) -> None:
    page = api.get("/api/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "http" not in page.text.replace("http-equiv", "")
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/api/docs/{asset}" in page.text
        assert api.get(f"/api/docs/{asset}").status_code == 200
    assert api.get("/api/docs/openapi.json").json() == api.get("/api/openapi.json").json()
