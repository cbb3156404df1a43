"""Reads a storage queue: what queue triggers and blob triggers share.

As azure-sdk-for-net's Microsoft.Azure.WebJobs.Extensions.Storage.Common (QueueListener.cs, QueueProcessor.cs,
QueuesOptions.cs): messages are hidden while they are worked on, and deleted after; a failed one comes back after
`visibilityTimeout`, and is copied to the poison queue after `maxDequeueCount` tries. A queue that ends in `-poison`
has no poison queue of its own: a failed message of it stays hidden until its lock ends, and isn't tried any more
after `maxDequeueCount`.

Other than there, a message is locked for 30 s at a time (10 minutes there), so that what a killed host was at is
taken up soon.
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

from local.host.pause import pause
from local.host.storage import UNTRACED, Reach
from local.host.worker import InvocationFailedError

if TYPE_CHECKING:
    from local.host.storage import Storage

log = logging.getLogger(__name__)

LOCK_SECONDS = 30
_POISON_SUFFIX = "-poison"
_LONGEST_QUEUE_NAME = 63


class UnreadableMessageError(Exception):
    """A message that no further try can help."""


class _Outcome(enum.Enum):
    DONE = enum.auto()
    TRY_AGAIN = enum.auto()
    GIVE_UP = enum.auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a queue is read.

    Attributes:
        concurrency: messages worked on at once.
        batch_size: messages taken by one request, at most 32.
        max_dequeue_count: tries of a message.
        retry_seconds: how long a failed message stays hidden.
        poll_seconds: the wait after an empty answer.
    """

    concurrency: int
    batch_size: int
    max_dequeue_count: int
    retry_seconds: float
    poll_seconds: float


type Handler = Callable[[QueueMessage], Awaitable[None]]
type PoisonQueue = Callable[[QueueMessage], QueueClient | None]


class QueueReader:
    """Hands each message of a queue to a handler."""

    def __init__(
        self, queue: QueueClient, poison: PoisonQueue, handle: Handler, reading: Reading, storage: Storage
    ) -> None:
        """Reads `queue`.

        Args:
            queue: needn't exist yet.
            poison: gives the queue that a message goes to when it is given up.
            handle: raises InvocationFailedError for another try, UnreadableMessageError to give the message up at once.
            reading: how to read.
            storage: does the calls.
        """
        self._queue = queue
        self._poison = poison
        self._handle = handle
        self._reading = reading
        self._storage = storage
        self._reach = Reach(f"The queue {queue.queue_name}")
        self._at_work: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    def notify(self) -> None:
        """Says that there is a new message, which then needn't wait for the next poll."""
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until told to stop, then until the messages at work are done."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._news.clear()
                messages = await self._receive()
                for message in messages:
                    task = tasks.create_task(self._work_on(message))
                    self._at_work.add(task)
                    task.add_done_callback(self._at_work.discard)
                if len(self._at_work) >= self._reading.concurrency:
                    await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
                elif not messages:
                    await pause(self._reading.poll_seconds, stop, self._news)

    async def _receive(self) -> Sequence[QueueMessage]:
        wanted = min(self._reading.concurrency - len(self._at_work), self._reading.batch_size)
        messages: Sequence[QueueMessage] = ()
        try:
            with contextlib.suppress(ResourceNotFoundError):  # a queue is made when something is first put there
                messages = await self._storage.call(_receive, self._queue, wanted)
            self._reach.found()
        except AzureError as error:
            self._reach.lost(error)
        return messages

    async def _work_on(self, message: QueueMessage) -> None:
        try:
            match await self._attempt(message):
                case _Outcome.DONE:
                    await self._delete(message)
                case _Outcome.TRY_AGAIN if self._poison(message):
                    await self._hide(message, int(self._reading.retry_seconds))
                case _Outcome.TRY_AGAIN:
                    pass  # no poison queue ends its tries: they are spaced by the lock (QueueProcessor.cs)
                case _Outcome.GIVE_UP:
                    await self._give_up(message)
        except AzureError as error:
            log.warning("The message %s of %s will come again: %s", message.id, self._queue.queue_name, error)
        except Exception:  # the boundary of one message: it comes again, the others go on
            log.exception("The message %s of %s will come again", message.id, self._queue.queue_name)

    async def _attempt(self, message: QueueMessage) -> _Outcome:
        tries = message.dequeue_count or 0
        if tries > self._reading.max_dequeue_count:
            return _Outcome.GIVE_UP
        try:
            async with self._hidden(message):
                await self._handle(message)
        except InvocationFailedError:
            return _Outcome.GIVE_UP if tries >= self._reading.max_dequeue_count else _Outcome.TRY_AGAIN
        except UnreadableMessageError as error:
            log.warning("The message %s of %s: %s", message.id, self._queue.queue_name, error)
            return _Outcome.GIVE_UP
        return _Outcome.DONE

    @contextlib.asynccontextmanager
    async def _hidden(self, message: QueueMessage) -> AsyncIterator[None]:
        """Renews the message's lock while the block runs."""
        done = asyncio.Event()
        renewal = asyncio.create_task(self._keep_hidden(message, done))
        try:
            yield
        finally:
            # Not cancelled: a renewal under way makes the receipt that the message is settled with.
            done.set()
            await renewal

    async def _keep_hidden(self, message: QueueMessage, done: asyncio.Event) -> None:
        while True:
            await pause(LOCK_SECONDS / 3, done)
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

    async def _give_up(self, message: QueueMessage) -> None:
        poison = self._poison(message)
        if poison is None:
            return
        log.warning(
            "The message %s of %s has been tried %d times and goes to %s",
            message.id,
            self._queue.queue_name,
            message.dequeue_count,
            poison.queue_name,
        )
        await self._storage.call(put, poison, message.content)
        await self._delete(message)


def poison_queue(queues: QueueServiceClient, queue_name: str) -> QueueClient | None:
    """The poison queue of a queue; None for one that is a poison queue itself or with too long a name."""
    name = queue_name + _POISON_SUFFIX
    if queue_name.endswith(_POISON_SUFFIX) or len(name) > _LONGEST_QUEUE_NAME:
        return None
    return queues.get_queue_client(name)


def put(queue: QueueClient, content: str) -> None:
    """Puts a message, as it is, on a queue, which is made where it is missing."""
    try:
        queue.send_message(content, tracing_options=UNTRACED)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            queue.create_queue(tracing_options=UNTRACED)
        queue.send_message(content, tracing_options=UNTRACED)


def encode(body: bytes, *, in_base64: bool) -> str:
    """A message's content, in the encoding of host.json's `messageEncoding`."""
    return base64.b64encode(body).decode() if in_base64 else body.decode()


def decode(message: QueueMessage, *, in_base64: bool) -> bytes:
    """A message's body.

    Raises:
        UnreadableMessageError: it isn't base64 where it should be.
    """
    if not in_base64:
        return str(message.content).encode()
    try:
        return base64.b64decode(message.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableMessageError("it isn't base64, as host.json's messageEncoding says") from error


def _receive(queue: QueueClient, count: int) -> list[QueueMessage]:
    messages = queue.receive_messages(
        messages_per_page=count, visibility_timeout=LOCK_SECONDS, tracing_options=UNTRACED
    )
    return list(next(messages.by_page(), ()))
