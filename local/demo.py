"""`make demo`: the main job from end to end, on the local cloud that runs, else on one started for it.

Each step shows what it found and checks it; the first that doesn't hold ends the demo with a sentence and status 1.
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
from local.demo_file import Search, largest_category_search, write_excerpt
from local.errors import LocalCloudError
from local.state import STATE

if TYPE_CHECKING:
    import httpx

    from local.api_client import Json

type Query = dict[str, str | int]

GENERATED_ROWS = 20_000
_PAGE, _FEWEST_PAGES = 100, 3


class Demo:
    """The steps, each on what the ones before have left."""

    def __init__(self, api: ApiClient, folder: Path, scratch: Path) -> None:
        """`folder` has the two CSV files; `scratch` is for those that the demo writes."""
        self._api = api
        self._products = folder / PRODUCTS_FILE
        self._categories = folder / CATEGORIES_FILE
        self._scratch = scratch
        self._console = Console(highlight=False)

    def run(self) -> None:
        """All of it, in order.

        Raises:
            LocalCloudError: something doesn't hold.
        """
        self._sign_up()
        self._import_both()
        search = largest_category_search(self._products)
        self._walk_pages(search)
        self._miss_and_hit(search)
        self._insert_and_see(search)
        self._drop_a_change()
        self._drop_a_wrong_file()
        self._console.print("\n[bold green]All of it held.")

    def _sign_up(self) -> None:
        self._title("Sign up, become administrator, log in")
        email = f"demo-{secrets.token_hex(4)}@example.com"
        refused = self._api.send("POST", "/products", json={})
        _check(refused.status_code == 401, f"A write without a token was answered {refused.status_code}, not 401")  # noqa: PLR2004
        self._api.become_administrator(email, secrets.token_urlsafe(16))
        me = self._api.call("GET", "/auth/me")
        _check(me["role"] == "admin", f"{email} was made an administrator but has the role {me['role']}")
        self._say(f"{email} is {me['role']}; without a token a write is refused with {refused.status_code}")

    def _import_both(self) -> None:
        for path in (self._categories, self._products):
            self._title(f"Drop {path}")
            record = self._import(path)
            _check(record["status"] == "succeeded", f"The import of {path.name} ended as {outcome(record)}")
            counted = sum(record[name] for name in COUNTS)
            _check(
                record["rows_read"] == counted,
                f"{record['rows_read']} rows of {path.name} were read, but {counted} are accounted for",
            )

    def _walk_pages(self, search: Search) -> None:
        self._title(f"Category {search.category_id}, {search.min_price} to {search.max_price} dollars, page by page")
        query = {
            "category_id": search.category_id,
            "min_price": str(search.min_price),
            "max_price": str(search.max_price),
            "sort": "price",
            # Several pages, however small the category is.
            "limit": min(_PAGE, len(search.asins) // _FEWEST_PAGES + 1),
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
        _check(len(set(asins)) == len(asins) == page["total"], "The pages don't show each product exactly once")
        _check(search.asins <= set(asins), f"{len(search.asins - set(asins))} products of the file aren't in the pages")
        _check(prices == sorted(prices), "The pages aren't in the order of prices")
        self._say(f"{len(items)} products on {pages} page(s), each once, by price; all {len(search.asins)} of the file")

    def _miss_and_hit(self, search: Search) -> None:
        self._title("The same page twice: from SQL, then from the cache")
        # A bound that nobody has asked for yet, so that the page can't be in the cache.
        bound = f"{10_000 + secrets.randbelow(9_000_000) / 100:.2f}"
        query: Query = {"category_id": search.category_id, "max_price": bound, "sort": "-price", "limit": _PAGE}
        first, first_time = self._timed("/products", query)
        second, second_time = self._timed("/products", query)
        found = (first.headers.get("X-Cache"), second.headers.get("X-Cache"))
        _check(found == ("MISS", "HIT"), f"The same page twice was {found[0]}, then {found[1]}, not MISS, then HIT")
        _check(first.content == second.content, "The cached page differs from the one made fresh")
        for reply, taken in ((first, first_time), (second, second_time)):
            timing = reply.headers.get("Server-Timing", "")
            self._say(f"{reply.headers['X-Cache']:<4} {taken * 1000:6.1f} ms   {timing}")

    def _insert_and_see(self, search: Search) -> None:
        self._title("Insert a product: the very next read has it")
        query: Query = {"category_id": search.category_id, "sort": "-price", "limit": 5}
        listed = self._warm(query)
        dearest = listed["items"][0]["price"]
        asin = f"B0DEMO{secrets.token_hex(2).upper()}"
        product = {"asin": asin, "title": "A product of the demo", "category_id": search.category_id}
        inserted = self._api.call("POST", "/products", json=product | {"price": round(dearest + 1, 2)})
        after, _ = self._timed("/products", query)
        first: Json = after.json()["items"][0]
        _check(
            first == inserted,
            f"The next read ({after.headers['X-Cache']}) begins with {first['asin']}, not with {asin}, just inserted",
        )
        self._say(f"{asin} at {inserted['price']} is first in the list ({after.headers['X-Cache']})")
        self._api.call("DELETE", f"/products/{asin}")
        again: Json = self._timed("/products", query)[0].json()
        _check(again["items"] == listed["items"], f"{asin} was deleted, but the next read isn't what it was before")
        self._say("deleted: the next read is as it was before")

    def _drop_a_change(self) -> None:
        self._title("Drop a file of which a few rows have changed")
        file = self._scratch / "changed.csv"
        prices = write_excerpt(self._products, file)
        asin = next(iter(prices))
        before = self._warm_product(asin)
        record = self._import(file)
        _check(record["status"] == "succeeded", f"The import of the changed file ended as {outcome(record)}")
        _check(
            record["rows_updated"] == len(prices) and record["rows_inserted"] == 0,
            f"{len(prices)} rows were changed, but the import says: {outcome(record)}",
        )
        for changed, price in prices.items():
            shown = self._api.call("GET", f"/products/{changed}")["price"]
            _check(shown == float(price), f"{changed} costs {price} in the file but {shown} in the next read")
        self._say(f"{len(prices)} prices changed, e.g. {asin}: {before['price']} -> {prices[asin]}; the API shows each")

    def _drop_a_wrong_file(self) -> None:
        self._title("Drop a file that is none of ours")
        total = self._total()
        file = self._scratch / "wrong.csv"
        file.write_text("name,cost\nA lamp,12.50\n")
        record = self._import(file)
        _check(record["status"] == "rejected", f"A file with another header ended as {outcome(record)}, not rejected")
        _check(bool(record["message"]), "The record of the rejected file has no message")
        _check(self._total() == total, "The catalog's size changed with a rejected file")

    def _import(self, file: Path) -> Json:
        record = import_csv(self._api, file, self._console)
        self._say(outcome(record))
        return record

    def _timed(self, path: str, query: Query) -> tuple[httpx.Response, float]:
        """A reply that has to be 200, and the seconds that it took."""
        began = time.perf_counter()
        reply = self._api.send("GET", path, params=query)
        seconds = time.perf_counter() - began
        _check(reply.is_success, f"GET {path} was answered {reply.status_code}")
        return reply, seconds

    def _warm(self, query: Query) -> Json:
        """Reads a list until it is in the cache, so that what comes next could be stale."""
        self._timed("/products", query)
        reply, _ = self._timed("/products", query)
        _check(reply.headers.get("X-Cache") == "HIT", "The second read of a list isn't from the cache")
        page: Json = reply.json()
        return page

    def _warm_product(self, asin: str) -> Json:
        """Reads a product, so that it is in the cache."""
        return self._api.call("GET", f"/products/{asin}")

    def _total(self) -> int:
        page = self._api.call("GET", "/products", params={"limit": 1, "include_total": "true"})
        total: int = page["total"]
        return total

    def _title(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold", markup=False)

    def _say(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False, soft_wrap=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description="The main job from end to end.")
    parser.add_argument("--csv-dir", type=Path, help=f"of {PRODUCTS_FILE} and {CATEGORIES_FILE} (default: made)")
    parser.add_argument("--state", type=Path, default=STATE, help="of the local cloud (default: .local)")
    options = parser.parse_args()
    state = options.state.resolve()
    scratch = state / "demo"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        folder = options.csv_dir or _generated(scratch / "data")
        for file in (folder / PRODUCTS_FILE, folder / CATEGORIES_FILE):
            _check(file.is_file(), f"There is no {file}: name the folder of both files with CSV_DIR=…")
        with local_cloud(state, scratch / "run.log") as run, ApiClient(run, state) as api:
            Demo(api, folder, scratch).run()
    except LocalCloudError as error:
        sys.exit(f"{error}")


def _generated(folder: Path) -> Path:
    if not (folder / PRODUCTS_FILE).exists():
        write_catalog(folder, GENERATED_ROWS, seed=1)
    return folder


def _check(holds: bool, sentence: str) -> None:  # noqa: FBT001 - what is checked, no switch
    if not holds:
        raise LocalCloudError(f"{sentence}.")


if __name__ == "__main__":
    main()
