"""Verifies ID tokens and caches the result.

A valid token is cached by its digest until it expires, so the next request with it costs less than a verification.
The state of its user (disabled, deleted, tokens revoked) is fetched from Firebase when it is older than 60 s.
A token that is revoked anywhere is refused within that time. Revocations of this API reach all instances at once
(revocation_channel.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachetools import FIFOCache, TLRUCache

from shared.cache.single_flight import SingleFlight
from shared.http.problems import NotFoundError, UnauthorizedError
from shared.identity.directory import Account, UserDirectory
from shared.identity.id_token import INVALID_TOKEN, IdTokenDecoder
from shared.identity.revocation_channel import RevocationChannel
from shared.identity.roles import User, role_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

ACCOUNT_SECONDS = 60.0
_MAX_TOKENS = 10_000
_MAX_ACCOUNTS = 10_000
# Firebase's tokens have some 1,000 characters; custom claims may add 1,000.
_MAX_TOKEN_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class _VerifiedToken:
    """The claims that count; times are Unix seconds."""

    user: User
    issued_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class _FetchedAccount:
    """An account and the time of its request (`time.monotonic`); None for a deleted user."""

    account: Account | None
    at: float


class TokenVerifier:
    """The tokens and accounts that this process knows; belongs to one event loop."""

    def __init__(self, decoder: IdTokenDecoder, directory: UserDirectory, redis: Redis) -> None:
        self._decoder = decoder
        self._directory = directory
        self.revocations = RevocationChannel(redis, self._forget, self._forget_all)
        self._tokens = FIFOCache[bytes, _VerifiedToken](_MAX_TOKENS)
        self._accounts = TLRUCache[str, _FetchedAccount](
            _MAX_ACCOUNTS, ttu=lambda _uid, fetched, _now: fetched.at + ACCOUNT_SECONDS, timer=time.monotonic
        )
        self._fetches = SingleFlight[str, _FetchedAccount]()
        self._revision = 0

    async def user(self, token: str) -> User:
        """The user of a valid token. Raises UnauthorizedError, and UnavailableError where Firebase doesn't answer."""
        digest = hashlib.blake2b(token.encode(), digest_size=32).digest()
        verified = self._tokens.get(digest)
        if verified is None:
            if len(token) > _MAX_TOKEN_CHARACTERS:
                raise UnauthorizedError(INVALID_TOKEN)
            claims = await self._decoder.claims(token)
            verified = _VerifiedToken(user_of(claims), float(claims["iat"]), float(claims["exp"]))
            self._tokens[digest] = verified
        if verified.expires_at <= time.time():
            raise UnauthorizedError(INVALID_TOKEN)
        account = await self.account(verified.user.uid)
        if account is None or account.disabled or verified.issued_at < account.valid_since:
            raise UnauthorizedError(INVALID_TOKEN)
        return verified.user

    async def account(self, uid: str) -> Account | None:
        """The account as it was within the last 60 s; None for a deleted user. Raises UnavailableError."""
        fetched = self._accounts.get(uid)
        if fetched is None:
            self.revocations.listen()
            fetched = await self._fetches.run(uid, lambda: self._fetch(uid))
        return fetched.account

    async def _fetch(self, uid: str) -> _FetchedAccount:
        revision, at = self._revision, time.monotonic()
        account: Account | None = None
        with contextlib.suppress(NotFoundError):
            account = await self._directory.run(self._directory.account, uid)
        fetched = _FetchedAccount(account, at)
        # A reply from before a revocation isn't kept.
        if revision == self._revision:
            self._accounts[uid] = fetched
        return fetched

    def _forget(self, uid: str) -> None:
        self._revision += 1
        self._accounts.pop(uid, None)
        self._fetches.forget(uid)

    def _forget_all(self) -> None:
        self._revision += 1
        self._accounts.clear()
        self._fetches.forget_all()


def user_of(claims: Mapping[str, Any]) -> User:
    """The user that a token's claims name."""
    email = claims.get("email")
    return User(claims["sub"], email if isinstance(email, str) else None, role_of(claims))
