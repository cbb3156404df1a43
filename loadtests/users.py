"""Locust's users. `python -m loadtests.run` starts them. Their settings are environment variables.

LOAD_TOKEN            an editor's ID token, for profiles that write
LOAD_THINK_SECONDS    average time between two requests of a user (default 0)
LOAD_SEED             seed of all random choices (default 1)
LOAD_RAW              the file that records each request (loadtests/recording.py)
"""

from __future__ import annotations

import itertools
import os
import random
from typing import Any

from locust import FastHttpUser, between, events, task

from loadtests.catalog import Catalog
from loadtests.recording import Recording

_THINK = float(os.environ.get("LOAD_THINK_SECONDS", "0"))
_SEED = int(os.environ.get("LOAD_SEED", "1"))
_NEXT_PAGE_CHANCE = 0.6
_PRODUCT_CHANCE = 0.3
_ASIN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

_numbers = itertools.count()
_recording = Recording.at_environment(events)


class _Visitor(FastHttpUser):
    """A user who reads. A status other than 200 is a failure."""

    abstract = True
    wait_time = between(_THINK / 2, _THINK * 3 / 2)

    def on_start(self) -> None:
        """Reads the categories."""
        self.draw = random.Random(f"{_SEED} {next(_numbers)}")  # noqa: S311 - the same load each time, no secret
        self.catalog = Catalog(self.read("list_categories", "/categories", {})["items"], self.draw)

    def read(self, name: str, path: str, query: dict[str, object]) -> dict[str, Any]:
        """Sends a GET request, and returns its JSON; an empty page if it failed."""
        with self.client.get(f"/api{path}", params=query, name=name, catch_response=True) as reply:
            if reply.status_code != 200:  # noqa: PLR2004
                reply.failure(f"{reply.status_code}")
                return {"items": [], "next_cursor": None}
            content: dict[str, Any] = reply.json()
            return content


class Browsing(_Visitor):
    """Opens a category with some sort, reads page after page, and opens products."""

    @task
    def browse(self) -> None:
        """One visit."""
        query: dict[str, object] = {"category_id": self.catalog.category_id(), "sort": self.catalog.sort()}
        while True:
            page = self.read("list_products", "/products", query)
            if page["items"] and self.draw.random() < _PRODUCT_CHANCE:
                product = self.catalog.one_of(page["items"])
                self._open(product["asin"])
            if page["next_cursor"] is None or self.draw.random() > _NEXT_PAGE_CHANCE:
                return
            query["cursor"] = page["next_cursor"]

    def _open(self, asin: str) -> None:
        with self.client.get(f"/api/products/{asin}", name="get_product", catch_response=True) as reply:
            # A writer of this load may have deleted it since it was listed.
            if reply.status_code in {200, 404}:
                reply.success()
            else:
                reply.failure(f"{reply.status_code}")


class Searching(_Visitor):
    """Searches for words of titles from earlier pages, sometimes with a category or a price."""

    def on_start(self) -> None:
        """Reads some titles."""
        super().on_start()
        pages = [self.read("list_products", "/products", {"category_id": self.catalog.category_id()}) for _ in "123"]
        self.titles = [item["title"] for page in pages for item in page["items"]]

    @task
    def search(self) -> None:
        """One search."""
        words = self.catalog.words(self.draw.choice(self.titles)) if self.titles else None
        if words is None:
            return
        query: dict[str, object] = {"q": words}
        if self.draw.random() < 0.3:  # noqa: PLR2004
            query["max_price"] = self.draw.choice((20, 50, 100))
        if self.draw.random() < 0.3:  # noqa: PLR2004
            query["category_id"] = self.catalog.category_id()
        self.titles.extend(item["title"] for item in self.read("search", "/products", query)["items"][:1])
        del self.titles[:-200]


class Writing(_Visitor):
    """Inserts, updates and deletes products, and reads each one after each write. An older state is a failure."""

    def on_start(self) -> None:
        """Reads the token."""
        super().on_start()
        self.bearer = {"Authorization": f"Bearer {os.environ['LOAD_TOKEN']}"}

    @task
    def write(self) -> None:
        """Inserts, updates and deletes one product."""
        asin = "L" + "".join(self.draw.choices(_ASIN_LETTERS, k=9))
        body = {"asin": asin, "title": "Load test", "category_id": self.catalog.category_id(), "price": 1.0}
        self._send("insert_product", "POST", "/products", 201, body)
        self._expect(asin, 200, 1.0)
        price = self.draw.randrange(200, 10_000) / 100
        self._send("update_product", "PATCH", f"/products/{asin}", 200, {"price": price})
        self._expect(asin, 200, price)
        self._send("delete_product", "DELETE", f"/products/{asin}", 204)
        self._expect(asin, 404, None)

    def _send(self, name: str, method: str, path: str, status: int, body: dict[str, Any] | None = None) -> None:
        with self.client.request(
            method, f"/api{path}", json=body, headers=self.bearer, name=name, catch_response=True
        ) as reply:
            if reply.status_code != status:
                reply.failure(f"{reply.status_code}")

    def _expect(self, asin: str, status: int, price: float | None) -> None:
        with self.client.get(f"/api/products/{asin}", name="get_product", catch_response=True) as reply:
            stale = reply.status_code in {200, 404} and reply.status_code != status
            if stale or (status == 200 and reply.status_code == 200 and reply.json()["price"] != price):  # noqa: PLR2004
                reply.failure("stale")
            elif reply.status_code != status:
                reply.failure(f"{reply.status_code}")
            else:
                reply.success()
