"""Users, tokens and roles: the rules, over Firebase."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

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
from shared.identity.directory import Account, UserDirectory
from shared.identity.firebase_rest import FirebaseRest, RefusedByFirebaseError
from shared.identity.repository import hold_admins
from shared.identity.roles import Role, User, includes
from shared.identity.schemas import LoggedIn, LogIn, SignedUp, SignUp, Tokens
from shared.identity.throttling import FailedTryError, Throttle
from shared.identity.token_verifier import TokenVerifier, user_of
from shared.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shared.database.transactions import Store

log = logging.getLogger(__name__)

_WRONG_PASSWORD = "The e-mail or the password isn't right."  # noqa: S105  # a sentence
_WRONG_CODES = frozenset(
    {"EMAIL_NOT_FOUND", "INVALID_PASSWORD", "INVALID_LOGIN_CREDENTIALS", "USER_DISABLED", "INVALID_EMAIL"}
)
_BAD_REFRESH_CODES = frozenset(
    {"TOKEN_EXPIRED", "USER_DISABLED", "USER_NOT_FOUND", "INVALID_REFRESH_TOKEN", "INVALID_GRANT_TYPE"}
)
_FIREBASE_THROTTLES_SECONDS = 60


class IdentityService:
    """What users and admins may do about users."""

    def __init__(self, settings: Settings, locks: Callable[[], Store]) -> None:
        """`locks` gives the SQL store that a change of an admin's role is serialised by; only then it is needed."""
        self._settings = settings
        self._locks = locks
        self._directory = UserDirectory(settings)
        self._rest = FirebaseRest(settings)
        self._tokens = TokenVerifier(settings, self._directory)
        self._throttle = Throttle(settings)

    async def verify(self, token: str) -> User:
        """Whose token it is. Raises UnauthorizedError, UnavailableError."""
        return await self._tokens.user(token)

    async def sign_up(self, new: SignUp, address: str) -> SignedUp:
        """Raises ConflictError for a known e-mail, which counts as a failed try, and TooManyRequestsError."""
        try:
            async with self._throttle.attempt(new.email, address):
                try:
                    answer = await self._rest.sign_up(new.email, new.password.get_secret_value())
                except RefusedByFirebaseError as error:
                    if error.code == "EMAIL_EXISTS":
                        raise FailedTryError from None
                    raise _sign_up_refusal(error) from None
        except FailedTryError:
            raise ConflictError("Somebody has signed up with this e-mail already.") from None
        return SignedUp(uid=answer.local_id, email=answer.email)

    async def log_in(self, given: LogIn, address: str) -> LoggedIn:
        """Raises UnauthorizedError, the same for a wrong password and an unknown e-mail, and TooManyRequestsError."""
        try:
            async with self._throttle.attempt(given.email, address):
                try:
                    answer = await self._rest.sign_in(given.email, given.password.get_secret_value())
                except RefusedByFirebaseError as error:
                    if error.code in _WRONG_CODES:
                        raise FailedTryError from None
                    raise _refusal(error) from None
        except FailedTryError:
            raise UnauthorizedError(_WRONG_PASSWORD) from None
        return LoggedIn(
            id_token=answer.id_token,
            refresh_token=answer.refresh_token,
            expires_in=answer.expires_in,
            uid=answer.local_id,
            email=answer.email,
            role=user_of(await self._directory.verify(answer.id_token)).role,
        )

    async def refresh(self, refresh_token: SecretStr) -> Tokens:
        """Raises UnauthorizedError for a token that Firebase doesn't know, or that was revoked."""
        try:
            answer = await self._rest.refresh(refresh_token.get_secret_value())
        except RefusedByFirebaseError as error:
            if error.code in _BAD_REFRESH_CODES:
                raise UnauthorizedError("The refresh token isn't valid, or not any more; log in again.") from None
            raise _refusal(error) from None
        claims = await self._directory.verify(answer.id_token)
        account = await self._tokens.account(str(claims["sub"]))
        # Firebase itself refuses a revoked one; its emulator doesn't.
        if account is None or account.disabled or claims["auth_time"] < account.valid_since:
            raise UnauthorizedError("The refresh token isn't valid, or not any more; log in again.")
        return Tokens(id_token=answer.id_token, refresh_token=answer.refresh_token, expires_in=answer.expires_in)

    async def reset_password(self, email: str) -> None:
        """Has Firebase send a mail, where somebody has signed up with the address; nothing tells whether."""
        try:
            await self._rest.send_password_reset(email)
        except RefusedByFirebaseError as error:
            if error.code not in {"EMAIL_NOT_FOUND", "INVALID_EMAIL", "RESET_PASSWORD_EXCEED_LIMIT"}:
                raise _refusal(error) from None

    async def log_out(self, uid: str) -> None:
        """All of the user's tokens are refused by every instance from now on. Raises UnavailableError."""
        await self._revoke(uid)

    async def find_user(self, email: str) -> User:
        """Raises NotFoundError, UnavailableError."""
        return (await self._directory.account_of_email(email)).user

    async def set_role(self, acting: User, uid: str, role: Role | None) -> User:
        """Gives the role with the user's next ID token; taking one away revokes those that he has.

        Raises NotFoundError, and ConflictError for one's own role: so the last admin stays one, for whoever takes an
        admin's role away is another admin, which is asked of Firebase under a lock that all instances share.
        """
        if uid == acting.uid:
            raise ConflictError("Nobody can change his own role; another admin can.")
        account = await self._directory.account(uid)
        if account.user.role == "admin" and role != "admin":
            return await self._take_from_admin(acting, uid, role)
        return await self._change(account, role)

    async def close(self) -> None:
        """Ends connections, threads and tasks."""
        await self._tokens.close()
        await self._throttle.close()
        await self._rest.close()
        self._directory.close()

    async def _change(self, account: Account, role: Role | None) -> User:
        if includes(role, account.user.role):
            return (await self._directory.set_role(account, role, valid_since=None)).user
        changed = await self._directory.set_role(account, role, valid_since=int(time.time()))
        await self._revoke(account.user.uid)
        return changed.user

    async def _take_from_admin(self, acting: User, uid: str, role: Role | None) -> User:
        def work(connection: sa.Connection) -> Account:
            hold_admins(connection)
            if not self._is_admin_now(acting.uid):
                raise ForbiddenError("Expected an admin, but your own role was taken away meanwhile.")
            return self._directory.set_role_now(self._directory.account_now(uid), role, int(time.time()))

        try:
            async with asyncio.timeout(self._settings.firebase_seconds):
                # The transaction is the lock alone: of its commit nothing needs to be known.
                changed = await self._locks().write(work, lambda _connection, _account: True)
        except TimeoutError:
            raise UnavailableError("Firebase can't be reached in time; try again in a moment.") from None
        await self._revoke(uid)
        return changed.user

    def _is_admin_now(self, uid: str) -> bool:
        try:
            account = self._directory.account_now(uid)
        except NotFoundError:
            return False
        return account.user.role == "admin" and not account.disabled

    async def _revoke(self, uid: str) -> None:
        """Refuses every token that was issued before this call.

        Firebase knows times by the second, and a token of the very second of its revocation is valid for it: so the
        next one is awaited.
        """
        second = math.floor(time.time()) + 1
        await asyncio.sleep(second - time.time())
        await self._directory.revoke(uid, before=second)
        await self._tokens.revocations.tell(uid)


def _sign_up_refusal(error: RefusedByFirebaseError) -> ProblemError:
    match error.code:
        case "INVALID_EMAIL":
            field, msg = "email", "expected an e-mail address, got one that Firebase refuses"
        case "WEAK_PASSWORD" | "PASSWORD_DOES_NOT_MEET_REQUIREMENTS":
            field, msg = "password", "expected a stronger password, got one that Firebase refuses"
        case _:
            return _refusal(error)
    return ValidationFailedError({"loc": ["body", field], "msg": msg})


def _refusal(error: RefusedByFirebaseError) -> ProblemError:
    """What Firebase refuses though the user has done nothing wrong."""
    if error.code == "TOO_MANY_ATTEMPTS_TRY_LATER":
        return TooManyRequestsError(
            "Firebase takes no more tries for now; try again in a minute.", retry_after=_FIREBASE_THROTTLES_SECONDS
        )
    log.error("Firebase refuses: %s", error.code if error.code.isidentifier() else "without a code")
    return UnavailableError("Firebase refuses this app's requests; its log says why.", retry_after=30)
