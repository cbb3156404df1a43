"""The application and two other caches, each as two processes over a catalog and a Redis that only they use."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.cache import catalog
from benchmarks.cache.servers import PEERS_PYTHON, Server, settings_of_instance, uvicorn, valkey

OURS = "ours"
_APPS: dict[str, tuple[str, str]] = {
    OURS: ("benchmarks.cache.counted_instance:create", sys.executable),
    "cashews": ("benchmarks.cache.peers.cashews_app:create", PEERS_PYTHON),
    "fastapi_cache2": ("benchmarks.cache.peers.fastapi_cache2_app:create", PEERS_PYTHON),
}
NAMES = tuple(_APPS)
_PROCESSES = 2


@contextmanager
def two_processes(name: str) -> Iterator[tuple[list[Server], int]]:
    """The processes of one contender, and the id of a category with many products."""
    app, python = _APPS[name]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = catalog.copied(catalog.SMALL, folder)
        environment = settings_of_instance(file, stack.enter_context(valkey()))
        servers = [
            stack.enter_context(uvicorn(f"{name}_{number}", app, environment, python)) for number in range(_PROCESSES)
        ]
        yield servers, catalog.largest_categories(file, 1)[0]
