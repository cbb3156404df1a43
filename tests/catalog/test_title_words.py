"""`q`: whole words of the title, case and accents ignored, without operators."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from shared.services import Services
from testkit.serving import catalog_settings, served_catalog

# test_full_text.py has the tests for servers, whose index has other words.
pytestmark = pytest.mark.sqlite_only

TITLES = {
    "B000000001": "Blue CAFÉ mug, 350ml",
    "B000000002": "The blue suitcase (2-piece set)",
    "B000000003": "Suitcases & bags NOT blue: AND OR NEAR",
    "B000000004": "Straße naïve Zürich",
    "B000000005": "цвет синий 東京",
    "B000000006": "cafe\u0301 decomposed",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[httpx.Client]:
    """One API with all titles."""
    with served_catalog(Services(catalog_settings(tmp_path_factory.mktemp("titles"), valkey))) as client:
        client.post("/api/categories", json={"id": 1, "name": "Things"})
        items = [{"asin": asin, "title": title, "category_id": 1} for asin, title in TITLES.items()]
        assert client.post("/api/products/batch", json={"items": items}).status_code == 201
        yield client


def found(api: httpx.Client, q: str) -> set[str]:
    reply = api.get("/api/products", params={"q": q, "include_total": "true"})
    assert reply.status_code == 200, reply.text
    asins = {item["asin"][-1] for item in reply.json()["items"]}
    assert reply.json()["total"] == len(asins)
    return asins


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("blue", "123"),
        ("BLUE suitcase", "2"),
        ("cafe", "16"),
        ("Café", "16"),
        ("cafe\u0301", "16"),
        ("suitcase", "2"),
        ("suitcases", "3"),
        ("suit", ""),
        ("350ml", "1"),
        ("350", ""),
        ("2-piece", "2"),
        ("the", "2"),
        ("NOT blue", "3"),
        ("AND", "3"),
        ("NEAR(blue bags)", "3"),
        ("title:blue", ""),
        ("blue*", "123"),
        ('"blue', "123"),
        ("blue' OR 1=1 --", ""),
        ("zurich naive", "4"),
        ("синий", "5"),
        ("東京", "5"),
        ("𞤀𞤣", ""),  # letters that Unicode got after the tables of the text index were made
    ],
)
def test_each_word_must_be_a_whole_word_of_the_title(api: httpx.Client, q: str, expected: str) -> None:
    assert found(api, q) == set(expected)


@pytest.mark.parametrize("q", ["", " ", "-", "*", "🧸", '""', "%_"])
def test_a_query_without_a_word_is_refused(api: httpx.Client, q: str) -> None:
    reply = api.get("/api/products", params={"q": q})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["loc"] == ["query", "q"]


def test_the_words_follow_the_title(api: httpx.Client) -> None:
    api.post("/api/products", json={"asin": "B000000009", "title": "Red kettle", "category_id": 1})
    assert found(api, "kettle") == {"9"}
    api.patch("/api/products/B000000009", json={"title": "Green mug"})
    assert (found(api, "kettle"), found(api, "green")) == (set(), {"9"})
    api.delete("/api/products/B000000009")
    assert found(api, "green") == set()
