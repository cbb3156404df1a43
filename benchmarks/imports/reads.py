"""How long readers wait while a whole catalog is imported: pages that miss the cache, 200 of them a second.

An instance of the application reads 1,426,337 products by SQL, each page once, so that none is a hit. The same
products are imported, 1 % of them changed, from the first byte of Copy to the end of Merge; then the first version
again, which changes the same rows back. The time of a read goes from the moment at which it is due to its last byte,
its waiting for a core included: all of this runs on the one machine. Quiet is the time before each import.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from benchmarks.cache import catalog
from benchmarks.cache.pages import requests_for
from benchmarks.cache.servers import settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from benchmarks.imports import files
from benchmarks.imports.factory import azurite, factory, folder
from benchmarks.imports.steady_reads import SteadyReads

_PER_SECOND = 200
_QUIET_SECONDS = 8.0
_CATEGORIES = 100
_WARM_SECONDS = 2.0


def measured(rows: int) -> tuple[list[float], list[float]]:
    """The seconds of all reads: of the quiet ones and of those during imports."""
    quiet: list[float] = []
    during: list[float] = []
    sources = files.kept(rows)
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        file = catalog.copied(rows, place)
        storage = stack.enter_context(azurite())
        running = stack.enter_context(factory(file, storage))
        received = [running.received(products) for products in (sources.changed, sources.products)]
        environment = settings_of_instance(file, stack.enter_context(valkey()))
        instance = stack.enter_context(uvicorn("readers", "benchmarks.cache.instance:create", environment))
        requests = _pages(catalog.largest_categories(file, _CATEGORIES))
        with SteadyReads(instance.port, requests, _PER_SECOND):
            time.sleep(_WARM_SECONDS)  # as long as reads are sent, by another thread
        for import_id in received:
            with SteadyReads(instance.port, requests, _PER_SECOND) as reads:
                time.sleep(_QUIET_SECONDS)  # what is measured: the reads of these seconds
            quiet += reads.seconds
            with SteadyReads(instance.port, requests, _PER_SECOND) as reads:
                running.run("products", import_id)
            during += reads.seconds
    return quiet, during


def _pages(categories: list[int]) -> Iterator[bytes]:
    """Requests of pages of 20 products, none twice: the categories again and again, each time from another price."""
    for cents in itertools.count():
        yield from requests_for(
            [f"/api/products?category_id={category}&min_price={cents / 100}" for category in categories]
        )


def figures() -> Iterator[Figure]:
    """The ratio of the 99th percentiles, and these."""
    quiet, during = (float(np.percentile(seconds, 99)) for seconds in measured(catalog.WHOLE))
    yield Figure("reads_p99_during_import_vs_quiet", during / quiet, "x", Bound("<=", 3))
    yield Figure("reads_p99_quiet", quiet * 1000, "ms")
    yield Figure("reads_p99_during_import", during * 1000, "ms")
