"""Each part of the local cloud answers what the application asks of it."""

from __future__ import annotations

import httpx
import redis
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient


def test_valkey_answers(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.set("key", "value", ex=10)
        assert client.get("key") == b"value"


def test_azurite_keeps_blobs_and_queues(azurite: str) -> None:
    with BlobServiceClient.from_connection_string(azurite) as storage:
        container = storage.create_container("imports")
        container.upload_blob("a.csv", b"id\n")
        assert container.download_blob("a.csv").readall() == b"id\n"
    with QueueClient.from_connection_string(azurite, "poison") as queue:
        queue.create_queue()
        queue.send_message("hello")
        message = queue.receive_message()
        assert message is not None
        assert message.content == "hello"


def test_each_test_has_an_empty_storage_account(azurite: str) -> None:
    with BlobServiceClient.from_connection_string(azurite) as storage:
        assert list(storage.list_containers()) == []


def test_auth_emulator_signs_up(auth_emulator: str) -> None:
    reply = httpx.post(
        f"http://{auth_emulator}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any",
        json={"email": "services@example.com", "password": "a password", "returnSecureToken": True},
    )
    assert reply.status_code == 200
    assert reply.json()["email"] == "services@example.com"
