"""The pipelined connection: each request gets its own replies, equal look-ups are sent once, time limits hold."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from shared.cache import redis_client
from shared.cache.deadline import Deadline
from shared.cache.errors import CacheUnavailableError, CommandRefusedError
from shared.cache.redis_client import RedisClient
from shared.cache.settings import CacheSettings
from tests.cache.settings import cache_settings
from tests.identity.fake_key_vault import write_certificate

_PATIENT = 10.0


@pytest.fixture
def settings(valkey: str) -> CacheSettings:
    return cache_settings(valkey)


@asynccontextmanager
async def connected(settings: CacheSettings) -> AsyncIterator[RedisClient]:
    async def nothing(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        pass

    client = RedisClient(settings, nothing)
    try:
        yield client
    finally:
        await client.close()


def look_ups(valkey: str) -> int:
    """How many MGET commands the server has received."""
    with redis.Redis.from_url(valkey) as server:
        return int(server.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"])


def test_concurrent_requests_get_the_replies_to_their_own_commands(settings: CacheSettings) -> None:
    async def ask(client: RedisClient, number: int) -> None:
        key, value = f"key {number}", b"%d" % number * (number * 97 % 5000)
        written, length = await client.exchange(("SET", key, value, "EX", 60), ("STRLEN", key), seconds=_PATIENT)
        assert (written, length) == (b"OK", len(value))
        assert await client.exchange(("MGET", key, "none"), seconds=_PATIENT) == [[value, None]]

    async def all_at_once() -> None:
        async with connected(settings) as client:
            await asyncio.gather(*(ask(client, number) for number in range(500)))

    asyncio.run(all_at_once())


def test_equal_look_ups_that_wait_are_sent_once_and_a_later_one_is_sent_again(
    settings: CacheSettings, valkey: str
) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            await client.exchange(("PING",), seconds=_PATIENT)
            before = look_ups(valkey)
            replies = await asyncio.gather(*(client.exchange(("MGET", "key"), seconds=_PATIENT) for _ in range(100)))
            assert replies == [[[None]]] * 100
            # The first one, and one for all those that came while it was under way.
            assert look_ups(valkey) - before == 2
            await client.exchange(("SET", "key", b"new", "EX", 60), seconds=_PATIENT)
            assert await client.exchange(("MGET", "key"), seconds=_PATIENT) == [[b"new"]]

    asyncio.run(ask())


def test_a_cancelled_request_leaves_the_exchange_to_the_others(settings: CacheSettings) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            impatient = asyncio.create_task(client.exchange(("MGET", "key"), seconds=_PATIENT))
            patient = asyncio.create_task(client.exchange(("ECHO", "mine"), seconds=_PATIENT))
            await asyncio.sleep(0)  # both are sent
            impatient.cancel()
            assert await patient == [b"mine"]

    asyncio.run(ask())


def test_an_error_reply_is_raised_with_its_code_by_its_own_request_alone(settings: CacheSettings) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            await client.exchange(("SADD", "a set", "member"), seconds=_PATIENT)
            refused = asyncio.create_task(client.exchange(("GET", "a set"), ("ECHO", "x"), seconds=_PATIENT))
            served = asyncio.create_task(client.exchange(("ECHO", "mine"), seconds=_PATIENT))
            with pytest.raises(CommandRefusedError) as refusal:
                await refused
            assert refusal.value.code == "WRONGTYPE"
            assert await served == [b"mine"]

    asyncio.run(ask())


def test_without_a_reply_in_time_waiting_requests_fail_and_the_late_reply_is_dropped(
    settings: CacheSettings,
) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            await client.exchange(("PING",), seconds=_PATIENT)
            slow = [client.exchange(("BLPOP", "no list", 1), seconds=0.05) for _ in range(3)]
            errors = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(error) for error in errors} == {CacheUnavailableError}
            assert await client.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]

    asyncio.run(ask())


def test_a_request_that_gives_up_after_waiting_in_the_queue_leaves_the_exchange_to_the_others(
    settings: CacheSettings,
) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            (connection,) = await client.exchange(("CLIENT", "ID"), seconds=_PATIENT)
            before = asyncio.create_task(client.exchange(("BLPOP", "no list", "0.3"), seconds=_PATIENT))
            await asyncio.sleep(0)  # the others wait behind it, and are sent together
            hasty = [
                asyncio.create_task(client.exchange(("BLPOP", "no list", f"0.{n}"), seconds=0.4 + n / 100))
                for n in (5, 6)
            ]
            patient = asyncio.create_task(client.exchange(("CLIENT", "ID"), seconds=_PATIENT))
            first, second = await asyncio.gather(*hasty, return_exceptions=True)
            assert isinstance(first, CacheUnavailableError)
            assert first is second  # the breaker counts it as one failure
            assert not patient.done()
            assert await before == [None]
            assert await patient == [connection]

    asyncio.run(ask())


def test_a_lost_connection_fails_the_waiting_requests_and_the_next_one_gets_another(
    settings: CacheSettings, valkey: str
) -> None:
    async def ask() -> None:
        async with connected(settings) as client:
            await client.exchange(("PING",), seconds=_PATIENT)
            waiting = asyncio.create_task(client.exchange(("BLPOP", "no list", 0), seconds=_PATIENT))
            await asyncio.sleep(0)  # it is sent
            with redis.Redis.from_url(valkey) as server:
                server.client_kill_filter(_type="normal", skipme=True)
            with pytest.raises(CacheUnavailableError, match=r"closed|Connection"):
                await waiting
            assert await client.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]

    asyncio.run(ask())


@pytest.mark.parametrize("is_alone", [True, False])
def test_after_a_refusal_that_may_be_the_connection_s_own_the_next_request_gets_another(
    settings: CacheSettings, valkey: str, *, is_alone: bool
) -> None:
    url = valkey.replace("redis://", "redis://who-may-not-write:word@")

    async def ask() -> None:
        async with connected(dataclasses.replace(settings, url=url)) as client:
            before = await client.exchange(("CLIENT", "ID"), seconds=_PATIENT)
            others = [] if is_alone else [client.exchange(("PING",), seconds=_PATIENT)]
            writing = client.exchange(("SET", "key", b"x", "EX", 60), seconds=_PATIENT)
            refusal, *_ = await asyncio.gather(writing, *others, return_exceptions=True)
            assert isinstance(refusal, CommandRefusedError)
            assert refusal.code == "NOPERM"
            assert await client.exchange(("CLIENT", "ID"), seconds=_PATIENT) != before

    with redis.Redis.from_url(valkey) as server:
        server.execute_command("ACL", "SETUSER", "who-may-not-write", "on", ">word", "~*", "+@all", "-set")
        try:
            asyncio.run(ask())
        finally:
            server.acl_deluser("who-may-not-write")


def test_connecting_goes_on_after_its_requests_gave_up_and_sends_none_of_their_commands(
    settings: CacheSettings, valkey: str
) -> None:
    attempts: list[str] = []
    may_connect = asyncio.Event()

    async def slowly(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")
        await may_connect.wait()

    async def ask() -> None:
        client = RedisClient(settings, slowly)
        for number in range(3):
            with pytest.raises(CacheUnavailableError, match="time limit"):
                await client.exchange(("SET", f"given up {number}", b"x", "EX", 60), seconds=0.05)
        may_connect.set()
        assert await client.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]
        await client.close()

    asyncio.run(ask())
    assert attempts == ["began"]
    with redis.Redis.from_url(valkey) as server:
        assert server.keys("given up *") == []


def test_an_attempt_to_connect_that_hangs_is_followed_by_another(
    settings: CacheSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "_CONNECT_SECONDS", 0.1)
    attempts: list[str] = []

    async def at_second_try(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")
        if len(attempts) == 1:
            await asyncio.Event().wait()

    async def ask() -> None:
        client = RedisClient(settings, at_second_try)
        with pytest.raises(CacheUnavailableError, match="TimeoutError"):
            await client.exchange(("PING",), seconds=_PATIENT)
        assert await client.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]
        await client.close()

    asyncio.run(ask())


def test_whatever_prevents_a_connection_is_raised_by_the_waiting_requests(settings: CacheSettings) -> None:
    async def without_a_token(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        raise ValueError("no token")

    async def ask() -> None:
        client = RedisClient(settings, without_a_token)
        with pytest.raises(CacheUnavailableError, match="no token"):
            await client.exchange(("PING",), seconds=_PATIENT)
        await client.close()

    asyncio.run(ask())


def test_a_closed_client_never_connects_again(settings: CacheSettings) -> None:
    attempts: list[str] = []

    async def counted(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")

    async def ask() -> None:
        client = RedisClient(settings, counted)
        await client.exchange(("PING",), seconds=_PATIENT)
        await client.close()
        with pytest.raises(CacheUnavailableError, match="closed"):
            await client.exchange(("PING",), seconds=_PATIENT)

    asyncio.run(ask())
    assert attempts == ["began"]


def test_connecting_does_not_run_in_the_context_of_the_request_that_needs_it(settings: CacheSettings) -> None:
    request = ContextVar("request", default="none")
    seen: list[str] = []

    async def noted(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        seen.append(request.get())

    async def ask() -> None:
        request.set("mine")
        client = RedisClient(settings, noted)
        await client.exchange(("PING",), seconds=_PATIENT)
        await client.close()

    asyncio.run(ask())
    assert seen == ["none"]


@asynccontextmanager
async def with_tls(valkey: str, certificate: Path) -> AsyncIterator[int]:
    """A port on which the same server is reached by TLS."""
    write_certificate(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    target = urlsplit(valkey)

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pipe(reader, to_server), pipe(from_server, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def test_it_speaks_tls_with_a_ca_file_of_the_url(settings: CacheSettings, valkey: str, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    large = b"x" * 900_000  # many TLS records, and more than the buffer

    async def ask() -> None:
        async with with_tls(valkey, certificate) as port:
            url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
            async with connected(dataclasses.replace(settings, url=url)) as client:
                assert await client.exchange(("SET", "key", large, "EX", 60), seconds=_PATIENT) == [b"OK"]
                assert await client.exchange(("MGET", "key", "none"), seconds=_PATIENT) == [[large, None]]
                many = (client.exchange(("ECHO", f"{number}"), seconds=_PATIENT) for number in range(100))
                assert await asyncio.gather(*many) == [[b"%d" % number] for number in range(100)]

    asyncio.run(ask())


def test_time_in_which_the_process_was_busy_does_not_count_as_waiting() -> None:
    async def measure() -> None:
        ran_out = asyncio.Event()
        limit = Deadline(ran_out.set)
        limit.begin(0.1)
        time.sleep(0.2)  # noqa: ASYNC251  # the process is busy beyond the whole limit
        for _ in range(3):
            await asyncio.sleep(0)  # the timer, which is late, has fired
        assert not ran_out.is_set()
        await asyncio.wait_for(ran_out.wait(), _PATIENT)

    asyncio.run(measure())


def test_a_time_limit_expires_for_the_exchange_under_way_and_not_for_one_that_is_over() -> None:
    async def measure() -> None:
        loop = asyncio.get_running_loop()
        ran_out: asyncio.Future[float] = loop.create_future()
        limit = Deadline(lambda: ran_out.set_result(loop.time()))
        limit.begin(5.0)
        limit.end()
        limit.begin(0.01)
        limit.end()
        began = loop.time()
        limit.begin(0.1)  # the timer of the one before is still running, and is not taken for this one's
        assert await asyncio.wait_for(ran_out, _PATIENT) - began >= 0.1

    asyncio.run(measure())


def test_it_signs_in_with_the_url_s_password_and_selects_its_database(settings: CacheSettings, valkey: str) -> None:
    target = urlsplit(valkey)
    url = f"redis://somebody:a%20word@{target.hostname}:{target.port}/3"

    async def ask() -> None:
        async with connected(dataclasses.replace(settings, url=url)) as client:
            assert await client.exchange(("ACL", "WHOAMI"), seconds=_PATIENT) == [b"somebody"]
            await client.exchange(("SET", "in database 3", b"x", "EX", 60), seconds=_PATIENT)

    with redis.Redis.from_url(valkey) as server:
        server.execute_command("ACL", "SETUSER", "somebody", "on", ">a word", "~*", "+@all")
        try:
            asyncio.run(ask())
        finally:
            server.acl_deluser("somebody")
        assert server.info("keyspace")["db3"]["keys"] == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1", "unix:///tmp/redis.sock", "redis://127.0.0.1?socket_timeout=1"])
def test_a_url_that_it_can_not_honour_is_an_error(settings: CacheSettings, url: str) -> None:
    async def nothing(_exchange: object) -> None:
        pass

    with pytest.raises(ValueError, match="Redis URL"):
        RedisClient(dataclasses.replace(settings, url=url), nothing)
