"""The host's own calls to the storage account, off the event loop."""

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
# Who calls tries again by itself, so the SDK doesn't; and a stop never waits longer for a storage that hangs.
# Any: the SDK's constructors take these as keywords without a type.
_TRANSPORT: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 15}
# The largest page that the service gives.
_PAGE_SIZE = 5_000

# Given to each call, switches the SDK's own spans off: in Azure the host is another process than the app; here an app
# that traces its calls would trace the host's polling too.
UNTRACED: TracingOptions = {"enabled": False}


class Storage:
    """The clients of the app's storage connections, and threads to use them in."""

    def __init__(self) -> None:
        """Connects to nothing yet."""
        self._threads = ThreadPoolExecutor(_THREADS, "storage")

    def blobs(self, connection: str, used_by: str) -> BlobServiceClient:
        """The blobs of the account that a binding's `connection` names.

        Raises:
            HostError: the app setting is missing or holds no connection string.
        """
        with _one_sentence(connection, used_by):
            return BlobServiceClient.from_connection_string(connection_string(connection, used_by), **_TRANSPORT)

    def queues(self, connection: str, used_by: str) -> QueueServiceClient:
        """The queues of the account that a binding's `connection` names.

        Raises:
            HostError: the app setting is missing or holds no connection string.
        """
        with _one_sentence(connection, used_by):
            return QueueServiceClient.from_connection_string(connection_string(connection, used_by), **_TRANSPORT)

    async def call[**P, T](self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs an operation of a client in a thread, without a trace of it in the app's telemetry."""
        work = functools.partial(_untraced, operation, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Reach:
    """Tells the log once when a part of the storage can't be reached any more, and once when it can again."""

    def __init__(self, what: str) -> None:
        """Names the part, as the subject of a sentence."""
        self._what = what
        self._is_lost = False

    def lost(self, error: AzureError) -> None:
        """A call has failed."""
        if not self._is_lost:
            log.warning("%s can't be reached; going on trying: %s", self._what, error)
        self._is_lost = True

    def found(self) -> None:
        """A call has been answered."""
        if self._is_lost:
            log.warning("%s can be reached again", self._what)
        self._is_lost = False


def list_page(container: ContainerClient, marker: str | None) -> tuple[list[BlobProperties], str | None]:
    """One page of a container's blobs from the marker on (None: from the first), and the marker of the next, if any."""
    listing = container.list_blobs(results_per_page=_PAGE_SIZE, tracing_options=UNTRACED)
    # Any: azure-core's PageIterator, declared as an iterator without its marker.
    pages: Any = listing.by_page(marker)
    blobs = list(next(pages, ()))
    return blobs, pages.continuation_token or None


@contextlib.contextmanager
def _one_sentence(connection: str, used_by: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        # Without the cause: its text could hold the account's key.
        raise HostError(
            f"The app setting {connection}, used by {used_by}, isn't a storage connection string with its endpoints."
        ) from None


def _untraced[**P, T](operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs the operation with the spans of an instrumented HTTP client switched off (see UNTRACED)."""
    if "opentelemetry" not in sys.modules:
        return operation(*args, **kwargs)
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        return operation(*args, **kwargs)
