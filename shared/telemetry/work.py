"""The attributes of the current work: operation and import. Spans and log lines get them automatically."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

OPERATION = "catalog.operation"
IMPORT_ID = "catalog.import_id"
IMPORT_KIND = "catalog.import_kind"
IMPORT_STATUS = "catalog.import_status"
RUN_ID = "catalog.run_id"
CACHE = "catalog.cache"

_NOTHING: Mapping[str, str] = {}

# Tasks inherit it, and threads of a ContextExecutor.
current: ContextVar[Mapping[str, str]] = ContextVar("work", default=_NOTHING)


@contextlib.contextmanager
def on(**attributes: str | None) -> Iterator[None]:
    """Adds attributes until the block ends: `operation`, `import_id`, `import_kind`, `run_id`."""
    more = {f"catalog.{name}": value for name, value in attributes.items() if value is not None}
    token = current.set({**current.get(), **more})
    try:
        yield
    finally:
        current.reset(token)
