"""Text of clients is data: quotes, comments, patterns and look-alikes are stored unchanged and never run."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from shared.services import Services
from testkit.serving import catalog_settings, served_catalog

HOSTILE = [
    "'; DROP TABLE products; --",
    '" OR 1=1; DELETE FROM categories; /*',
    "x' UNION SELECT name FROM sqlite_master --",
    "%_[a-z]^%",
    "?:title %(title)s {fn user()} $1 @p1",
    "\u02bc; DROP TABLE products; --",  # a modifier letter that some code pages fold into a quote
    "\uff07 OR \uff11=\uff11 \u2014 \u2019",  # full-width and typographic quotes, digits and dashes
    "e\u0301 \u202e\u200b \U0001f9f8 \U00020000",  # combining, direction, zero width, beyond the first plane
    "\\'; EXEC xp_cmdshell 'x'; -- \t\r\n",
    "N'\u0130\u0131\u212a' COLLATE",
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[httpx.Client]:
    with served_catalog(Services(catalog_settings(tmp_path_factory.mktemp("injection"), valkey))) as client:
        for number, text in enumerate(HOSTILE, 1):
            assert client.post("/api/categories", json={"id": number, "name": text}).status_code == 201
            product = {
                "asin": f"B{number:09}",
                "title": text,
                "category_id": number,
                "image_url": f"http://x/{text}",
                "product_url": "http://x",
            }
            assert client.post("/api/products", json=product).status_code == 201
        yield client


@pytest.mark.parametrize(("number", "text"), list(enumerate(HOSTILE, 1)))
def test_hostile_text_is_stored_unchanged(api: httpx.Client, number: int, text: str) -> None:
    found = api.get(f"/api/products/B{number:09}").json()
    assert (found["title"], found["image_url"]) == (text, f"http://x/{text}")
    assert api.get("/api/categories").json()["items"][number - 1]["name"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_change_to_hostile_text_is_stored_unchanged(api: httpx.Client, text: str) -> None:
    reply = api.patch("/api/products/B000000001", json={"title": text, "product_url": f"https://y/{text}"})
    assert (reply.status_code, reply.json()["title"]) == (200, text)
    assert api.patch("/api/categories/1", json={"name": text}).json()["name"] == text
    api.patch("/api/products/B000000001", json={"title": HOSTILE[0]})
    api.patch("/api/categories/1", json={"name": HOSTILE[0]})


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("parameter", ["category_id", "min_price", "best_seller", "sort", "limit", "cursor", "asin"])
def test_a_hostile_parameter_is_refused_and_changes_nothing(api: httpx.Client, parameter: str, text: str) -> None:
    reply = api.get("/api/products", params={parameter: text})
    assert reply.status_code in {400, 422}
    assert_all_is_there(api)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_search_changes_nothing(api: httpx.Client, text: str) -> None:
    assert api.get("/api/products", params={"q": text}).status_code in {200, 422, 501}
    assert_all_is_there(api)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_asin_is_refused_and_changes_nothing(api: httpx.Client, text: str) -> None:
    assert api.get(f"/api/products/{quote(text)}").status_code in {404, 422}
    assert_all_is_there(api)


def assert_all_is_there(api: httpx.Client) -> None:
    page = api.get("/api/products", params={"limit": 100, "include_total": "true"}).json()
    assert (len(page["items"]), page["total"]) == (len(HOSTILE), len(HOSTILE))
    assert len(api.get("/api/categories").json()["items"]) == len(HOSTILE)
