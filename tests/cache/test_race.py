"""Real processes: a read that began after a write's reply never shows the state before it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local.processes import PROJECT, end_with_parent
from local.services import free_ports
from tests.serving import catalog_settings

_OPERATIONS = int(os.environ.get("RACE_OPERATIONS", "20000"))
_PRODUCTS = 12
_READERS = 4
_WRITERS = 2


@pytest.fixture
def instances(tmp_path: Path, valkey: str) -> Iterator[list[str]]:
    """Two instances over one catalogue and one Valkey."""
    settings = catalog_settings(tmp_path, valkey)
    environment = os.environ | {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": valkey,
        "CACHE_TIMEOUT": "2",
        "CACHE_WRITE_TIMEOUT": "5",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
        "FIREBASE_PROJECT_ID": "demo-product-catalogue",
        "FIREBASE_WEB_API_KEY": "any",
    }
    ports = free_ports(2)
    command = [sys.executable, "-m", "uvicorn", "--factory", "tests.cache.instance:create", "--log-level", "warning"]
    processes = [
        subprocess.Popen([*command, "--port", str(port)], cwd=PROJECT, env=environment, preexec_fn=end_with_parent())  # noqa: PLW1509
        for port in ports
    ]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    for url in urls:
        deadline = time.monotonic() + 30
        while not _answers(url):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # between two looks, until the deadline
    yield urls
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health/live").status_code == 200
    except httpx.ConnectError:
        return False


class Race:
    """Writers that count a product's `reviews` up or move it, and readers that know what has been replied to."""

    def __init__(self, instances: list[str]) -> None:
        self._instances = instances
        self._left = _OPERATIONS
        self._taking = threading.Lock()
        # What the last reply to a write of each product said; each product has one writer.
        self.replied: dict[str, tuple[int, int]] = {}
        self.stale: list[str] = []
        self.hits = 0

    def asins(self) -> list[str]:
        return [f"RACE{number:06}" for number in range(_PRODUCTS)]

    def take(self) -> bool:
        with self._taking:
            self._left -= 1
            return self._left >= 0

    def write(self, number: int) -> None:
        draw = random.Random(number)
        own = [asin for index, asin in enumerate(self.asins()) if index % _WRITERS == number]
        with httpx.Client(timeout=30) as client:
            while self.take():
                asin = draw.choice(own)
                reviews, category_id = self.replied[asin]
                change = {"reviews": reviews + 1}
                if draw.random() < 0.3:
                    change["category_id"] = category_id = 3 - category_id
                reply = client.patch(f"{draw.choice(self._instances)}/api/products/{asin}", json=change)
                assert reply.status_code == 200, reply.text
                self.replied[asin] = (reviews + 1, category_id)

    def read(self, number: int) -> None:
        draw = random.Random(1000 + number)
        with httpx.Client(timeout=30) as client:
            while self.take():
                url = draw.choice(self._instances)
                if draw.random() < 0.5:
                    self._read_product(client, url, draw.choice(self.asins()))
                else:
                    self._read_lists(client, url)

    def _read_product(self, client: httpx.Client, url: str, asin: str) -> None:
        known = self.replied[asin][0]
        reply = client.get(f"{url}/api/products/{asin}")
        self.hits += reply.headers["X-Cache"] == "HIT"
        if reply.json()["reviews"] < known:
            self.stale.append(f"{asin}: {reply.json()['reviews']} < {known}")

    def _read_lists(self, client: httpx.Client, url: str) -> None:
        known = dict(self.replied)
        reply = client.get(f"{url}/api/products", params={"limit": 100, "include_total": "true"})
        self.hits += reply.headers["X-Cache"] == "HIT"
        shown = {item["asin"]: item["reviews"] for item in reply.json()["items"]}
        self.stale += [f"list {asin}" for asin, (reviews, _) in known.items() if shown.get(asin, -1) < reviews]
        counts = client.get(f"{url}/api/categories").json()["items"]
        if sum(item["product_count"] for item in counts) != _PRODUCTS or reply.json()["total"] != _PRODUCTS:
            self.stale.append(f"counts {counts}")


@pytest.mark.timeout(400)
def test_no_read_after_a_writes_reply_shows_the_state_before_it(instances: list[str]) -> None:
    race = Race(instances)
    for category_id in (1, 2):
        httpx.post(f"{instances[0]}/api/categories", json={"id": category_id, "name": str(category_id)})
    for asin in race.asins():
        product = {"asin": asin, "title": "Racer", "category_id": 1}
        assert httpx.post(f"{instances[0]}/api/products", json=product).status_code == 201
        race.replied[asin] = (0, 1)
    with ThreadPoolExecutor(_READERS + _WRITERS) as pool:
        running = [pool.submit(race.write, number) for number in range(_WRITERS)]
        running += [pool.submit(race.read, number) for number in range(_READERS)]
        for done in running:
            done.result()
    assert race.stale == []
    assert race.hits > _OPERATIONS / 50
