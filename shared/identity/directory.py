"""Users and tokens through firebase-admin, whose calls block: in threads of their own, with a time limit.

firebase-admin is imported at the first call, since few requests need it. It learns of the emulator from
FIREBASE_AUTH_EMULATOR_HOST alone, which settings.py refuses anywhere but on a local machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.http.problems import NotFoundError, UnauthorizedError, UnavailableError
from shared.identity.roles import Role, User, role_of
from shared.settings import Settings

if TYPE_CHECKING:
    import firebase_admin
    from firebase_admin import auth

log = logging.getLogger(__name__)

# Google's clock and this machine's may differ so much: a token just issued isn't from the future.
_CLOCK_SKEW_SECONDS = 5
_THREADS = 8
_NO_CERTIFICATES = "Google's certificates can't be had; try again in a moment."
NOT_VALID = "The token isn't valid, or not any more; log in again."


@dataclass(frozen=True, slots=True)
class Account:
    """A user as Firebase has him now; tokens issued before `valid_since` (Unix seconds) are revoked."""

    user: User
    claims: Mapping[str, Any]
    disabled: bool
    valid_since: int


class UserDirectory:
    """The Firebase project's users."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seconds = settings.firebase_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="firebase")
        self._starting = threading.Lock()
        self._started: firebase_admin.App | None = None

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token: signature, audience, issuer and times; not whether it was revoked.

        Raises UnauthorizedError, and UnavailableError where Google's certificates can't be had.
        """
        return await self._in_thread(lambda: self._verify(token))

    async def account(self, uid: str) -> Account:
        """Raises NotFoundError, UnavailableError."""
        return await self._in_thread(lambda: self.account_now(uid))

    async def account_of_email(self, email: str) -> Account:
        """Raises NotFoundError, UnavailableError."""
        return await self._in_thread(lambda: self.account_of_email_now(email))

    async def revoke(self, uid: str, before: int) -> None:
        """Makes tokens that were issued before (Unix seconds) invalid. Raises NotFoundError, UnavailableError."""

        def update() -> None:
            from firebase_admin import auth

            with _errors_told():
                auth.update_user(uid, app=self._app(), valid_since=before)

        await self._in_thread(update)

    async def set_role(self, account: Account, role: Role | None, valid_since: int | None) -> Account:
        """As `set_role_now`."""
        return await self._in_thread(lambda: self.set_role_now(account, role, valid_since))

    def account_now(self, uid: str) -> Account:
        """As `account`, in the caller's thread."""
        from firebase_admin import auth

        with _errors_told():
            return _account(auth.get_user(uid, self._app()))

    def account_of_email_now(self, email: str) -> Account:
        """As `account_of_email`, in the caller's thread."""
        from firebase_admin import auth

        with _errors_told():
            return _account(auth.get_user_by_email(email, self._app()))

    def set_role_now(self, account: Account, role: Role | None, valid_since: int | None) -> Account:
        """Sets the claim and, unless null, from when on tokens are valid, in one step; in the caller's thread.

        Raises NotFoundError, UnavailableError.
        """
        from firebase_admin import auth

        claims = {name: value for name, value in account.claims.items() if name != "role"}
        if role:
            claims["role"] = role
        with _errors_told():
            return _account(
                auth.update_user(account.user.uid, app=self._app(), custom_claims=claims, valid_since=valid_since)
            )

    def close(self) -> None:
        """Ends the threads, without waiting for answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._forget_app()

    def _forget_app(self) -> None:
        with self._starting:
            started, self._started = self._started, None
        if started:
            import firebase_admin

            firebase_admin.delete_app(started)

    def _verify(self, token: str) -> Mapping[str, Any]:
        from firebase_admin import auth

        from shared.identity.certificates import NoCertificatesError

        with _errors_told():
            app = self._app()
        try:
            claims: Mapping[str, Any] = auth.verify_id_token(token, app, clock_skew_seconds=_CLOCK_SKEW_SECONDS)
        except auth.CertificateFetchError as error:
            log.warning("Google's certificates can't be had: %s", type(error.cause).__name__)
            if isinstance(error.cause, NoCertificatesError):
                # firebase-admin's HTTP client keeps what came for as long as its headers say: begin anew.
                self._forget_app()
            raise UnavailableError(_NO_CERTIFICATES) from None
        # Whatever makes the verifier stumble isn't valid; its text holds the token, so only the kind is told.
        except Exception as error:  # noqa: BLE001
            log.info("A token was refused: %s", type(error).__name__)
            raise UnauthorizedError(NOT_VALID) from None
        return claims

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                # In a copy of the context: what the thread does belongs to the request's trace.
                within = contextvars.copy_context().run
                return await asyncio.get_running_loop().run_in_executor(self._threads, within, work)
        except TimeoutError:
            log.warning("Firebase didn't answer within %g s", self._seconds)
            raise UnavailableError("Firebase can't be reached in time; try again in a moment.") from None

    def _app(self) -> firebase_admin.App:
        import firebase_admin
        from firebase_admin import auth, credentials

        from shared.identity.certificates import KeptCertificates

        with self._starting:
            if self._started is None:
                account = self._settings.firebase_service_account
                self._started = firebase_admin.initialize_app(
                    credentials.Certificate(json.loads(account.get_secret_value())) if account else None,
                    {"projectId": self._settings.firebase_project_id, "httpTimeout": self._seconds},
                    # The library's list of apps is the process's.
                    name=secrets.token_hex(8),
                )
                # No public way leads there; the tests of tokens fail if another version has another place for it.
                verifier = auth._get_client(self._started)._token_verifier  # noqa: SLF001
                verifier.request = KeptCertificates(verifier.request)
            return self._started


def _account(record: auth.UserRecord) -> Account:
    claims = record.custom_claims or {}
    return Account(
        User(record.uid, record.email, role_of(claims)),
        claims,
        record.disabled,
        (record.tokens_valid_after_timestamp or 0) // 1000,
    )


@contextlib.contextmanager
def _errors_told() -> Iterator[None]:
    """The boundary to firebase-admin: its errors in our words, since its text may hold what was sent."""
    from firebase_admin import auth, exceptions
    from google.auth.exceptions import TransportError

    # Google's own trouble, which passes; anything else somebody has to mend: a key, a role, a setting.
    passes = (
        exceptions.UnavailableError,
        exceptions.DeadlineExceededError,
        exceptions.InternalError,
        exceptions.ResourceExhaustedError,
        TransportError,
    )
    try:
        yield
    except auth.UserNotFoundError:
        raise NotFoundError("There is no such user.") from None
    except Exception as error:  # noqa: BLE001  # a boundary: whatever it is, it is told of
        level = logging.WARNING if isinstance(error, passes) else logging.ERROR
        log.log(level, "Firebase failed: %s", type(error).__name__)
        raise UnavailableError("Firebase can't be asked about users; try again in a moment.") from None
