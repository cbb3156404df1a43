"""The Firebase project's users, through firebase-admin.

firebase-admin is imported at the first call, since few requests need it. It learns of the emulator only from
FIREBASE_AUTH_EMULATOR_HOST, which settings.py refuses anywhere but on a local machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.http.problems import NotFoundError, UnavailableError
from shared.identity.roles import Role, User, role_of
from shared.settings import Settings
from shared.telemetry.executor import ContextExecutor

if TYPE_CHECKING:
    import firebase_admin
    from firebase_admin import auth

log = logging.getLogger(__name__)

_THREADS = 8
NO_ANSWER = "Firebase didn't answer in time. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Account:
    """A user as Firebase has it now; tokens issued before `valid_since` (Unix seconds) are revoked."""

    user: User
    claims: Mapping[str, Any]
    disabled: bool
    valid_since: int


class UserDirectory:
    """Blocking calls about users, and `run`, which makes them in a thread.

    Each call raises NotFoundError for an unknown user, and UnavailableError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ContextExecutor(_THREADS, "firebase")
        self._lock = threading.Lock()
        self._app: firebase_admin.App | None = None

    async def run[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of one of this directory's calls, made in a thread. Raises UnavailableError after the timeout."""
        try:
            async with asyncio.timeout(self._settings.firebase_seconds):
                return await self._threads.run(call, *args, **kwargs)
        except TimeoutError:
            log.warning("Firebase didn't answer within %g s", self._settings.firebase_seconds)
            raise UnavailableError(NO_ANSWER) from None

    def account(self, uid: str) -> Account:
        """The user with this id."""
        return self._account(lambda client: client.get_user(uid))

    def account_by_email(self, email: str) -> Account:
        """The user with this e-mail address."""
        return self._account(lambda client: client.get_user_by_email(email))

    def revoke(self, uid: str, before: int) -> None:
        """Revokes the user's tokens that were issued before this time (Unix seconds)."""
        self._account(lambda client: client.update_user(uid, valid_since=before))

    def set_role(self, account: Account, role: Role | None, valid_since: int | None) -> Account:
        """Sets the role and, unless null, the time from which tokens are valid, in one step."""
        claims = {name: value for name, value in account.claims.items() if name != "role"}
        if role:
            claims["role"] = role
        changes = {"custom_claims": claims, "valid_since": valid_since}
        return self._account(lambda client: client.update_user(account.user.uid, **changes))

    def _account(self, call: Callable[[auth.Client], auth.UserRecord]) -> Account:
        """The user that a call of firebase-admin returns."""
        from firebase_admin import auth

        with _translated_errors():
            record = call(auth.Client(self._started_app()))
        claims = record.custom_claims or {}
        user = User(record.uid, record.email, role_of(claims))
        return Account(user, claims, record.disabled, (record.tokens_valid_after_timestamp or 0) // 1000)

    def close(self) -> None:
        """Ends the threads without waiting for answers."""
        self._threads.close(wait=False)
        with self._lock:
            app, self._app = self._app, None
        if app:
            import firebase_admin

            firebase_admin.delete_app(app)

    def _started_app(self) -> firebase_admin.App:
        import firebase_admin
        from firebase_admin import credentials

        with self._lock:
            if self._app is None:
                key = self._settings.firebase_service_account
                self._app = firebase_admin.initialize_app(
                    credentials.Certificate(json.loads(key.get_secret_value())) if key else None,
                    {"projectId": self._settings.firebase_project_id, "httpTimeout": self._settings.firebase_seconds},
                    # The library keeps one list of apps per process.
                    name=secrets.token_hex(8),
                )
            return self._app


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """The boundary to firebase-admin, whose error texts may contain what was sent."""
    from firebase_admin import auth, exceptions
    from google.auth.exceptions import TransportError

    # Transient faults of Google. Any other error needs a person: a key, a role, a setting.
    transient = (
        exceptions.UnavailableError,
        exceptions.DeadlineExceededError,
        exceptions.InternalError,
        exceptions.ResourceExhaustedError,
        TransportError,
    )
    try:
        yield
    except auth.UserNotFoundError:
        raise NotFoundError("No user has this uid or e-mail address.") from None
    except Exception as error:  # noqa: BLE001  # a boundary: every error is logged
        level = logging.WARNING if isinstance(error, transient) else logging.ERROR
        log.log(level, "A call of Firebase failed: %s", type(error).__name__)
        raise UnavailableError("Firebase can't be reached. Try again in a moment.") from None
