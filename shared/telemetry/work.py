"""What is being worked on: the operation, and the import where there is one. Spans and log lines say it themselves."""

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

# It goes along into tasks, and into the threads that are given a copy of the context.
current: ContextVar[Mapping[str, str]] = ContextVar("work", default=_NOTHING)


@contextlib.contextmanager
def on(**attributes: str | None) -> Iterator[None]:
    """Adds to what is being worked on, until the block ends: `operation`, `import_id`, `import_kind`, `run_id`."""
    more = {f"catalog.{name}": value for name, value in attributes.items() if value is not None}
    token = current.set({**current.get(), **more})
    try:
        yield
    finally:
        current.reset(token)
