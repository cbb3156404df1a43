"""The products that a catalog needs before a load test."""

from __future__ import annotations

from pathlib import Path

import httpx
from rich.console import Console

from local.api_client import ApiClient
from local.csv_upload import import_csv, outcome
from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, write_catalog
from local.errors import LocalCloudError

_SECONDS = 30.0


def check_filled(url: str) -> None:
    """Raises LocalCloudError if the API at this URL (ending in /api) doesn't answer, or has no products."""
    try:
        categories = httpx.get(f"{url}/categories", timeout=_SECONDS).raise_for_status().json()["items"]
    except httpx.HTTPError as error:
        raise LocalCloudError(f"Expected the categories of {url}, got: {error}.") from error
    if not any(category["product_count"] for category in categories):
        raise LocalCloudError(f"{url} has no products: import some first (make demo, make import FILE=…).")


def filled(api: ApiClient, data: Path, rows: int) -> int:
    """Imports that many generated products if there are none; returns the number of products. `data` gets the files."""
    if _count(api) == 0:
        print(f"Generating and importing {rows:,} products for this and later runs …", flush=True)
        write_catalog(data, rows, seed=1)
        api.log_in_as_operator()
        for name in (CATEGORIES_FILE, PRODUCTS_FILE):
            record = import_csv(api, data / name, Console(stderr=True))
            if record["status"] != "succeeded":
                raise LocalCloudError(f"The import of {name} ended as {outcome(record)}.")
    return _count(api)


def _count(api: ApiClient) -> int:
    total: int = api.call("GET", "/products", params={"limit": 1, "include_total": "true"})["total"]
    return total
