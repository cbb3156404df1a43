"""The API on an empty catalog and a real Valkey, served over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.services import Services
from testkit.serving import catalog_settings, served_catalog


@pytest.fixture
def services(tmp_path: Path, valkey: str) -> Services:
    """The application's services; closed when the API ends."""
    return Services(catalog_settings(tmp_path, valkey))


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    """A client of the API that may write; tests/identity checks who may."""
    with served_catalog(services) as client:
        yield client


@pytest.fixture
def insert(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Inserts a product and returns it. Inserts its category if it is missing."""

    def insert(**fields: Any) -> dict[str, Any]:
        product = {"asin": "B000000001", "title": "A toy", "category_id": 1, **fields}
        api.post("/api/categories", json={"id": product["category_id"], "name": f"Category {product['category_id']}"})
        reply = api.post("/api/products", json=product)
        assert reply.status_code == 201, reply.text
        inserted: dict[str, Any] = reply.json()
        return inserted

    return insert
