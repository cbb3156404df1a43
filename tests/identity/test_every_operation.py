"""Every operation of the OpenAPI document replies to every kind of token with the status of its row in EXPECTED.

Signatures are verified with a key pair of the test's own in place of Google's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.api import create_framework, in_front_of
from shared.services import Services
from shared.settings import Settings
from testkit.fake_google import PROJECT, FakeGoogle
from testkit.serving import catalog_settings, served

PRODUCT = {"asin": "B000000001", "title": "x", "category_id": 7}
NO_IMPORT = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Expected:
    """A request of an operation, who may send it, and the status of an authorized request."""

    who: str
    status: int
    path: str
    json: object = None


# By operation id. The catalog is empty, and the users and imports are unknown.
EXPECTED = {
    "list_products": Expected("anyone", 200, "/products"),
    "get_product": Expected("anyone", 404, "/products/B000000001"),
    "insert_product": Expected("editor", 422, "/products", PRODUCT),
    "insert_products": Expected("editor", 422, "/products/batch", {"items": [PRODUCT]}),
    "update_product": Expected("editor", 404, "/products/B000000001", {"title": "y"}),
    "delete_product": Expected("editor", 404, "/products/B000000001"),
    "list_categories": Expected("anyone", 200, "/categories"),
    "insert_category": Expected("admin", 422, "/categories", {"id": 0, "name": "x"}),
    "update_category": Expected("admin", 404, "/categories/7", {"name": "y"}),
    "sign_up": Expected("anyone", 422, "/auth/signup", {}),
    "log_in": Expected("anyone", 422, "/auth/login", {}),
    "refresh_token": Expected("anyone", 422, "/auth/refresh", {}),
    "reset_password": Expected("anyone", 422, "/auth/password-reset", {}),
    "log_out": Expected("signed in", 204, "/auth/logout"),
    "get_me": Expected("signed in", 200, "/auth/me"),
    "find_user": Expected("admin", 404, "/users?email=nobody@example.com"),
    "set_role": Expected("admin", 404, "/users/nobody/role", {"role": "editor"}),
    "create_upload": Expected("admin", 201, "/imports/upload", {"file_name": "a.csv"}),
    "list_imports": Expected("admin", 200, "/imports"),
    "get_import": Expected("admin", 404, f"/imports/{NO_IMPORT}"),
    "list_rejects": Expected("admin", 404, f"/imports/{NO_IMPORT}/rejects"),
    "retry_import": Expected("admin", 404, f"/imports/{NO_IMPORT}/retry"),
    "cancel_import": Expected("admin", 404, f"/imports/{NO_IMPORT}/cancel"),
    "health_live": Expected("anyone", 200, "/health/live"),
    "health_ready": Expected("anyone", 200, "/health/ready"),
}
WITH_A_ROLE = sorted(name for name, expected in EXPECTED.items() if expected.who in {"editor", "admin"})
GUARDED = {name for name, expected in EXPECTED.items() if expected.who != "anyone"}

BAD_TOKENS = [
    "no token",
    "garbage",
    "other scheme",
    "expired",
    "just expired",
    "not yet valid",
    "wrong audience",
    "wrong issuer",
    "alg none",
    "HS256 with the public key",
    "unknown kid",
    "another project's",
    "another key's",
    "revoked",
    "disabled",
    "deleted",
    "two headers",
    "two tokens in one header",
]
RANKS = {"none": 0, "editor": 1, "admin": 2}
NEEDED = {"signed in": 0, "editor": 1, "admin": 2}


@pytest.fixture(scope="module")
def google() -> Iterator[FakeGoogle]:
    """One fake of Google for the module."""
    with FakeGoogle().serving() as google, pytest.MonkeyPatch.context() as patch:
        google.stand_in(patch)
        yield google


@pytest.fixture(scope="module")
def services(
    google: FakeGoogle, tmp_path_factory: pytest.TempPathFactory, valkey: str, session_azurite: str
) -> Services:
    """The application's services over the fake of Google."""
    settings = catalog_settings(
        tmp_path_factory.mktemp("catalog"),
        valkey,
        firebase_project_id=PROJECT,
        firebase_service_account=google.service_account,
        import_storage=session_azurite,
    )
    assert isinstance(settings, Settings)
    return Services(settings)


@pytest.fixture(scope="module")
def document(services: Services) -> dict[str, Any]:
    """The OpenAPI document."""
    return create_framework(services).openapi()


@pytest.fixture(scope="module")
def api(services: Services) -> Iterator[httpx.Client]:
    """A client of the whole API."""
    with served(in_front_of(create_framework(services), services)) as client:
        yield client


def operations(document: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Method and description by operation id."""
    return {
        operation["operationId"]: (method.upper(), operation)
        for path in document["paths"].values()
        for method, operation in path.items()
    }


def headers(google: FakeGoogle, kind: str, uid: str) -> list[tuple[str, str]]:
    """The headers of a request with this kind of token."""
    now = int(time.time())
    tokens: dict[str, Callable[[], str]] = {
        "garbage": lambda: "garbage",
        "other scheme": lambda: "",
        "expired": lambda: google.token(uid, role="admin", exp=now - 60),
        "just expired": lambda: google.token(uid, role="admin", exp=now - 1),
        "not yet valid": lambda: google.token(uid, role="admin", iat=now + 600),
        "wrong audience": lambda: google.token(uid, role="admin", aud="other-project"),
        "wrong issuer": lambda: google.token(uid, role="admin", iss="https://securetoken.google.com/other-project"),
        "alg none": lambda: google.unsigned_token(uid),
        "HS256 with the public key": lambda: google.confused_token(uid),
        "unknown kid": lambda: google.token(uid, role="admin", kid="key-2"),
        "another project's": lambda: google.token(
            uid, role="admin", aud="other-project", iss="https://securetoken.google.com/other-project"
        ),
        "another key's": lambda: FakeGoogle().token(uid, role="admin"),
        "none": lambda: google.token(uid),
        "editor": lambda: google.token(uid, role="editor"),
    }
    token = tokens.get(kind, lambda: google.token(uid, role="admin"))()
    match kind:
        case "no token":
            return []
        case "other scheme":
            return [("Authorization", "Basic YWRtaW46YWRtaW4=")]
        case "two headers":
            return [("Authorization", f"Bearer {token}")] * 2
        case "two tokens in one header":
            return [("Authorization", f"Bearer {token}, Bearer {token}")]
        case _:
            return [("Authorization", f"Bearer {token}")]


def expected_status(expected: Expected, kind: str) -> int:
    """The status that the table says."""
    if expected.who == "anyone":
        return expected.status
    if kind in BAD_TOKENS:
        return 401
    return expected.status if RANKS[kind] >= NEEDED[expected.who] else 403


def test_every_operation_has_a_row_and_the_bearer_scheme_is_on_exactly_the_guarded_ones(
    document: dict[str, Any],
) -> None:
    described = operations(document)
    assert described.keys() == EXPECTED.keys()
    assert {name for name, (_, operation) in described.items() if operation.get("security")} == GUARDED
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize("kind", [*BAD_TOKENS, *RANKS])
@pytest.mark.parametrize("name", EXPECTED)
def test_an_operation_replies_to_a_token_with_its_status(
    name: str, kind: str, api: httpx.Client, document: dict[str, Any], google: FakeGoogle
) -> None:
    expected = EXPECTED[name]
    method, _ = operations(document)[name]
    reply = api.request(
        method, f"/api{expected.path}", json=expected.json, headers=headers(google, kind, f"{kind}-{name}")
    )
    assert reply.status_code == expected_status(expected, kind), reply.text
    assert ("WWW-Authenticate" in reply.headers) == (reply.status_code == 401)
    assert reply.status_code < 400 or reply.headers["Content-Type"] == "application/problem+json"


@pytest.fixture(params=[*((name, "no token") for name in sorted(GUARDED)), *((name, "none") for name in WITH_A_ROLE)])
def refused(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An operation and a kind of token that it refuses."""
    refused: tuple[str, str] = request.param
    return refused


def test_401_and_403_come_before_all_other_errors(
    refused: tuple[str, str], api: httpx.Client, document: dict[str, Any], google: FakeGoogle
) -> None:
    name, kind = refused
    method, _ = operations(document)[name]
    path = EXPECTED[name].path.partition("?")[0].replace("B000000001", "bad").replace(NO_IMPORT, "bad")
    for content, media_type in ((b"{not json", "application/json"), (b"[]", "application/json"), (b"x", "text/plain")):
        reply = api.request(
            method,
            f"/api{path}?unknown=1&unknown=2",
            content=content,
            headers=[*headers(google, kind, f"{kind}-{name}"), ("Content-Type", media_type)],
        )
        assert reply.status_code == (401 if kind == "no token" else 403), reply.text
