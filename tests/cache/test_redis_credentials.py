"""The app signs in to Redis in Azure with its managed identity, and elsewhere without one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, override

import jwt
import pytest
import redis
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError

from shared.azure.redis_credentials import EntraCredentials, redis_credentials
from shared.cache.errors import CacheUnavailableError
from shared.cache.redis_client import RedisClient
from shared.cache.settings import CacheSettings
from shared.identity.redis_client import redis_client
from testkit.serving import catalog_settings

IDENTITY = "6f4c0000-identity"
_SCOPE = "https://redis.azure.com/.default"
_PATIENT = 10.0
_LOOK_SECONDS = 0.05


def token(number: int) -> str:
    return jwt.encode({"oid": IDENTITY, "number": number}, "a key of Entra's, which the app doesn't know", "HS256")


class Entra(TokenCredential):
    """Gives the first token, which ends after `seconds`, then the second, which stays."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.time() + seconds
        self.is_away = False

    @override
    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        assert scopes == (_SCOPE,)
        if self.is_away:
            raise ClientAuthenticationError("no answer from the identity's endpoint")
        # As azure-identity does, which fetches another some minutes before the end.
        if time.time() < self._ends - 2.0:
            return AccessToken(token(1), int(self._ends))
        return AccessToken(token(2), int(self._ends) + 3_600)


class SignIns(NamedTuple):
    calls: int
    refused: int


def sign_ins(server: redis.Redis) -> SignIns:
    """How often the server was sent AUTH."""
    auth = server.info("commandstats")["cmdstat_auth"]
    return SignIns(auth["calls"], auth["failed_calls"])


def admit(server: redis.Redis, *rules: str) -> None:
    server.execute_command("ACL", "SETUSER", IDENTITY, *rules)  # type: ignore[no-untyped-call]  # untyped in redis-py


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENT):
        while not holds():  # noqa: ASYNC110  # the server and the log know no events
            await asyncio.sleep(_LOOK_SECONDS)  # between two looks, until the deadline


@pytest.fixture
def server(valkey: str) -> Iterator[redis.Redis]:
    """A Valkey that takes the identity's first token."""
    with redis.Redis.from_url(valkey) as client:
        admit(client, "on", f">{token(1)}", "~*", "+@all")
        client.config_resetstat()
        try:
            yield client
        finally:
            client.acl_deluser(IDENTITY)


def client_of(credential: TokenCredential, valkey: str) -> RedisClient:
    async def nothing(_exchange: object) -> None:
        pass

    return RedisClient(CacheSettings(url=valkey, credentials=EntraCredentials(credential)), nothing)


def test_the_managed_identity_is_used_over_tls() -> None:
    assert redis_credentials("rediss://cache.example:10000", "a-client-id")


@pytest.mark.parametrize(
    ("url", "client_id"),
    [
        ("redis://127.0.0.1:6379", None),
        ("redis://127.0.0.1:6379", "a-client-id"),
        ("rediss://:a-password@cache.example:10000", "a-client-id"),
        ("rediss://cache.example:10000", None),
    ],
)
def test_elsewhere_there_are_no_credentials(url: str, client_id: str | None) -> None:
    assert redis_credentials(url, client_id) is None


def test_all_connections_share_one_token() -> None:
    asked = ("rediss://cache.example:10000", "a-client-id")
    assert redis_credentials(*asked) is redis_credentials(*asked)


def test_a_standing_connection_gets_a_new_token_before_its_own_ends(server: redis.Redis, valkey: str) -> None:
    async def outlive_the_token() -> None:
        client = client_of(Entra(3.0), valkey)
        (connection,) = await client.exchange(("CLIENT", "ID"), seconds=_PATIENT)
        admit(server, "resetpass", f">{token(2)}")
        await until(lambda: sign_ins(server).calls == 2)
        assert await client.exchange(("CLIENT", "ID"), ("ACL", "WHOAMI"), seconds=_PATIENT) == [
            connection,
            IDENTITY.encode(),
        ]
        assert sign_ins(server).refused == 0
        await client.close()

    asyncio.run(outlive_the_token())


def test_where_a_new_token_is_refused_the_next_connection_signs_in_anew(server: redis.Redis, valkey: str) -> None:
    async def outlive_the_token() -> None:
        client = client_of(Entra(3.0), valkey)
        await client.exchange(("PING",), seconds=_PATIENT)
        # The server doesn't know the second token yet: AUTH is refused, and the connection given up.
        await until(lambda: sign_ins(server).refused == 1)
        admit(server, f">{token(2)}")
        assert await client.exchange(("ECHO", "mine"), seconds=_PATIENT) == [b"mine"]
        await client.close()

    asyncio.run(outlive_the_token())


def test_without_a_token_requests_fail_and_the_token_is_requested_again(
    server: redis.Redis, valkey: str, caplog: pytest.LogCaptureFixture
) -> None:
    entra = Entra(4.0)

    async def ask() -> None:
        entra.is_away = True
        client = client_of(entra, valkey)
        with pytest.raises(CacheUnavailableError, match="no token for Redis: ClientAuthenticationError"):
            await client.exchange(("PING",), seconds=_PATIENT)
        entra.is_away = False
        assert await client.exchange(("PING",), seconds=_PATIENT) == [b"PONG"]
        entra.is_away = True
        await until(lambda: "isn't sent a new token yet" in caplog.text)
        admit(server, f">{token(2)}")
        entra.is_away = False
        await until(lambda: sign_ins(server).calls == 2)
        await client.close()

    asyncio.run(ask())


def test_waiting_for_a_token_does_not_block_the_event_loop(server: redis.Redis, valkey: str) -> None:
    may_come = threading.Event()

    class Slow(Entra):
        @override
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            assert may_come.wait(_PATIENT)
            return super().get_token(*scopes, **options)

    async def ask() -> None:
        client = client_of(Slow(3_600.0), valkey)
        asking = asyncio.create_task(client.exchange(("PING",), seconds=_PATIENT))
        await asyncio.sleep(0)  # it has asked
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asking), _LOOK_SECONDS)  # a loop that is held up can't say so
        assert not asking.done()
        assert await asyncio.to_thread(lambda: "the others go on") == "the others go on"
        may_come.set()
        assert await asking == [b"PONG"]
        await client.close()

    asyncio.run(ask())
    assert sign_ins(server).refused == 0


@pytest.mark.usefixtures("server")
def test_clients_of_redis_py_sign_in_with_it_too(tmp_path: Path, valkey: str) -> None:
    client = redis_client(catalog_settings(tmp_path, valkey))
    client.connection_pool.connection_kwargs["credential_provider"] = EntraCredentials(Entra(3_600.0))

    async def ask() -> None:
        async with client:
            assert await client.acl_whoami() == IDENTITY

    asyncio.run(ask())


@pytest.mark.parametrize("given", ["no token at all", jwt.encode({"sub": "no oid"}, "k" * 32, "HS256")])
def test_a_token_that_names_no_identity_is_an_error(given: str) -> None:
    class Odd(Entra):
        @override
        def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
            return AccessToken(given, int(time.time()) + 3_600)

    with pytest.raises(redis.ConnectionError, match="no token for Redis"):
        EntraCredentials(Odd(3_600.0)).get_credentials()
