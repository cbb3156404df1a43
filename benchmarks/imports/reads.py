"""Response times of 200 cache misses a second while a whole catalog is imported.

An instance of the application reads pages of 1,426,337 products from SQL, each page once, so that none is a hit. At the
same time these products are imported with 1 % of them changed, from the first byte of Copy to the end of Merge; then
the first version is imported again. A read's time is from the moment at which it is due to its last byte. It includes
waiting for a core, since everything runs on one machine. Quiet is the time before each import.
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
from benchmarks.imports.constant_rate import ConstantRateReads
from benchmarks.imports.factory import azurite, factory, folder

_PER_SECOND = 200
_QUIET_SECONDS = 8.0
_CATEGORIES = 100
_WARM_SECONDS = 2.0


def measured(rows: int) -> tuple[list[float], list[float]]:
    """The response times of quiet reads, and of reads during imports."""
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
        instance = stack.enter_context(uvicorn("readers", "testkit.instance:create", environment))
        requests = _pages(catalog.largest_categories(file, _CATEGORIES))
        with ConstantRateReads(instance.port, requests, _PER_SECOND):
            time.sleep(_WARM_SECONDS)  # another thread sends reads meanwhile
        for import_id in received:
            with ConstantRateReads(instance.port, requests, _PER_SECOND) as reads:
                time.sleep(_QUIET_SECONDS)  # another thread sends the measured reads meanwhile
            quiet += reads.seconds
            with ConstantRateReads(instance.port, requests, _PER_SECOND) as reads:
                running.run("products", import_id)
            during += reads.seconds
    return quiet, during


def _pages(categories: list[int]) -> Iterator[bytes]:
    """Requests of pages of 20 products, each page once: all categories, then all again with another price."""
    for cents in itertools.count():
        yield from requests_for(
            [f"/api/products?category_id={category}&min_price={cents / 100}" for category in categories]
        )


def figures() -> Iterator[Figure]:
    """The ratio of the 99th percentiles, and both."""
    quiet, during = (float(np.percentile(seconds, 99)) for seconds in measured(catalog.WHOLE))
    yield Figure("reads_p99_during_import_vs_quiet", during / quiet, "x", Bound("<=", 3))
    yield Figure("reads_p99_quiet", quiet * 1000, "ms")
    yield Figure("reads_p99_during_import", during * 1000, "ms")
