"""Whose token it is: verified by firebase-admin, and for a minute remembered.

A valid token is known by its digest, so that the next request with it costs less than a verification; never beyond its
expiry. What Firebase says of its user (disabled, deleted, since when his tokens are valid) is asked when it is older
than 60 s: within that time a token that was revoked anywhere is refused. What this API revokes, it tells all instances
at once (revocations.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.http.problems import NotFoundError, UnauthorizedError
from shared.identity.directory import NOT_VALID, Account, UserDirectory
from shared.identity.revocations import Revocations
from shared.identity.roles import User, role_of
from shared.settings import Settings

ACCOUNT_SECONDS = 60.0
_TOKENS = 10_000
_ACCOUNTS = 10_000
# Firebase's tokens have some 1,000 characters; claims may add 1,000.
_LONGEST_TOKEN = 8192
_JWT_DOTS = 2


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was verified; times are Unix seconds."""

    user: User
    issued_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """What Firebase said, and when it was asked (`time.monotonic`); None for a deleted user."""

    account: Account | None
    at: float


class TokenVerifier:
    """The tokens and users that this process knows; belongs to one event loop."""

    def __init__(self, settings: Settings, directory: UserDirectory) -> None:
        self._directory = directory
        self.revocations = Revocations(settings, self._forget, self._forget_everybody)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Asked]] = {}

    async def user(self, token: str) -> User:
        """Raises UnauthorizedError for a token that isn't valid, UnavailableError where that can't be known."""
        digest = hashlib.blake2b(token.encode(), digest_size=32).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._verify(token)
            _keep(self._known, digest, known, _TOKENS)
        if known.expires_at <= time.time():
            raise UnauthorizedError(NOT_VALID)
        asked = self._asked.get(known.user.uid)
        if asked is None or time.monotonic() - asked.at >= ACCOUNT_SECONDS:
            asked = await self._ask(known.user.uid)
        account = asked.account
        if account is None or account.disabled or known.issued_at < account.valid_since:
            raise UnauthorizedError(NOT_VALID)
        return known.user

    async def account(self, uid: str) -> Account | None:
        """What Firebase said of a user within the last minute; None where there is none."""
        asked = self._asked.get(uid)
        if asked is None or time.monotonic() - asked.at >= ACCOUNT_SECONDS:
            asked = await self._ask(uid)
        return asked.account

    async def close(self) -> None:
        """Ends the listening."""
        await self.revocations.close()

    async def _verify(self, token: str) -> _Known:
        if len(token) > _LONGEST_TOKEN or token.count(".") != _JWT_DOTS:
            raise UnauthorizedError(NOT_VALID)
        claims = await self._directory.verify(token)
        try:
            return _Known(user_of(claims), float(claims["iat"]), float(claims["exp"]))
        except (KeyError, TypeError, ValueError):  # the emulator's can be anything
            raise UnauthorizedError(NOT_VALID) from None

    async def _ask(self, uid: str) -> _Asked:
        """One question for all requests that wait for the same answer."""
        self.revocations.listen()
        task = self._asking.get(uid)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._answer(uid))
            self._asking[uid] = task
            task.add_done_callback(lambda done: self._answered(uid, done))
        return await asyncio.shield(task)

    async def _answer(self, uid: str) -> _Asked:
        at = time.monotonic()
        try:
            return _Asked(await self._directory.account(uid), at)
        except NotFoundError:
            return _Asked(None, at)

    def _answered(self, uid: str, task: asyncio.Task[_Asked]) -> None:
        # The exception is retrieved here, also where everybody who waited for it has hung up.
        failed = task.cancelled() or task.exception() is not None
        # An answer from before a revocation isn't kept: `_forget` has taken its question out.
        if self._asking.get(uid) is task:
            del self._asking[uid]
            if not failed:
                _keep(self._asked, uid, task.result(), _ACCOUNTS)

    def _forget(self, uid: str) -> None:
        self._asked.pop(uid, None)
        self._asking.pop(uid, None)

    def _forget_everybody(self) -> None:
        self._asked.clear()
        self._asking.clear()


def user_of(claims: Mapping[str, Any]) -> User:
    """Whom a token's claims name. Raises KeyError where they name nobody."""
    email = claims.get("email")
    return User(str(claims["sub"]), email if isinstance(email, str) else None, role_of(claims))


def _keep[K, V](store: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    store[key] = value
    store.move_to_end(key)
    if len(store) > most:
        store.popitem(last=False)
