"""What the API says of each kind of mistake: the sentence says what was expected and what came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.api import operations
from shared.services import Services
from testkit.serving import catalog_settings, served_catalog

PRODUCT = {"asin": "B000000001", "title": "A toy", "category_id": 1}
SIGN_UP = {"email": "ada@example.com", "password": "S3CRET horse"}
IMPORT_ID = "6f0c2b1e-0f3c-5a53-9a3f-0d4d0b1f6a11"
# Words of Python and of pydantic, which no client should have to know.
FOREIGN_WORDS = ("Decimal", "instance", "Input", "validation", "None", "True", "dict", "regex", "pattern", "(?")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[httpx.Client]:
    """One API for all: refused requests change nothing."""
    with served_catalog(Services(catalog_settings(tmp_path_factory.mktemp("messages"), valkey))) as client:
        yield client


@pytest.mark.parametrize(
    ("field", "value", "msg"),
    [
        ("price", 1.999, "expected at most two decimals, got 1.999"),
        ("price", -1, "expected at least 0, got -1"),
        ("price", 100_000_000, "expected at most 99999999.99, got 100000000"),
        ("price", "1", 'expected a number, got "1"'),
        ("price", True, "expected a number, got true"),
        ("price", [1], "expected a number, got an array"),
        ("price", {"amount": 1}, "expected a number, got an object"),
        ("reviews", "1", 'expected an integer, got "1"'),
        ("reviews", 1.5, "expected an integer, got 1.5"),
        ("reviews", True, "expected an integer, got true"),
        ("reviews", None, "expected an integer, got null"),
        ("reviews", -1, "expected at least 0, got -1"),
        ("category_id", 0, "expected at least 1, got 0"),
        ("category_id", 2**31, "expected at most 2147483647, got 2147483648"),
        ("is_best_seller", 1, "expected true or false, got 1"),
        ("asin", "b1", 'expected 10 characters of 0-9 and A-Z, got "b1"'),
        ("asin", "é" * 200, f'expected 10 characters of 0-9 and A-Z, got "{"é" * 98}…'),
        ("title", 5, "expected a string, got 5"),
        ("title", "", "expected at least 1 character, got 0"),
        ("title", "x" * 1001, "expected at most 1000 characters, got 1001"),
        ("title", "a\0b", 'expected text without a NUL character, got "a\\u0000b"'),
        ("title", "\ud800", 'expected text without lone surrogates, got "\\ud800"'),
        ("image_url", "ftp://x", 'expected a URL that begins with http:// or https://, got "ftp://x"'),
        ("colour", "S3CRET", 'expected a documented field, got "colour"'),
    ],
)
def test_a_wrong_field_gets_this_sentence(api: httpx.Client, field: str, value: Any, msg: str) -> None:
    # json.dumps, unlike httpx, can also write lone surrogates.
    content = json.dumps({**PRODUCT, field: value})
    reply = api.post("/api/products", content=content, headers={"Content-Type": "application/json"})
    assert reply.json()["errors"] == [{"loc": ["body", field], "msg": msg}]
    assert reply.json()["detail"] == f"{field}: {msg}"


SORTS = ", ".join(f"{name}, -{name}" for name in ("asin", "price", "stars", "reviews", "bought_in_last_month"))


@pytest.mark.parametrize(
    ("operation", "body", "loc", "msg"),
    [
        ("POST /products", {"asin": "B000000001", "category_id": 1}, ["body", "title"], "expected a value, got none"),
        ("POST /products", [], ["body"], "expected an object, got an array"),
        ("POST /products", "toy", ["body"], 'expected an object, got "toy"'),
        ("POST /products/batch", {"items": 5}, ["body", "items"], "expected an array, got 5"),
        ("POST /products/batch", {"items": []}, ["body", "items"], "expected at least 1 item, got 0"),
        ("GET /products?limit=0", None, ["query", "limit"], 'expected at least 1, got "0"'),
        ("GET /products?limit=x", None, ["query", "limit"], 'expected an integer, got "x"'),
        ("GET /products?limit=5&limit=6", None, ["query", "limit"], "expected one value, got more than one"),
        ("GET /products?min_price=x", None, ["query", "min_price"], 'expected a number like 4.5, got "x"'),
        ("GET /products?best_seller=1", None, ["query", "best_seller"], 'expected true or false, got "1"'),
        ("GET /products?q=-", None, ["query", "q"], 'expected at least one word (letters or digits), got "-"'),
        ("GET /products?sort=title", None, ["query", "sort"], f'expected one of {SORTS}, got "title"'),
        ("GET /categories?page=2", None, ["query", "page"], 'expected no query parameters, got "page"'),
        ("GET /users?mail=x&email=a@example.com", None, ["query", "mail"], 'expected one of email, got "mail"'),
        ("GET /imports/7", None, ["path", "import_id"], f'expected an import id like {IMPORT_ID}, got "7"'),
        ("PUT /users/x/role", {"role": "owner"}, ["body", "role"], 'expected one of editor, admin, got "owner"'),
        ("POST /auth/signup", {**SIGN_UP, "email": "x"}, ["body", "email"], 'expected an e-mail address, got "x"'),
    ],
)
def test_a_wrong_request_gets_this_sentence(
    api: httpx.Client, operation: str, body: object, loc: list[str], msg: str
) -> None:
    method, path = operation.split()
    reply = api.request(method, f"/api{path}", json=body)
    assert reply.json()["errors"] == [{"loc": loc, "msg": msg}]


@pytest.mark.parametrize(
    ("body", "loc", "expected"),
    [
        ({**SIGN_UP, "password": "S3CRET"}, ["body", "password"], "expected at least 8 characters"),
        ({**SIGN_UP, "password": "S3CRET" * 20}, ["body", "password"], "expected at most 64 characters"),
        ({**SIGN_UP, "password": "S3CRET\0 horse"}, ["body", "password"], "expected text without a NUL character"),
        ({**SIGN_UP, "password": ["S3CRET"]}, ["body", "password"], "expected a string"),
        ("S3CRET horse", ["body"], "expected an object"),
    ],
)
def test_a_secret_is_never_shown(api: httpx.Client, body: object, loc: list[str], expected: str) -> None:
    reply = api.post("/api/auth/signup", json=body)
    assert reply.json()["errors"] == [{"loc": loc, "msg": f"{expected}, got a value that isn't shown"}]


@pytest.mark.parametrize("body", [{"email": {"password": "S3CRET"}, "password": SIGN_UP["password"]}, [SIGN_UP]])
def test_a_secret_inside_an_array_or_object_is_never_shown(api: httpx.Client, body: object) -> None:
    reply = api.post("/api/auth/signup", json=body)
    assert reply.status_code == 422
    assert "S3CRET" not in reply.text


def test_no_sentence_has_words_of_the_code(api: httpx.Client) -> None:
    values: list[object] = [None, True, 0, -1, 1.5, 10**40, "", "x", "x" * 5000, [], {}]
    for each in operations():
        path = "/api" + each.path.replace("{", "").replace("}", "")
        for value in values:
            for body in (value, dict.fromkeys([*PRODUCT, "email", "password", "role", "items", "file_name"], value)):
                reply = api.request(each.method, path, json=body, params={"limit": "x"})
                for error in reply.json().get("errors", ()) if reply.status_code == 422 else ():
                    assert error["msg"].startswith("expected ")
                    assert not any(word in error["msg"].replace('"', "") for word in FOREIGN_WORDS), error
