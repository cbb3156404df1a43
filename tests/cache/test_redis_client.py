"""The pipelined connection: whose reply is whose, who is asked once, and what counts as waiting."""

from __future__ import annotations

import asyncio
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
from pydantic import SecretStr

from shared.cache import redis_client
from shared.cache.deadline import Deadline
from shared.cache.redis_client import CacheRefusedError, CacheUnavailableError, RedisClient
from shared.settings import Settings
from testkit.serving import catalog_settings
from tests.identity.fake_key_vault import write_certificate

_PATIENT = 10.0


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    return catalog_settings(tmp_path, valkey)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[RedisClient]:
    async def nothing(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        pass

    link = RedisClient(settings, nothing)
    try:
        yield link
    finally:
        await link.close()


def look_ups(valkey: str) -> int:
    """How often the server was asked MGET."""
    with redis.Redis.from_url(valkey) as client:
        return int(client.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"])


def test_each_gets_the_replies_to_his_own_questions_however_many_ask_at_once(settings: Settings) -> None:
    async def ask(link: RedisClient, number: int) -> None:
        key, value = f"key {number}", b"%d" % number * (number * 97 % 5000)
        written, length = await link.exchange(("SET", key, value, "EX", 60), ("STRLEN", key), seconds=_PATIENT)
        assert (written, length) == (b"OK", len(value))
        assert await link.exchange(("MGET", key, "none"), seconds=_PATIENT) == [[value, None]]

    async def all_at_once() -> None:
        async with connected(settings) as link:
            await asyncio.gather(*(ask(link, number) for number in range(500)))

    asyncio.run(all_at_once())


def test_equal_look_ups_that_wait_are_asked_once_and_a_later_one_is_asked_anew(settings: Settings, valkey: str) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            await link.exchange(("PING",), seconds=_PATIENT)
            before = look_ups(valkey)
            replies = await asyncio.gather(*(link.exchange(("MGET", "key"), seconds=_PATIENT) for _ in range(100)))
            assert replies == [[[None]]] * 100
            # The first one, and once for all those that came while it was under way.
            assert look_ups(valkey) - before == 2
            await link.exchange(("SET", "key", b"new", "EX", 60), seconds=_PATIENT)
            assert await link.exchange(("MGET", "key"), seconds=_PATIENT) == [[b"new"]]

    asyncio.run(ask())


def test_who_hangs_up_leaves_the_exchange_to_the_others(settings: Settings) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            impatient = asyncio.create_task(link.exchange(("MGET", "key"), seconds=_PATIENT))
            patient = asyncio.create_task(link.exchange(("ECHO", "mine"), seconds=_PATIENT))
            await asyncio.sleep(0)  # both have asked
            impatient.cancel()
            assert await patient == [b"mine"]

    asyncio.run(ask())


def test_an_error_among_the_replies_is_its_askers_alone_and_named_by_its_code(settings: Settings) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            await link.exchange(("SADD", "a set", "member"), seconds=_PATIENT)
            refused = asyncio.create_task(link.exchange(("GET", "a set"), ("ECHO", "x"), seconds=_PATIENT))
            served = asyncio.create_task(link.exchange(("ECHO", "mine"), seconds=_PATIENT))
            with pytest.raises(CacheRefusedError) as refusal:
                await refused
            assert refusal.value.code == "WRONGTYPE"
            assert await served == [b"mine"]

    asyncio.run(ask())


def test_without_a_reply_in_time_all_who_wait_are_told_and_the_late_reply_is_nobodys(settings: Settings) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            await link.exchange(("PING",), seconds=_PATIENT)
            slow = [link.exchange(("BLPOP", "no list", 1), seconds=0.05) for _ in range(3)]
            errors = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(error) for error in errors} == {CacheUnavailableError}
            assert await link.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]

    asyncio.run(ask())


def test_who_waited_behind_an_exchange_has_less_time_for_his_own_and_giving_up_leaves_it_to_the_others(
    settings: Settings,
) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            (connection,) = await link.exchange(("CLIENT", "ID"), seconds=_PATIENT)
            before = asyncio.create_task(link.exchange(("BLPOP", "no list", "0.3"), seconds=_PATIENT))
            await asyncio.sleep(0)  # the others wait behind it, and are sent together
            hasty = [
                asyncio.create_task(link.exchange(("BLPOP", "no list", f"0.{n}"), seconds=0.4 + n / 100))
                for n in (5, 6)
            ]
            patient = asyncio.create_task(link.exchange(("CLIENT", "ID"), seconds=_PATIENT))
            first, second = await asyncio.gather(*hasty, return_exceptions=True)
            assert isinstance(first, CacheUnavailableError)
            assert first is second  # the breaker counts it as one failure
            assert not patient.done()
            assert await before == [None]
            assert await patient == [connection]

    asyncio.run(ask())


def test_a_connection_that_is_cut_fails_who_waits_and_the_next_one_gets_another(
    settings: Settings, valkey: str
) -> None:
    async def ask() -> None:
        async with connected(settings) as link:
            await link.exchange(("PING",), seconds=_PATIENT)
            waiting = asyncio.create_task(link.exchange(("BLPOP", "no list", 0), seconds=_PATIENT))
            await asyncio.sleep(0)  # it has asked
            with redis.Redis.from_url(valkey) as client:
                client.client_kill_filter(_type="normal", skipme=True)
            with pytest.raises(CacheUnavailableError, match=r"closed|Connection"):
                await waiting
            assert await link.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]

    asyncio.run(ask())


@pytest.mark.parametrize("is_alone", [True, False])
def test_after_a_refusal_that_may_be_the_connection_s_own_the_next_exchange_has_another(
    settings: Settings, valkey: str, *, is_alone: bool
) -> None:
    url = SecretStr(valkey.replace("redis://", "redis://who-may-not-write:word@"))

    async def ask() -> None:
        async with connected(settings.model_copy(update={"redis_url": url})) as link:
            before = await link.exchange(("CLIENT", "ID"), seconds=_PATIENT)
            others = [] if is_alone else [link.exchange(("PING",), seconds=_PATIENT)]
            writing = link.exchange(("SET", "key", b"x", "EX", 60), seconds=_PATIENT)
            refusal, *_ = await asyncio.gather(writing, *others, return_exceptions=True)
            assert isinstance(refusal, CacheRefusedError)
            assert refusal.code == "NOPERM"
            assert await link.exchange(("CLIENT", "ID"), seconds=_PATIENT) != before

    with redis.Redis.from_url(valkey) as client:
        client.execute_command("ACL", "SETUSER", "who-may-not-write", "on", ">word", "~*", "+@all", "-set")
        try:
            asyncio.run(ask())
        finally:
            client.acl_deluser("who-may-not-write")


def test_connecting_goes_on_after_those_who_asked_gave_up_and_sends_nothing_of_theirs(
    settings: Settings, valkey: str
) -> None:
    attempts: list[str] = []
    may_connect = asyncio.Event()

    async def slowly(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")
        await may_connect.wait()

    async def ask() -> None:
        link = RedisClient(settings, slowly)
        for number in range(3):
            with pytest.raises(CacheUnavailableError, match="time limit"):
                await link.exchange(("SET", f"given up {number}", b"x", "EX", 60), seconds=0.05)
        may_connect.set()
        assert await link.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]
        await link.close()

    asyncio.run(ask())
    assert attempts == ["began"]
    with redis.Redis.from_url(valkey) as client:
        assert client.keys("given up *") == []


def test_an_attempt_to_connect_that_hangs_is_followed_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "_CONNECT_SECONDS", 0.1)
    attempts: list[str] = []

    async def at_second_try(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")
        if len(attempts) == 1:
            await asyncio.Event().wait()

    async def ask() -> None:
        link = RedisClient(settings, at_second_try)
        with pytest.raises(CacheUnavailableError, match="TimeoutError"):
            await link.exchange(("PING",), seconds=_PATIENT)
        assert await link.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]
        await link.close()

    asyncio.run(ask())


def test_whatever_keeps_it_from_connecting_is_told_to_who_asked(settings: Settings) -> None:
    async def without_a_token(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        raise ValueError("no token")

    async def ask() -> None:
        link = RedisClient(settings, without_a_token)
        with pytest.raises(CacheUnavailableError, match="no token"):
            await link.exchange(("PING",), seconds=_PATIENT)
        await link.close()

    asyncio.run(ask())


def test_a_link_that_was_closed_never_connects_again(settings: Settings) -> None:
    attempts: list[str] = []

    async def counted(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        attempts.append("began")

    async def ask() -> None:
        link = RedisClient(settings, counted)
        await link.exchange(("PING",), seconds=_PATIENT)
        await link.close()
        with pytest.raises(CacheUnavailableError, match="closed"):
            await link.exchange(("PING",), seconds=_PATIENT)

    asyncio.run(ask())
    assert attempts == ["began"]


def test_connecting_is_no_part_of_the_request_that_needs_it(settings: Settings) -> None:
    request = ContextVar("request", default="none")
    seen: list[str] = []

    async def noted(_exchange: Callable[[Sequence[Any]], Awaitable[list[Any]]]) -> None:
        seen.append(request.get())

    async def ask() -> None:
        request.set("mine")
        link = RedisClient(settings, noted)
        await link.exchange(("PING",), seconds=_PATIENT)
        await link.close()

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


def test_the_socket_is_taken_over_with_its_tls(settings: Settings, valkey: str, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    large = b"x" * 900_000  # many TLS records, and more than the buffer

    async def ask() -> None:
        async with with_tls(valkey, certificate) as port:
            url = SecretStr(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
            async with connected(settings.model_copy(update={"redis_url": url})) as link:
                assert await link.exchange(("SET", "key", large, "EX", 60), seconds=_PATIENT) == [b"OK"]
                assert await link.exchange(("MGET", "key", "none"), seconds=_PATIENT) == [[large, None]]
                many = (link.exchange(("ECHO", f"{number}"), seconds=_PATIENT) for number in range(100))
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


def test_a_time_limit_runs_out_for_the_exchange_under_way_and_not_for_one_that_is_over() -> None:
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
