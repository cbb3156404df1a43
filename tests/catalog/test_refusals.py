"""Invalid requests: the problem+json names the field and says what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.services import Services
from testkit.serving import catalog_settings, served_catalog


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[httpx.Client]:
    """One API for all tests: refused requests change nothing."""
    with served_catalog(Services(catalog_settings(tmp_path_factory.mktemp("refusals"), valkey))) as client:
        client.post("/api/categories", json={"id": 1, "name": "Toys"})
        yield client


GOOD = {"asin": "B000000001", "title": "A toy", "category_id": 1}


def assert_problem(reply: httpx.Response, status: int, path: str) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["instance"] == path
    assert problem["detail"]
    assert set(problem) <= {"type", "title", "status", "detail", "instance", "errors"}
    return problem


BAD_VALUES: dict[str, list[Any]] = {
    "asin": ["b000000001", "B00000001", "B0000000011", "B00000000é", "", 1234567890, None],
    "title": ["", "x" * 1001, 5, None, True, "a\0b", ["x"]],
    "image_url": ["", "ftp://x", "x" * 10, "http://", "http://" + "x" * 1994],
    "product_url": [7, "javascript:alert(1)", "http://a\0b"],
    "stars": [-0.01, 5.01, 4.555, "4.5", True],
    "price": [-1, 100_000_000, 0.001, 1.005, "1", True, [], {}],
    "list_price": [99_999_999.995, False],
    "reviews": [-1, 2_147_483_648, 1.5, 1.0, "1", True, None, 10**40],
    "category_id": [0, -1, 2_147_483_648, 1.5, "1", True, None],
    "is_best_seller": [1, 0, "true", None],
    "bought_in_last_month": [-1, "50"],
    "created_at": ["2026-01-01T00:00:00.000000Z"],
    "updated_at": ["2026-01-01T00:00:00.000000Z"],
    "role": ["admin"],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD_VALUES.items() for value in values]
)
def test_a_bad_field_is_named(api: httpx.Client, field: str, value: Any) -> None:
    problem = assert_problem(api.post("/api/products", json={**GOOD, field: value}), 422, "/api/products")
    assert [error["loc"] for error in problem["errors"]] == [["body", field]]
    assert all(set(error) == {"loc", "msg"} and error["msg"] for error in problem["errors"])


@pytest.mark.parametrize("missing", ["asin", "title", "category_id"])
def test_a_missing_field_is_named(api: httpx.Client, missing: str) -> None:
    product = {name: value for name, value in GOOD.items() if name != missing}
    problem = assert_problem(api.post("/api/products", json=product), 422, "/api/products")
    assert problem["errors"] == [{"loc": ["body", missing], "msg": "expected a value, got none"}]


@pytest.mark.parametrize("length", [1, 1000])
def test_the_length_of_a_title_is_in_code_points(api: httpx.Client, length: int) -> None:
    product = {**GOOD, "asin": f"TITLE{length:05}", "title": "🧸" * length}
    assert api.post("/api/products", json=product).json()["title"] == product["title"]


@pytest.mark.parametrize(
    "body",
    [
        b"{bad", b"", b"[1,", b'{"a":1}x', b"\xff\xfe{\x00}\x00", b'"\xe9"', b'{"price": NaN}', b'{"price": Infinity}',
        b"[" * 100_000, b"{'a': 1}",
    ],
)  # fmt: skip
def test_a_body_that_is_not_json_in_utf_8_is_refused(api: httpx.Client, body: bytes) -> None:
    reply = api.post("/api/products", content=body, headers={"Content-Type": "application/json"})
    assert_problem(reply, 422 if body == b"" else 400, "/api/products")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"5", b"true", b'{"title": "\\ud800"}'])
def test_json_that_is_not_a_product_is_refused(api: httpx.Client, body: bytes) -> None:
    reply = api.post("/api/products", content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert_problem(reply, 422, "/api/products")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_that_is_not_declared_as_json_is_refused(api: httpx.Client, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    problem = assert_problem(api.post("/api/products", content=b"{}", headers=headers), 415, "/api/products")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_one_mebibyte_is_refused(api: httpx.Client, *, declared: bool) -> None:
    body = b" " * (1024 * 1024 + 1)
    content: Any = body if declared else iter([body[:1000], body[1000:]])
    reply = api.post("/api/products", content=content, headers={"Content-Type": "application/json"})
    assert_problem(reply, 413, "/api/products")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("limit=1.0", "limit"),
        ("limit=%C2%B2", "limit"), ("limit=1_0", "limit"), ("limit=5&limit=5", "limit"),
        ("category_id=0", "category_id"),
        ("category_id=2147483648", "category_id"), ("min_price=-1", "min_price"), ("min_price=1.005", "min_price"),
        ("max_price=1e3", "max_price"), ("max_price=NaN", "max_price"), ("max_price=100000000", "max_price"),
        ("min_stars=5.01", "min_stars"), ("best_seller=1", "best_seller"), ("best_seller=True", "best_seller"),
        ("sort=title", "sort"), ("sort=--price", "sort"), ("include_total=yes", "include_total"), ("page=2", "page"),
        ("Limit=5", "Limit"), ("q=", "q"),
    ],
)  # fmt: skip
def test_a_bad_query_parameter_is_named(api: httpx.Client, query: str, field: str) -> None:
    problem = assert_problem(api.get(f"/api/products?{query}"), 422, "/api/products")
    assert [error["loc"] for error in problem["errors"]] == [["query", field]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/products/B000000001"),
        ("GET", "/api/categories"),
        ("GET", "/api/health/live"),
        ("POST", "/api/products"),
    ],
)
def test_operations_without_query_parameters_take_none(api: httpx.Client, method: str, path: str) -> None:
    reply = api.request(method, f"{path}?limit=5", json=GOOD if method == "POST" else None)
    assert_problem(reply, 422, path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/products", "GET, HEAD, POST"),
        ("POST", "/api/products/B000000001", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/api/products/batch", None),
        ("DELETE", "/api/categories", "GET, HEAD, POST"),
        ("HEAD", "/api/categories/5", "PATCH"),
        ("OPTIONS", "/api/health/live", "GET, HEAD"),
    ],
)
def test_a_405_lists_the_allowed_methods(api: httpx.Client, method: str, path: str, allow: str | None) -> None:
    reply = api.request(method, path)
    if allow is None:
        assert_problem(reply, 422, path)  # `batch` is not an asin
    else:
        assert reply.status_code == 405
        assert reply.headers["Allow"] == allow


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/products/", "/api/docs/nothing", "/", "/api", "/api/categories/"]
)
def test_an_unknown_path_is_not_found_and_never_redirected(api: httpx.Client, path: str) -> None:
    assert_problem(api.get(path), 404, path)


def test_head_is_get_without_the_body(api: httpx.Client) -> None:
    for path in ("/api/products?limit=1", "/api/products/B000000001", "/api/nothing", "/api/health/live", "/api/docs"):
        get, head = api.get(path), api.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize(
    ("given", "echoed"),
    [("abc-123", True), ("~" * 128, True), ("x" * 129, False), ("a b", False), ("", False), ("é".encode(), False)],
)
def test_a_request_id_of_visible_ascii_is_echoed_and_any_other_replaced(
    api: httpx.Client, given: str | bytes, *, echoed: bool
) -> None:
    for path in ("/api/products", "/api/products", "/api/nothing"):
        headers: Any = {"X-Request-ID": given, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        reply = api.get(path, headers=headers)
        assert reply.headers["X-Request-ID"] == (given if echoed else "0af7651916cd43dd8448eb211c80319c")
