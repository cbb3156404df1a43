"""Throttling of failed attempts: 10 per e-mail, 50 per address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import redis
from pydantic import SecretStr

from shared.api import create_app
from shared.services import Services
from testkit.serving import catalog_settings, served
from tests.identity.people import PASSWORD, People

NOBODY = SecretStr("redis://127.0.0.1:9/0")


def log_in(api: httpx.Client, email: str, password: str = "not the password", address: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    return api.post("/api/auth/login", json={"email": email, "password": password}, headers=headers)


def assert_throttled(reply: httpx.Response) -> None:
    assert reply.status_code == 429, reply.text
    assert 1 <= int(reply.headers["Retry-After"]) <= 900


def test_after_ten_failures_of_an_email_the_right_password_is_refused_too(api: httpx.Client, people: People) -> None:
    ada, bob = people.sign_up(), people.sign_up()
    spellings = [ada.email, ada.email.upper()] * 5
    assert [log_in(api, email).status_code for email in spellings] == [401] * 10
    assert_throttled(log_in(api, ada.email, PASSWORD))
    assert_throttled(log_in(api, ada.email, PASSWORD, address="203.0.113.9"))
    assert log_in(api, bob.email, PASSWORD).status_code == 200


def test_an_unknown_email_is_throttled_like_a_known_one(api: httpx.Client) -> None:
    email = f"{time.monotonic_ns()}@example.com"
    assert [log_in(api, email).status_code for _ in range(10)] == [401] * 10
    assert_throttled(log_in(api, email))


def test_of_many_concurrent_attempts_ten_may_fail(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    with ThreadPoolExecutor(30) as pool:
        statuses = sorted(pool.map(lambda _: log_in(api, ada.email).status_code, range(30)))
    assert statuses == [401] * 10 + [429] * 20


def test_many_concurrent_attempts_with_the_right_password_all_pass(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    with ThreadPoolExecutor(20) as pool:
        statuses = set(pool.map(lambda _: log_in(api, ada.email, PASSWORD).status_code, range(20)))
    assert statuses == {200}


@pytest.mark.parametrize(
    "spellings",
    [
        ["198.51.100.7", "198.51.100.7:4711", "1.1.1.{n}, 198.51.100.7:{n}", "evil,198.51.100.7"],
        ["[2001:db8::7]:4711", "2001:db8::7", "[2001:DB8:0::7]", "10.0.0.{n}, [2001:db8::7]:{n}"],
    ],
)
def test_only_the_last_forwarded_address_counts_without_its_port(
    api: httpx.Client, people: People, spellings: list[str]
) -> None:
    ada = people.sign_up()
    for number in range(50):
        address = spellings[number % len(spellings)].format(n=number + 1000)
        assert log_in(api, f"{number}{ada.email}", address=address).status_code == 401
    assert_throttled(log_in(api, ada.email, PASSWORD, address=spellings[0]))
    assert log_in(api, ada.email, PASSWORD, address=f"{spellings[0]}, 192.0.2.1").status_code == 200


def test_sign_ups_with_a_known_email_are_throttled(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    body = {"email": ada.email, "password": PASSWORD}
    assert [api.post("/api/auth/signup", json=body).status_code for _ in range(10)] == [409] * 10
    assert_throttled(api.post("/api/auth/signup", json=body))


def test_failures_count_for_all_instances(api: httpx.Client, people: People, services: Services) -> None:
    ada = people.sign_up()
    for _ in range(10):
        log_in(api, ada.email)
    with served(create_app(Services(services.settings))) as other:
        assert_throttled(log_in(other, ada.email, PASSWORD))


def test_keys_in_redis_show_no_email_and_no_address(api: httpx.Client, people: People, valkey: str) -> None:
    ada = people.sign_up()
    log_in(api, ada.email, address="198.51.100.77")
    with redis.Redis.from_url(valkey) as client:
        keys = b" ".join(client.keys("*identity*"))
    assert b"identity:failures" in keys
    assert ada.email.encode() not in keys
    assert b"198.51.100.77" not in keys


@pytest.fixture
def api_without_redis(tmp_path: Path, valkey: str, emulated: str) -> Iterator[httpx.Client]:
    settings = catalog_settings(tmp_path, valkey, firebase_auth_emulator_host=emulated)
    with served(create_app(Services(settings.model_copy(update={"redis_url": NOBODY})))) as client:
        yield client


def test_without_redis_each_process_counts_by_itself(api_without_redis: httpx.Client, emulated: str) -> None:
    people = People(api_without_redis, emulated)
    ada = people.sign_up()
    assert [log_in(api_without_redis, ada.email).status_code for _ in range(10)] == [401] * 10
    assert_throttled(log_in(api_without_redis, ada.email, PASSWORD))
    assert api_without_redis.post("/api/auth/logout", headers=ada.bearer).status_code == 204
    assert api_without_redis.get("/api/auth/me", headers=ada.bearer).status_code == 401
