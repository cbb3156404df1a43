"""`make smoke URL=…`: whether a deployment does what it is for, in a minute, over HTTP alone.

Health, docs, a query twice (MISS, HIT), a log-in, an insert that the next read shows, a small CSV through upload ▸
import ▸ query, and everything deleted again. SMOKE_EMAIL and SMOKE_PASSWORD are an administrator's. A catalog without
a category gets one, which stays: the API deletes none.
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
_LOOK_SECONDS = 1.0
_HEADER = (
    *("asin", "title", "imgUrl", "productURL", "stars", "reviews"),
    *("price", "listPrice", "category_id", "isBestSeller", "boughtInLastMonth"),
)
_ENDED = {"succeeded", "failed", "rejected", "cancelled"}


class SmokeError(Exception):
    """What doesn't hold, in a sentence."""


class Deployment:
    """A deployment's API, with a line of output for each thing that holds."""

    def __init__(self, url: str) -> None:
        # A first request may have to wait for a start.
        self._api = httpx.Client(base_url=f"{url.rstrip('/')}/api/", timeout=60)

    def ask(self, method: str, path: str, expected: int, **how: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        """A reply of the expected status. Raises SmokeError for any other."""
        try:
            reply = self._api.request(method, path, **how)
        except httpx.HTTPError as error:
            raise SmokeError(f"{method} /api/{path}: {type(error).__name__} {error}") from error
        if reply.status_code != expected:
            raise SmokeError(f"{method} /api/{path}: {reply.status_code} in place of {expected}: {reply.text[:300]}")
        return reply

    def log_in(self, email: str, password: str) -> None:
        """Goes on with the user's token. Raises SmokeError where he isn't an administrator."""
        user = self.ask("POST", "auth/login", 200, json={"email": email, "password": password}).json()
        if user["role"] != "admin":
            raise SmokeError(f"The user of SMOKE_EMAIL is no administrator, but {user['role']}.")
        self._api.headers["Authorization"] = f"Bearer {user['id_token']}"

    def put_blob(self, url: str, content: bytes) -> None:
        """Uploads to a SAS URL of create_upload: to the storage account, not to the API."""
        reply = httpx.put(url, content=content, headers={"x-ms-blob-type": "BlockBlob"}, timeout=60)
        if not reply.is_success:
            raise SmokeError(f"The upload to the storage account: {reply.status_code}: {reply.text[:300]}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"  ok  {name} ({(time.monotonic() - began) * 1000:.0f} ms)")


def smoke(url: str, email: str, password: str) -> None:
    """All of it. Raises SmokeError at the first thing that doesn't hold."""
    deployment = Deployment(url)
    inserted, imported = _new_asin(), _new_asin()
    # Nobody has asked for exactly these before, so the first reply can't come from the cache.
    price = (900_000_000 + secrets.randbelow(900_000_000)) / 100
    with _step("health"):
        deployment.ask("GET", "health/live", 200)
        ready = deployment.ask("GET", "health/ready", 200).json()
        if ready["status"] != "ready":
            raise SmokeError(f"Not ready: {ready}")
    with _step("docs"):
        deployment.ask("GET", "docs", 200)
        deployment.ask("GET", "docs/openapi.json", 200)
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
            deployment.ask("POST", "products", 201, json=product)
            _expect_asins(deployment, category, price, [inserted])
        with _step("a CSV goes through upload, import and query"):
            _import(deployment, imported, category, price)
            _expect_asins(deployment, category, price, sorted([inserted, imported]))
    finally:
        with _step("everything deleted"):
            for asin in (inserted, imported):
                _delete(deployment, asin)
    _expect_asins(deployment, category, price, [])


def _new_asin() -> str:
    return "ZZ" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(8))


def _expect_cache(deployment: Deployment, query: dict[str, float], expected: str) -> None:
    reply = deployment.ask("GET", "products", 200, params=query)
    if reply.headers.get("X-Cache") != expected:
        raise SmokeError(f"GET /api/products?…: X-Cache is {reply.headers.get('X-Cache')} in place of {expected}.")


def _category(deployment: Deployment) -> int:
    """Any category; a new one where there is none."""
    categories = deployment.ask("GET", "categories", 200).json()["items"]
    if categories:
        return int(categories[0]["id"])
    return int(deployment.ask("POST", "categories", 201, json={"id": 1, "name": "Smoke test"}).json()["id"])


def _expect_asins(deployment: Deployment, category: int, price: float, expected: list[str]) -> None:
    query = {"category_id": category, "min_price": price, "max_price": price}
    items = deployment.ask("GET", "products", 200, params=query).json()["items"]
    if [item["asin"] for item in items] != expected:
        raise SmokeError(f"GET /api/products?…: {[item['asin'] for item in items]} in place of {expected}.")


def _import(deployment: Deployment, asin: str, category: int, price: float) -> None:
    upload = deployment.ask("POST", "imports/upload", 201, json={"file_name": "smoke.csv"}).json()
    deployment.put_blob(upload["upload_url"], _csv(asin, category, price))
    deadline = time.monotonic() + _IMPORT_SECONDS
    while time.monotonic() < deadline:
        record = _record(deployment, upload["blob_name"])
        if record and record["status"] in _ENDED:
            if record["status"] != "succeeded" or record["rows_inserted"] != 1:
                raise SmokeError(f"The import ended so: {record}")
            return
        time.sleep(_LOOK_SECONDS)  # between two looks, until the deadline
    raise SmokeError(f"The import of {upload['blob_name']} has not ended after {_IMPORT_SECONDS} s.")


def _record(deployment: Deployment, blob_name: str) -> dict[str, Any] | None:
    records: list[dict[str, Any]] = deployment.ask("GET", "imports", 200, params={"limit": 100}).json()["items"]
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
        deployment.ask("DELETE", f"products/{asin}", 204)
    except SmokeError as error:
        # What was never made can't be deleted; the reason has been told already.
        print(f"      {error}", file=sys.stderr)


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.smoke", description="Whether a deployment works.")
    parser.add_argument("url", help="of the app, such as https://app-….azurewebsites.net or http://127.0.0.1:7071")
    url = parser.parse_args().url
    email, password = os.environ.get("SMOKE_EMAIL"), os.environ.get("SMOKE_PASSWORD")
    if not url or not email or not password:
        print("Set URL=…, and SMOKE_EMAIL and SMOKE_PASSWORD to an administrator's.", file=sys.stderr)
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
