"""Verifies ID tokens and caches the result.

A valid token is cached by its digest until it expires, so the next request with it costs less than a verification.
The state of its user (disabled, deleted, tokens revoked) is fetched from Firebase when it is older than 60 s.
A token that is revoked anywhere is refused within that time. Revocations of this API reach all instances at once
(revocation_channel.py).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.cache.single_flight import SingleFlight
from shared.http.problems import NotFoundError, UnauthorizedError
from shared.identity.directory import Account, UserDirectory
from shared.identity.id_token import INVALID_TOKEN, IdTokenDecoder
from shared.identity.revocation_channel import RevocationChannel
from shared.identity.roles import User, role_of
from shared.settings import Settings

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

    def __init__(self, settings: Settings, directory: UserDirectory) -> None:
        self._directory = directory
        self._decoder = IdTokenDecoder(settings)
        self.revocations = RevocationChannel(settings, self._forget, self._forget_all)
        self._tokens: OrderedDict[bytes, _VerifiedToken] = OrderedDict()
        self._accounts: OrderedDict[str, _FetchedAccount] = OrderedDict()
        self._fetches = SingleFlight[str, _FetchedAccount]()
        self._revision = 0

    async def user(self, token: str) -> User:
        """The user of a valid token. Raises UnauthorizedError, and UnavailableError where Firebase doesn't answer."""
        digest = hashlib.blake2b(token.encode(), digest_size=32).digest()
        verified = self._tokens.get(digest)
        if verified is None:
            if len(token) > _MAX_TOKEN_CHARACTERS:
                raise UnauthorizedError(INVALID_TOKEN)
            claims = await self.claims(token)
            verified = _VerifiedToken(user_of(claims), float(claims["iat"]), float(claims["exp"]))
            _keep(self._tokens, digest, verified, _MAX_TOKENS)
        if verified.expires_at <= time.time():
            raise UnauthorizedError(INVALID_TOKEN)
        account = await self.account(verified.user.uid)
        if account is None or account.disabled or verified.issued_at < account.valid_since:
            raise UnauthorizedError(INVALID_TOKEN)
        return verified.user

    async def claims(self, token: str) -> Mapping[str, Any]:
        """As `IdTokenDecoder.claims`."""
        return await self._decoder.claims(token)

    async def account(self, uid: str) -> Account | None:
        """The account as it was within the last 60 s; None for a deleted user. Raises UnavailableError."""
        fetched = self._accounts.get(uid)
        if fetched is None or time.monotonic() - fetched.at >= ACCOUNT_SECONDS:
            self.revocations.listen()
            fetched = await self._fetches.run(uid, lambda: self._fetch(uid))
        return fetched.account

    async def close(self) -> None:
        """Stops listening and closes the connections."""
        await self.revocations.close()
        await self._decoder.close()

    async def _fetch(self, uid: str) -> _FetchedAccount:
        revision, at = self._revision, time.monotonic()
        try:
            fetched = _FetchedAccount(await self._directory.run(self._directory.account, uid), at)
        except NotFoundError:
            fetched = _FetchedAccount(None, at)
        # A reply from before a revocation isn't kept.
        if revision == self._revision:
            _keep(self._accounts, uid, fetched, _MAX_ACCOUNTS)
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


def _keep[K, V](cache: OrderedDict[K, V], key: K, value: V, maximum: int) -> None:
    """Adds the newest entry and drops the oldest one beyond the maximum."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > maximum:
        cache.popitem(last=False)
