"""Reads a storage queue, for queue triggers and blob triggers.

Follows azure-sdk-for-net's Microsoft.Azure.WebJobs.Extensions.Storage.Common (QueueListener.cs, QueueProcessor.cs,
QueuesOptions.cs):

- Hides a message while it is processed, then deletes it.
- Makes a failed message visible again after `visibilityTimeout`, and moves it to the poison queue after
  `maxDequeueCount` attempts.
- A queue whose name ends in `-poison` has no poison queue. Its failed messages stay hidden until their lock ends, and
  are not processed again after `maxDequeueCount` attempts.

One intended difference: a lock lasts 30 s and is renewed (10 minutes in Azure), so that another host soon processes the
messages of a host that was killed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import enum
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from local.host.storage import UNTRACED, OutageLog
from local.host.waiting import wait_for_any
from local.host.worker import InvocationFailedError

if TYPE_CHECKING:
    from local.host.storage import Storage

log = logging.getLogger(__name__)

LOCK_SECONDS = 30
_POISON_SUFFIX = "-poison"
_MAX_QUEUE_NAME = 63


class UnreadableMessageError(Exception):
    """A message that fails at every attempt: it goes to the poison queue at once."""


class _Outcome(enum.Enum):
    DONE = enum.auto()
    RETRY = enum.auto()
    POISON = enum.auto()


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How a queue is read.

    Attributes:
        concurrency: messages that are processed at the same time.
        batch_size: messages that one request receives, at most 32.
        max_attempts: attempts to process a message.
        retry_seconds: how long a failed message stays hidden.
        poll_seconds: the wait after an empty response.
    """

    concurrency: int
    batch_size: int
    max_attempts: int
    retry_seconds: float
    poll_seconds: float


type Handler = Callable[[QueueMessage], Awaitable[None]]
type PoisonQueue = Callable[[QueueMessage], QueueClient | None]


class QueueReader:
    """Calls a handler for each message of a queue."""

    def __init__(
        self, queue: QueueClient, poison: PoisonQueue, handle: Handler, options: ReaderOptions, storage: Storage
    ) -> None:
        """Prepares the reader.

        Args:
            queue: the queue; it may be created later.
            poison: returns the poison queue of a message, or None.
            handle: raises InvocationFailedError for another attempt, UnreadableMessageError for none.
            options: how the queue is read.
            storage: makes the calls.
        """
        self._queue = queue
        self._poison = poison
        self._handle = handle
        self._options = options
        self._storage = storage
        self._outages = OutageLog(f"The queue {queue.queue_name}")
        self._running: set[asyncio.Task[None]] = set()
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Reports a new message, so that it doesn't wait for the next poll."""
        self._notified.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until `stop` is set, then waits until the running handlers have ended."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._notified.clear()
                messages = await self._receive()
                for message in messages:
                    task = tasks.create_task(self._process(message))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                if len(self._running) >= self._options.concurrency:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                elif not messages:
                    await wait_for_any(stop, self._notified, timeout=self._options.poll_seconds)

    async def _receive(self) -> Sequence[QueueMessage]:
        wanted = min(self._options.concurrency - len(self._running), self._options.batch_size)
        messages: Sequence[QueueMessage] = ()
        try:
            with contextlib.suppress(ResourceNotFoundError):  # the queue is created with its first message
                messages = await self._storage.call(_receive, self._queue, wanted)
            self._outages.call_succeeded()
        except AzureError as error:
            self._outages.call_failed(error)
        return messages

    async def _process(self, message: QueueMessage) -> None:
        try:
            match await self._attempt(message):
                case _Outcome.DONE:
                    await self._delete(message)
                case _Outcome.RETRY if self._poison(message):
                    await self._hide(message, int(self._options.retry_seconds))
                case _Outcome.RETRY:
                    pass  # without a poison queue the next attempt comes when the lock ends (QueueProcessor.cs)
                case _Outcome.POISON:
                    await self._move_to_poison(message)
        except AzureError as error:
            log.warning("The message %s of %s will be retried: %s", message.id, self._queue.queue_name, error)
        except Exception:  # the boundary of a message: a defect must not end the others
            log.exception("The message %s of %s will be retried", message.id, self._queue.queue_name)

    async def _attempt(self, message: QueueMessage) -> _Outcome:
        attempts = message.dequeue_count or 0
        if attempts > self._options.max_attempts:
            return _Outcome.POISON
        try:
            async with self._hidden(message):
                await self._handle(message)
        except InvocationFailedError:
            return _Outcome.POISON if attempts >= self._options.max_attempts else _Outcome.RETRY
        except UnreadableMessageError as error:
            log.warning("The message %s of %s can't be read: %s", message.id, self._queue.queue_name, error)
            return _Outcome.POISON
        return _Outcome.DONE

    @contextlib.asynccontextmanager
    async def _hidden(self, message: QueueMessage) -> AsyncIterator[None]:
        """Renews the message's lock inside the context."""
        done = asyncio.Event()
        renewal = asyncio.create_task(self._keep_hidden(message, done))
        try:
            yield
        finally:
            # Not cancelled: a running renewal returns the receipt that deleting or hiding the message needs.
            done.set()
            await renewal

    async def _keep_hidden(self, message: QueueMessage, done: asyncio.Event) -> None:
        while True:
            await wait_for_any(done, timeout=LOCK_SECONDS / 3)
            if done.is_set():
                return
            try:
                await self._hide(message, LOCK_SECONDS)
            except AzureError as error:
                log.warning("The lock of the message %s can't be renewed: %s", message.id, error)

    async def _hide(self, message: QueueMessage, seconds: int) -> None:
        update = self._queue.update_message
        hidden = await self._storage.call(
            update, message.id, message.pop_receipt, visibility_timeout=seconds, tracing_options=UNTRACED
        )
        message.pop_receipt = hidden.pop_receipt

    async def _delete(self, message: QueueMessage) -> None:
        delete = self._queue.delete_message
        await self._storage.call(delete, message.id, message.pop_receipt, tracing_options=UNTRACED)

    async def _move_to_poison(self, message: QueueMessage) -> None:
        poison = self._poison(message)
        if poison is None:
            return
        log.warning(
            "Moving the message %s of %s to %s after %d attempts",
            message.id,
            self._queue.queue_name,
            poison.queue_name,
            message.dequeue_count,
        )
        await self._storage.call(put, poison, message.content)
        await self._delete(message)


def poison_queue(queues: QueueServiceClient, queue_name: str) -> QueueClient | None:
    """The poison queue of a queue; None for a poison queue and for a name that is too long."""
    name = queue_name + _POISON_SUFFIX
    if queue_name.endswith(_POISON_SUFFIX) or len(name) > _MAX_QUEUE_NAME:
        return None
    return queues.get_queue_client(name)


def put(queue: QueueClient, content: str) -> None:
    """Adds a message unchanged to a queue; creates the queue if it is missing."""
    try:
        queue.send_message(content, tracing_options=UNTRACED)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            queue.create_queue(tracing_options=UNTRACED)
        queue.send_message(content, tracing_options=UNTRACED)


def encode(body: bytes, *, in_base64: bool) -> str:
    """The content of a message, encoded as `messageEncoding` in host.json says."""
    return base64.b64encode(body).decode() if in_base64 else body.decode()


def decode(message: QueueMessage, *, in_base64: bool) -> bytes:
    """The body of a message.

    Raises:
        UnreadableMessageError: the content is not base64 although `in_base64` is set.
    """
    if not in_base64:
        return str(message.content).encode()
    try:
        return base64.b64decode(message.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableMessageError("expected base64, as messageEncoding in host.json says") from error


def _receive(queue: QueueClient, count: int) -> list[QueueMessage]:
    messages = queue.receive_messages(
        messages_per_page=count, visibility_timeout=LOCK_SECONDS, tracing_options=UNTRACED
    )
    return list(next(messages.by_page(), ()))
