"""The host's calls to storage accounts, in threads of their own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.host.app_settings import connection_string
from local.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.core.exceptions import AzureError
    from azure.core.tracing import TracingOptions
    from azure.storage.blob import BlobProperties, ContainerClient

log = logging.getLogger(__name__)

_THREADS = 8
# Callers retry, so the SDK doesn't. The time limits also bound how long a stop waits for a storage that doesn't answer.
# Any: the SDK's constructors take these as keywords without a type.
_TRANSPORT: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 15}
# The largest page that the service returns.
_PAGE_SIZE = 5_000

# Disables the SDK's spans for a call. In Azure the host is another process; here an app that traces its own calls would
# also trace the host's polling.
UNTRACED: TracingOptions = {"enabled": False}


class Storage:
    """The clients of the app's storage connections, and threads for their calls."""

    def __init__(self) -> None:
        """Starts no connection."""
        self._threads = ThreadPoolExecutor(_THREADS, "storage")

    def blobs(self, connection: str, used_by: str) -> BlobServiceClient:
        """A client for the blobs of the account that a binding's `connection` names.

        Raises:
            HostError: the app setting is missing or holds no connection string.
        """
        with _report_malformed(connection, used_by):
            return BlobServiceClient.from_connection_string(connection_string(connection, used_by), **_TRANSPORT)

    def queues(self, connection: str, used_by: str) -> QueueServiceClient:
        """A client for the queues of the account that a binding's `connection` names.

        Raises:
            HostError: the app setting is missing or holds no connection string.
        """
        with _report_malformed(connection, used_by):
            return QueueServiceClient.from_connection_string(connection_string(connection, used_by), **_TRANSPORT)

    async def call[**P, T](self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an operation of a client in a thread, without spans in the app's telemetry."""
        work = functools.partial(_untraced, operation, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Ends the threads after their running calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class OutageLog:
    """Logs the first failed call to a storage resource, and the first successful call after it."""

    def __init__(self, resource: str) -> None:
        """`resource` is the subject of the messages, such as `The queue orders`."""
        self._resource = resource
        self._is_down = False

    def call_failed(self, error: AzureError) -> None:
        """Logs the error unless the call before failed too."""
        if not self._is_down:
            log.warning("%s can't be reached; retrying: %s", self._resource, error)
        self._is_down = True

    def call_succeeded(self) -> None:
        """Logs the end of an outage."""
        if self._is_down:
            log.warning("%s can be reached again", self._resource)
        self._is_down = False


def list_page(container: ContainerClient, marker: str | None) -> tuple[list[BlobProperties], str | None]:
    """A page of a container's blobs from the marker on, and the marker of the next page.

    The marker of the first page is None, and so is the marker after the last page.
    """
    listing = container.list_blobs(results_per_page=_PAGE_SIZE, tracing_options=UNTRACED)
    # Any: the declared type lacks the continuation token of azure-core's PageIterator.
    pages: Any = listing.by_page(marker)
    blobs = list(next(pages, ()))
    return blobs, pages.continuation_token or None


@contextlib.contextmanager
def _report_malformed(connection: str, used_by: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        # Without the cause: its text may contain the account's key.
        raise HostError(
            f"The app setting {connection}, used by {used_by}, is not a storage connection string with endpoints."
        ) from None


def _untraced[**P, T](operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs the operation without the spans of an instrumented HTTP client (see UNTRACED)."""
    if "opentelemetry" not in sys.modules:
        return operation(*args, **kwargs)
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        return operation(*args, **kwargs)
