"""`make smoke URL=…`: tests a deployment over HTTP in about a minute.

Checks health, docs, a query twice (MISS, HIT), a log-in, an insert that the next read returns, and the upload, import
and query of a small CSV file. Then deletes the products. SMOKE_EMAIL and SMOKE_PASSWORD are those of an administrator.
A catalog without categories gets one, which stays, since the API can't delete it.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import secrets
import string
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

_IMPORT_SECONDS = 600
_POLL_SECONDS = 1.0
_HEADER = (
    *("asin", "title", "imgUrl", "productURL", "stars", "reviews"),
    *("price", "listPrice", "category_id", "isBestSeller", "boughtInLastMonth"),
)
_ENDED = {"succeeded", "failed", "rejected", "cancelled"}


class SmokeError(Exception):
    """A check failed; the message says what was expected and what came."""


class Deployment:
    """A client of a deployment's API."""

    def __init__(self, url: str) -> None:
        # The first request may have to wait until the app has started.
        self._api = httpx.Client(base_url=f"{url.rstrip('/')}/api/", timeout=60)

    def request(self, method: str, path: str, expected: int, **options: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        """Sends a request and returns the response. Raises SmokeError if its status is not the expected one."""
        try:
            reply = self._api.request(method, path, **options)
        except httpx.HTTPError as error:
            raise SmokeError(f"{method} /api/{path}: {type(error).__name__} {error}") from error
        if reply.status_code != expected:
            raise SmokeError(f"{method} /api/{path}: {reply.status_code} instead of {expected}: {reply.text[:300]}")
        return reply

    def log_in(self, email: str, password: str) -> None:
        """Logs in; all later requests carry the token. Raises SmokeError if the user is not an administrator."""
        user = self.request("POST", "auth/login", 200, json={"email": email, "password": password}).json()
        if user["role"] != "admin":
            raise SmokeError(f"The user of SMOKE_EMAIL should have the role admin but has the role {user['role']}.")
        self._api.headers["Authorization"] = f"Bearer {user['id_token']}"

    def put_blob(self, url: str, content: bytes) -> None:
        """Uploads a file to the storage account, with the SAS URL that create_upload has returned."""
        reply = httpx.put(url, content=content, headers={"x-ms-blob-type": "BlockBlob"}, timeout=60)
        if not reply.is_success:
            raise SmokeError(f"The upload to the storage account returned {reply.status_code}: {reply.text[:300]}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"  ok  {name} ({(time.monotonic() - began) * 1000:.0f} ms)")


def smoke(url: str, email: str, password: str) -> None:
    """Runs all checks. Raises SmokeError at the first that fails."""
    deployment = Deployment(url)
    inserted, imported = _new_asin(), _new_asin()
    # A random price: the first response can't come from the cache.
    price = (900_000_000 + secrets.randbelow(900_000_000)) / 100
    with _step("health"):
        deployment.request("GET", "health/live", 200)
        ready = deployment.request("GET", "health/ready", 200).json()
        if ready["status"] != "ready":
            raise SmokeError(f"GET /api/health/ready: expected the status ready, got {ready}")
    with _step("docs"):
        deployment.request("GET", "docs", 200)
        deployment.request("GET", "docs/openapi.json", 200)
    with _step("the first query is a MISS, the second a HIT"):
        query = {"min_price": price, "max_price": price}
        _expect_cache(deployment, query, "MISS")
        _expect_cache(deployment, query, "HIT")
    with _step("log-in"):
        deployment.log_in(email, password)
    category = _category(deployment)
    try:
        with _step("an insert is seen by the next read"):
            _expect_asins(deployment, category, price, [])
            product = {"asin": inserted, "title": "Smoke test", "category_id": category, "price": price}
            deployment.request("POST", "products", 201, json=product)
            _expect_asins(deployment, category, price, [inserted])
        with _step("a CSV goes through upload, import and query"):
            _import(deployment, imported, category, price)
            _expect_asins(deployment, category, price, sorted([inserted, imported]))
    finally:
        with _step("the products are deleted"):
            for asin in (inserted, imported):
                _delete(deployment, asin)
    _expect_asins(deployment, category, price, [])


def _new_asin() -> str:
    return "ZZ" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(8))


def _expect_cache(deployment: Deployment, query: dict[str, float], expected: str) -> None:
    reply = deployment.request("GET", "products", 200, params=query)
    if reply.headers.get("X-Cache") != expected:
        raise SmokeError(f"GET /api/products?…: X-Cache is {reply.headers.get('X-Cache')} instead of {expected}.")


def _category(deployment: Deployment) -> int:
    """The id of any category; creates one if there is none."""
    categories = deployment.request("GET", "categories", 200).json()["items"]
    if categories:
        return int(categories[0]["id"])
    return int(deployment.request("POST", "categories", 201, json={"id": 1, "name": "Smoke test"}).json()["id"])


def _expect_asins(deployment: Deployment, category: int, price: float, expected: list[str]) -> None:
    query = {"category_id": category, "min_price": price, "max_price": price}
    items = deployment.request("GET", "products", 200, params=query).json()["items"]
    if [item["asin"] for item in items] != expected:
        raise SmokeError(f"GET /api/products?…: {[item['asin'] for item in items]} instead of {expected}.")


def _import(deployment: Deployment, asin: str, category: int, price: float) -> None:
    upload = deployment.request("POST", "imports/upload", 201, json={"file_name": "smoke.csv"}).json()
    deployment.put_blob(upload["upload_url"], _csv(asin, category, price))
    deadline = time.monotonic() + _IMPORT_SECONDS
    while time.monotonic() < deadline:
        record = _record(deployment, upload["blob_name"])
        if record and record["status"] in _ENDED:
            if record["status"] != "succeeded" or record["rows_inserted"] != 1:
                raise SmokeError(f"Expected an import that succeeds with one row inserted, got {record}")
            return
        time.sleep(_POLL_SECONDS)
    raise SmokeError(f"The import of {upload['blob_name']} didn't end within {_IMPORT_SECONDS} s.")


def _record(deployment: Deployment, blob_name: str) -> dict[str, Any] | None:
    records: list[dict[str, Any]] = deployment.request("GET", "imports", 200, params={"limit": 100}).json()["items"]
    return next((record for record in records if record["blob_name"] == blob_name), None)


def _csv(asin: str, category: int, price: float) -> bytes:
    text = io.StringIO()
    rows = csv.DictWriter(text, _HEADER, restval="", lineterminator="\n")
    rows.writeheader()
    row = {"asin": asin, "title": "Smoke test", "price": f"{price:.2f}", "category_id": category}
    rows.writerow(row | {"reviews": 0, "isBestSeller": False, "boughtInLastMonth": 0})
    return text.getvalue().encode()


def _delete(deployment: Deployment, asin: str) -> None:
    try:
        deployment.request("DELETE", f"products/{asin}", 204)
    except SmokeError as error:
        # A product that a failed check didn't insert can't be deleted; that check's error is reported.
        print(f"      {error}", file=sys.stderr)


def main() -> int:
    """Runs the checks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.smoke", description="Tests a deployment.")
    parser.add_argument("url", help="URL of the app, such as https://app-….azurewebsites.net or http://127.0.0.1:7071")
    url = parser.parse_args().url
    email, password = os.environ.get("SMOKE_EMAIL"), os.environ.get("SMOKE_PASSWORD")
    if not url or not email or not password:
        print("Set URL=…, and SMOKE_EMAIL and SMOKE_PASSWORD to those of an administrator.", file=sys.stderr)
        return 2
    try:
        smoke(url, email, password)
    except SmokeError as error:
        print(f"FAIL  {error}", file=sys.stderr)
        return 1
    print(f"{url} works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
