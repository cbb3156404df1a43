"""`make demo`: imports a catalog and queries it, on the local cloud that runs or on one that the demo starts.

Each step prints what it found and checks it. The first check that fails ends the demo with a message and status 1.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local.api_client import ApiClient
from local.cloud import local_cloud
from local.csv_upload import COUNTS, import_csv, outcome
from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, write_catalog
from local.demo_data import Search, largest_category_search, write_excerpt
from local.errors import LocalCloudError
from local.state import STATE

if TYPE_CHECKING:
    import httpx

    from local.api_client import Json

type Query = dict[str, str | int]

GENERATED_ROWS = 20_000
_PAGE_SIZE, _MIN_PAGES = 100, 3


class Demo:
    """The demo's steps; each relies on the ones before."""

    def __init__(self, api: ApiClient, folder: Path, scratch: Path) -> None:
        """`folder` has the CSV files of products and categories; the demo writes its own CSV files to `scratch`."""
        self._api = api
        self._products = folder / PRODUCTS_FILE
        self._categories = folder / CATEGORIES_FILE
        self._scratch = scratch
        self._console = Console(highlight=False)

    def run(self) -> None:
        """Runs all steps in order.

        Raises:
            LocalCloudError: a check failed.
        """
        self._sign_up()
        self._import_both()
        search = largest_category_search(self._products)
        self._walk_pages(search)
        self._miss_and_hit(search)
        self._insert_and_see(search)
        self._import_changed_prices()
        self._import_wrong_header()
        self._console.print("\n[bold green]All checks passed.")

    def _sign_up(self) -> None:
        self._title("Sign up, become administrator, log in")
        email = f"demo-{secrets.token_hex(4)}@example.com"
        refused = self._api.send("POST", "/products", json={})
        _check(refused.status_code == 401, f"A write without a token returned {refused.status_code}, not 401")  # noqa: PLR2004
        self._api.become_administrator(email, secrets.token_urlsafe(16))
        me = self._api.call("GET", "/auth/me")
        _check(me["role"] == "admin", f"{email} should have the role admin but has the role {me['role']}")
        self._say(f"{email} has the role {me['role']}; a write without a token returns {refused.status_code}")

    def _import_both(self) -> None:
        for path in (self._categories, self._products):
            self._title(f"Import {path}")
            record = self._import(path)
            _check(record["status"] == "succeeded", f"The import of {path.name} ended as {outcome(record)}")
            counted = sum(record[name] for name in COUNTS)
            _check(
                record["rows_read"] == counted,
                f"{record['rows_read']} rows of {path.name} were read, but the counts add up to {counted}",
            )

    def _walk_pages(self, search: Search) -> None:
        self._title(f"Category {search.category_id}, {search.min_price} to {search.max_price} dollars, page by page")
        query = {
            "category_id": search.category_id,
            "min_price": str(search.min_price),
            "max_price": str(search.max_price),
            "sort": "price",
            # Several pages, even of a small category.
            "limit": min(_PAGE_SIZE, len(search.asins) // _MIN_PAGES + 1),
            "include_total": "true",
        }
        items: list[Json] = []
        cursor: dict[str, str] = {}
        pages = 0
        while True:
            page = self._api.call("GET", "/products", params=query | cursor)
            items += page["items"]
            pages += 1
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        asins = [item["asin"] for item in items]
        prices = [item["price"] for item in items]
        _check(len(set(asins)) == len(asins) == page["total"], "The pages don't have each product exactly once")
        _check(
            search.asins <= set(asins),
            f"{len(search.asins - set(asins))} products of the file are missing from the pages",
        )
        _check(prices == sorted(prices), "The pages aren't sorted by price")
        self._say(
            f"{len(items)} products on {pages} page(s), each once, sorted by price; all {len(search.asins)} of the file"
        )

    def _miss_and_hit(self, search: Search) -> None:
        self._title("The same page twice: first from SQL, then from the cache")
        # A random bound: this page can't be in the cache yet.
        bound = f"{10_000 + secrets.randbelow(9_000_000) / 100:.2f}"
        query: Query = {"category_id": search.category_id, "max_price": bound, "sort": "-price", "limit": _PAGE_SIZE}
        first, first_time = self._timed("/products", query)
        second, second_time = self._timed("/products", query)
        found = (first.headers.get("X-Cache"), second.headers.get("X-Cache"))
        _check(found == ("MISS", "HIT"), f"X-Cache was {found[0]}, then {found[1]}, not MISS, then HIT")
        _check(first.content == second.content, "The cached page differs from the page that came from SQL")
        for reply, taken in ((first, first_time), (second, second_time)):
            timing = reply.headers.get("Server-Timing", "")
            self._say(f"{reply.headers['X-Cache']:<4} {taken * 1000:6.1f} ms   {timing}")

    def _insert_and_see(self, search: Search) -> None:
        self._title("Insert a product: the next read has it")
        query: Query = {"category_id": search.category_id, "sort": "-price", "limit": 5}
        listed = self._warm(query)
        highest_price = listed["items"][0]["price"]
        asin = f"B0DEMO{secrets.token_hex(2).upper()}"
        product = {"asin": asin, "title": "A product of the demo", "category_id": search.category_id}
        inserted = self._api.call("POST", "/products", json=product | {"price": round(highest_price + 1, 2)})
        after, _ = self._timed("/products", query)
        first: Json = after.json()["items"][0]
        _check(
            first == inserted,
            f"The next read ({after.headers['X-Cache']}) begins with {first['asin']}, not with the inserted {asin}",
        )
        self._say(f"{asin} at {inserted['price']} is first in the list ({after.headers['X-Cache']})")
        self._api.call("DELETE", f"/products/{asin}")
        again: Json = self._timed("/products", query)[0].json()
        _check(
            again["items"] == listed["items"],
            f"{asin} was deleted, but the next read differs from the one before the insert",
        )
        self._say("deleted: the next read equals the one before the insert")

    def _import_changed_prices(self) -> None:
        self._title("Import a file with a few changed prices")
        file = self._scratch / "changed.csv"
        prices = write_excerpt(self._products, file)
        asin = next(iter(prices))
        before = self._api.call("GET", f"/products/{asin}")  # puts it into the cache
        record = self._import(file)
        _check(record["status"] == "succeeded", f"The import of the changed file ended as {outcome(record)}")
        _check(
            record["rows_updated"] == len(prices) and record["rows_inserted"] == 0,
            f"{len(prices)} rows were changed, but the import reports: {outcome(record)}",
        )
        for changed, price in prices.items():
            shown = self._api.call("GET", f"/products/{changed}")["price"]
            _check(shown == float(price), f"{changed} costs {price} in the file but {shown} in the API")
        self._say(
            f"{len(prices)} prices changed, e.g. {asin}: {before['price']} -> {prices[asin]}; the API has all of them"
        )

    def _import_wrong_header(self) -> None:
        self._title("Import a file with another header")
        total = self._total()
        file = self._scratch / "wrong.csv"
        file.write_text("name,cost\nA lamp,12.50\n")
        record = self._import(file)
        _check(record["status"] == "rejected", f"A file with another header ended as {outcome(record)}, not rejected")
        _check(bool(record["message"]), "The record of the rejected file has no message")
        _check(self._total() == total, "A rejected file changed the size of the catalog")

    def _import(self, file: Path) -> Json:
        record = import_csv(self._api, file, self._console)
        self._say(outcome(record))
        return record

    def _timed(self, path: str, query: Query) -> tuple[httpx.Response, float]:
        """A response, and the seconds that it took; a status of 400 or more fails the demo."""
        began = time.perf_counter()
        reply = self._api.send("GET", path, params=query)
        seconds = time.perf_counter() - began
        _check(reply.is_success, f"GET {path} returned {reply.status_code}")
        return reply, seconds

    def _warm(self, query: Query) -> Json:
        """Reads a list into the cache, so that the next read could be stale."""
        self._timed("/products", query)
        reply, _ = self._timed("/products", query)
        _check(reply.headers.get("X-Cache") == "HIT", "The second read of a list didn't come from the cache")
        page: Json = reply.json()
        return page

    def _total(self) -> int:
        page = self._api.call("GET", "/products", params={"limit": 1, "include_total": "true"})
        total: int = page["total"]
        return total

    def _title(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold", markup=False)

    def _say(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False, soft_wrap=True)


def main() -> None:
    """Runs the demo; exits with status 1 and a message if a check fails."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description="Imports a catalog and queries it.")
    parser.add_argument("--csv-dir", type=Path, help="folder of the two CSV files (default: generated)")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the local cloud (default: .local)")
    options = parser.parse_args()
    state = options.state.resolve()
    scratch = state / "demo"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        folder = options.csv_dir or _generated(scratch / "data")
        for file in (folder / PRODUCTS_FILE, folder / CATEGORIES_FILE):
            _check(file.is_file(), f"There is no {file}. Set CSV_DIR to the folder of both files")
        with local_cloud(state, scratch / "run.log") as run, ApiClient(run, state) as api:
            Demo(api, folder, scratch).run()
    except LocalCloudError as error:
        sys.exit(f"{error}")


def _generated(folder: Path) -> Path:
    if not (folder / PRODUCTS_FILE).exists():
        write_catalog(folder, GENERATED_ROWS, seed=1)
    return folder


def _check(holds: bool, failure: str) -> None:  # noqa: FBT001 - the condition that is checked, not a switch
    if not holds:
        raise LocalCloudError(f"{failure}.")


if __name__ == "__main__":
    main()
