"""The rules of users, tokens and roles, over Firebase."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from shared.database.mssql.locks import take_transaction_lock
from shared.http.problems import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProblemError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    ValidationFailedError,
)
from shared.identity.directory import NO_ANSWER, Account, UserDirectory
from shared.identity.firebase_rest import FirebaseRestClient, RefusedByFirebaseError
from shared.identity.id_token import IdTokenDecoder
from shared.identity.redis_client import redis_client
from shared.identity.roles import Role, User, includes, role_of
from shared.identity.schemas import LoggedIn, LogIn, SignedUp, SignUp, Tokens
from shared.identity.throttling import Throttle
from shared.identity.token_verifier import TokenVerifier
from shared.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shared.database.transactions import Transactions

log = logging.getLogger(__name__)

_WRONG_PASSWORD = "The e-mail address or the password is wrong."  # noqa: S105  # a sentence
_BAD_REFRESH_TOKEN = "The refresh token is invalid, expired or revoked. Log in again."  # noqa: S105  # a sentence
_WRONG_CODES = frozenset(
    {"EMAIL_NOT_FOUND", "INVALID_PASSWORD", "INVALID_LOGIN_CREDENTIALS", "USER_DISABLED", "INVALID_EMAIL"}
)
_BAD_REFRESH_CODES = frozenset(
    {"TOKEN_EXPIRED", "USER_DISABLED", "USER_NOT_FOUND", "INVALID_REFRESH_TOKEN", "INVALID_GRANT_TYPE"}
)


class IdentityService:
    """Sign-up, log-in, tokens and roles."""

    def __init__(self, settings: Settings, locks: Callable[[], Transactions]) -> None:
        """`locks` gives the SQL store that serialises changes of admins' roles; nothing else uses it."""
        self._settings = settings
        self._locks = locks
        self._http = httpx.AsyncClient()
        self._redis = redis_client(settings)
        self._directory = UserDirectory(settings)
        self._rest = FirebaseRestClient(settings, self._http)
        self._decoder = IdTokenDecoder(settings, self._http)
        self._tokens = TokenVerifier(self._decoder, self._directory, self._redis)
        self._throttle = Throttle(settings.redis_url.get_secret_value(), self._redis)

    async def verify(self, token: str) -> User:
        """The user of a valid token. Raises UnauthorizedError, UnavailableError."""
        return await self._tokens.user(token)

    async def sign_up(self, new: SignUp, address: str) -> SignedUp:
        """Raises ConflictError for a known e-mail, which counts as a failed attempt, and TooManyRequestsError."""
        async with self._throttle.attempt(new.email, address):
            try:
                answer = await self._rest.sign_up(new.email, new.password.get_secret_value())
            except RefusedByFirebaseError as error:
                raise _sign_up_refusal(error) from None
        return SignedUp(uid=answer.local_id, email=answer.email)

    async def log_in(self, given: LogIn, address: str) -> LoggedIn:
        """Raises UnauthorizedError, the same for a wrong password and an unknown e-mail, and TooManyRequestsError."""
        async with self._throttle.attempt(given.email, address):
            try:
                answer = await self._rest.sign_in(given.email, given.password.get_secret_value())
            except RefusedByFirebaseError as error:
                if error.code in _WRONG_CODES:
                    raise UnauthorizedError(_WRONG_PASSWORD) from None
                raise _refusal(error) from None
        return LoggedIn(
            id_token=answer.id_token,
            refresh_token=answer.refresh_token,
            expires_in=answer.expires_in,
            uid=answer.local_id,
            email=answer.email,
            role=role_of(await self._decoder.claims(answer.id_token)),
        )

    async def refresh(self, refresh_token: SecretStr) -> Tokens:
        """Raises UnauthorizedError for an unknown or revoked refresh token."""
        try:
            tokens = await self._rest.refresh(refresh_token.get_secret_value())
        except RefusedByFirebaseError as error:
            if error.code in _BAD_REFRESH_CODES:
                raise UnauthorizedError(_BAD_REFRESH_TOKEN) from None
            raise _refusal(error) from None
        claims = await self._decoder.claims(tokens.id_token)
        account = await self._tokens.account(str(claims["sub"]))
        # Firebase refuses revoked refresh tokens; its emulator doesn't.
        if account is None or account.disabled or claims["auth_time"] < account.valid_since:
            raise UnauthorizedError(_BAD_REFRESH_TOKEN)
        return tokens

    async def reset_password(self, email: str) -> None:
        """Lets Firebase send a link if a user has this address; the caller can't tell whether it did."""
        try:
            await self._rest.send_password_reset(email)
        except RefusedByFirebaseError as error:
            if error.code not in {"EMAIL_NOT_FOUND", "INVALID_EMAIL", "RESET_PASSWORD_EXCEED_LIMIT"}:
                raise _refusal(error) from None

    async def revoke_tokens(self, uid: str) -> None:
        """Revokes in every instance each of the user's tokens that was issued before this call.

        Firebase keeps times in whole seconds, and accepts a token that was issued in the second of the revocation.
        So this waits for the next second. Raises UnavailableError.
        """
        second = math.floor(time.time()) + 1
        await asyncio.sleep(second - time.time())
        await self._directory.run(self._directory.revoke, uid, before=second)
        await self._tokens.revocations.publish(uid)

    async def find_user(self, email: str) -> User:
        """Raises NotFoundError, UnavailableError."""
        return (await self._directory.run(self._directory.account_by_email, email)).user

    async def set_role(self, acting: User, uid: str, role: Role | None) -> User:
        """Sets the role, which counts from the user's next ID token. Removing a role revokes the user's tokens.

        Raises NotFoundError, and ConflictError for the acting user's own role. So one admin always remains: only
        another admin can demote an admin, and a lock that all instances share serialises these changes.
        """
        if uid == acting.uid:
            raise ConflictError("You can't change your own role. Ask another administrator.")
        account = await self._directory.run(self._directory.account, uid)
        if account.user.role == "admin" and role != "admin":
            return await self._demote_admin(acting, uid, role)
        return await self._change_role(account, role)

    async def close(self) -> None:
        """Closes connections, threads and tasks."""
        await self._tokens.revocations.close()
        await self._redis.aclose()
        await self._http.aclose()
        self._directory.close()

    async def _change_role(self, account: Account, role: Role | None) -> User:
        if includes(role, account.user.role):
            return (await self._directory.run(self._directory.set_role, account, role, valid_since=None)).user
        changed = await self._directory.run(self._directory.set_role, account, role, valid_since=int(time.time()))
        await self.revoke_tokens(account.user.uid)
        return changed.user

    async def _demote_admin(self, acting: User, uid: str, role: Role | None) -> User:
        def work(connection: sa.Connection) -> Account:
            lock_admin_roles(connection)
            if not self._is_admin_now(acting.uid):
                raise ForbiddenError(
                    "Expected an acting user with the role admin, but this role has just been removed from you."
                )
            return self._directory.set_role(self._directory.account(uid), role, int(time.time()))

        try:
            async with asyncio.timeout(self._settings.firebase_seconds):
                # The transaction only holds the lock, so the outcome of its commit doesn't matter.
                changed = await self._locks().write(work, lambda _connection, _account: True)
        except TimeoutError:
            raise UnavailableError(NO_ANSWER) from None
        await self.revoke_tokens(uid)
        return changed.user

    def _is_admin_now(self, uid: str) -> bool:
        try:
            account = self._directory.account(uid)
        except NotFoundError:
            return False
        return account.user.role == "admin" and not account.disabled


def lock_admin_roles(connection: sa.Connection) -> None:
    """Takes the lock for changes of admins' roles, until the caller's transaction ends.

    On SQLite the write transaction is already such a lock. Raises UnavailableError after 4 s.
    """
    if connection.dialect.name != "sqlite" and not take_transaction_lock(connection, "identity:admins", 4_000):
        raise UnavailableError("Another admin's role is being changed. Try again in a moment.")


def _sign_up_refusal(error: RefusedByFirebaseError) -> ProblemError:
    match error.code:
        case "EMAIL_EXISTS":
            return ConflictError("A user with this e-mail address exists already. Log in instead.")
        case "INVALID_EMAIL":
            field, msg = "email", "expected an e-mail address, got one that Firebase refuses"
        case "WEAK_PASSWORD" | "PASSWORD_DOES_NOT_MEET_REQUIREMENTS":
            field, msg = "password", "expected a stronger password, got one that Firebase refuses"
        case _:
            return _refusal(error)
    return ValidationFailedError({"loc": ["body", field], "msg": msg})


def _refusal(error: RefusedByFirebaseError) -> ProblemError:
    """A refusal that isn't the user's fault."""
    if error.code == "TOO_MANY_ATTEMPTS_TRY_LATER":
        return TooManyRequestsError("Firebase accepts no more attempts for now. Try again in a minute.", retry_after=60)
    log.error("Firebase refused a request: %s", error.code if error.code.isidentifier() else "without a code")
    return UnavailableError("Firebase refuses this app's requests. The app's log has the reason.", retry_after=30)
