"""Queue triggers on Azurite."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from local.host import queue_reader
from local.host.queue_reader import QueueReader, ReaderOptions
from local.host.storage import Storage
from testkit.waiting import wait_until
from tests.host.hosting import FunctionApp


@pytest.fixture
def queues(azurite: str) -> Iterator[QueueServiceClient]:
    with QueueServiceClient.from_connection_string(azurite) as account:
        yield account


def make(folder: Path, azurite: str, queue: str = "jobs") -> FunctionApp:
    host = {"extensions": {"queues": {"maxDequeueCount": 3}}}
    return FunctionApp.make(folder, "queues", {"QUEUE": queue, "DATA": azurite}, host)


def send(queue: QueueClient, text: str) -> str:
    sent = queue.send_message(base64.b64encode(text.encode()).decode())
    return str(sent.id)


def test_a_message_reaches_the_function_and_is_deleted(
    tmp_path: Path, azurite: str, queues: QueueServiceClient
) -> None:
    app = make(tmp_path / "app", azurite)
    with app.running():
        queue = queues.create_queue("jobs")
        message = send(queue, "héllo")
        (event,) = app.wait_for_events()
        wait_until(lambda: not queue.get_queue_properties().approximate_message_count, "the queue is empty")
    assert (event["body"], event["id"], event["dequeue_count"]) == ("héllo", message, 1)
    assert event["inserted"]


def test_a_failing_message_goes_to_the_poison_queue_after_its_tries(
    tmp_path: Path, azurite: str, queues: QueueServiceClient
) -> None:
    app = make(tmp_path / "app", azurite)
    queue = queues.create_queue("jobs")
    send(queue, "bad")
    with app.running():
        poison = queues.get_queue_client("jobs-poison")
        queues.create_queue("jobs-poison")
        message = wait_until(poison.receive_message, "a message is poison")
        assert message is not None
        assert base64.b64decode(message.content) == b"bad"
        wait_until(lambda: not queue.get_queue_properties().approximate_message_count, "the queue is empty")
    assert [event["dequeue_count"] for event in app.events()] == [1, 2, 3]


def test_a_message_that_is_not_base64_goes_to_the_poison_queue_untried(
    tmp_path: Path, azurite: str, queues: QueueServiceClient
) -> None:
    app = make(tmp_path / "app", azurite)
    queues.create_queue("jobs").send_message("<plain>")
    poison = queues.create_queue("jobs-poison")
    with app.running():
        message = wait_until(poison.receive_message, "a message is poison")
    assert message is not None
    assert message.content == "<plain>"
    assert app.events() == []


def test_a_failing_message_of_a_poison_queue_stays_there(
    tmp_path: Path, azurite: str, queues: QueueServiceClient
) -> None:
    app = make(tmp_path / "app", azurite, "other-poison")
    queue = queues.create_queue("other-poison")
    send(queue, "bad")
    with app.running():
        app.wait_for_events()
        send(queue, "good")
        app.wait_for_events(body="good")
        wait_until(lambda: queue.get_queue_properties().approximate_message_count == 1, "one message is left")
    assert len(app.events(body="bad")) == 1


def test_a_message_stays_hidden_for_as_long_as_it_is_worked_on(
    azurite: str, queues: QueueServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_reader, "LOCK_SECONDS", 2)
    queue = queues.create_queue("jobs")
    send(queue, "long")
    seen: list[str] = []
    reading = ReaderOptions(concurrency=4, batch_size=4, max_attempts=5, retry_seconds=0, poll_seconds=0.05)

    async def run() -> None:
        stop = asyncio.Event()

        async def handle(message: QueueMessage) -> None:
            seen.append(message.id)
            await asyncio.sleep(3.5)
            stop.set()

        await QueueReader(queue, lambda _: None, handle, reading, Storage()).run(stop)

    asyncio.run(run())
    assert len(seen) == 1
    assert not queue.get_queue_properties().approximate_message_count
    assert QueueClient.from_connection_string(azurite, "jobs").peek_messages() == []


def test_what_a_host_was_at_when_it_died_is_tried_again_once_its_lock_ends(
    queues: QueueServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_reader, "LOCK_SECONDS", 1)
    queue = queues.create_queue("jobs")
    send(queue, "job")
    reading = ReaderOptions(concurrency=4, batch_size=4, max_attempts=5, retry_seconds=0, poll_seconds=0.05)
    tries: list[int | None] = []

    async def run() -> None:
        taken, stop = asyncio.Event(), asyncio.Event()

        async def never_end(_message: QueueMessage) -> None:
            taken.set()
            await asyncio.Event().wait()

        async def end(message: QueueMessage) -> None:
            tries.append(message.dequeue_count)
            stop.set()

        dying = asyncio.create_task(QueueReader(queue, lambda _: None, never_end, reading, Storage()).run(stop))
        await taken.wait()
        dying.cancel()
        await asyncio.wait([dying])
        await QueueReader(queue, lambda _: None, end, reading, Storage()).run(stop)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert tries == [2]
