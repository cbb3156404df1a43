"""Queue triggers: invoke a function for each message of a queue.

The metadata of a message have the keys of QueueTriggerBinding.cs (azure-sdk-for-net,
Microsoft.Azure.WebJobs.Extensions.Storage.Queues).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.host.queue_reader import QueueReader, ReaderOptions, decode, poison_queue
from local.host.worker import Datum

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage

    from local.host.app_settings import QueueSettings
    from local.host.functions import Function, QueueTrigger
    from local.host.storage import Storage
    from local.host.telemetry import TracedWorker


def queue_listener(
    function: Function[QueueTrigger],
    worker: TracedWorker,
    storage: Storage,
    settings: QueueSettings,
    poll_seconds: float,
) -> QueueReader:
    """A reader of the function's queue that runs the function for each message.

    Raises:
        HostError: the trigger's connection is missing.
    """
    trigger = function.trigger
    queues = storage.queues(trigger.connection, f"the function {function.name}")
    poison = poison_queue(queues, trigger.queue_name)

    async def run(message: QueueMessage) -> None:
        body = _body(decode(message, in_base64=settings.base64))
        await worker.invoke(function, body, _metadata(message, body))

    options = ReaderOptions(
        concurrency=settings.batch_size + settings.new_batch_threshold,
        batch_size=settings.batch_size,
        max_attempts=settings.max_dequeue_count,
        retry_seconds=settings.visibility_timeout,
        poll_seconds=poll_seconds,
    )
    return QueueReader(queues.get_queue_client(trigger.queue_name), lambda _: poison, run, options, storage)


def _body(body: bytes) -> Datum:
    try:
        return Datum(body.decode(), "string")
    except UnicodeDecodeError:
        return Datum(body, "bytes")


def _metadata(message: QueueMessage, body: Datum) -> dict[str, Datum]:
    metadata = {
        "Id": Datum(message.id, "string"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        "DequeueCount": Datum(json.dumps(message.dequeue_count), "json"),
        "InsertionTime": _time(message.inserted_on),
        "ExpirationTime": _time(message.expires_on),
        "NextVisibleTime": _time(message.next_visible_on),
    }
    if body.type == "string":
        metadata["QueueTrigger"] = body
    return metadata


def _time(moment: datetime | None) -> Datum:
    """A .NET DateTimeOffset in JSON; None becomes its largest value."""
    moment = moment or datetime.max.replace(tzinfo=UTC)
    return Datum(json.dumps(moment.astimezone(UTC).isoformat()), "json")
