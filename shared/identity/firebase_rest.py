"""Client of Firebase Authentication's REST API (https://firebase.google.com/docs/reference/rest/auth).

The Web API key is sent in a header, because logs and traces show URLs. Error texts of Firebase don't reach the API's
clients; only the error code is used.
"""

from __future__ import annotations

import asyncio
import http
import logging
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.http.problems import UnavailableError
from shared.identity.directory import NO_ANSWER
from shared.identity.schemas import Tokens
from shared.settings import Settings

log = logging.getLogger(__name__)

IDENTITY_URL = "https://identitytoolkit.googleapis.com/v1"
TOKEN_URL = "https://securetoken.googleapis.com/v1/token"  # noqa: S105  # an address
_SERVER_ERROR = 500


class RefusedByFirebaseError(Exception):
    """Firebase refused a request; `code` is the first word of its message (EMAIL_EXISTS, …)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Answer(BaseModel):
    """Answer of any method: a JSON object."""

    model_config = ConfigDict(alias_generator=to_camel)


class SignedUpAnswer(Answer):
    """Answer of accounts:signUp."""

    local_id: str
    email: str


class SignedInAnswer(SignedUpAnswer):
    """Answer of accounts:signInWithPassword; `expires_in` is in seconds."""

    id_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_in: int


class FirebaseRestClient:
    """Sign-up, log-in, refresh and password reset."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        emulator = settings.firebase_auth_emulator_host
        self._identity_url = f"http://{emulator}/identitytoolkit.googleapis.com/v1" if emulator else IDENTITY_URL
        self._token_url = f"http://{emulator}/securetoken.googleapis.com/v1/token" if emulator else TOKEN_URL
        self._headers = {"X-Goog-Api-Key": settings.firebase_web_api_key.get_secret_value()}
        self._seconds = settings.firebase_seconds
        self._client = client

    async def sign_up(self, email: str, password: str) -> SignedUpAnswer:
        """Raises RefusedByFirebaseError, UnavailableError."""
        return await self._account(SignedUpAnswer, "signUp", email=email, password=password)

    async def sign_in(self, email: str, password: str) -> SignedInAnswer:
        """Raises RefusedByFirebaseError, UnavailableError."""
        fields = {"email": email, "password": password, "returnSecureToken": True}
        return await self._account(SignedInAnswer, "signInWithPassword", **fields)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Raises RefusedByFirebaseError, UnavailableError."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._post(Tokens, self._token_url, data=form)

    async def send_password_reset(self, email: str) -> None:
        """Raises RefusedByFirebaseError, UnavailableError."""
        await self._account(Answer, "sendOobCode", requestType="PASSWORD_RESET", email=email)

    async def _account[A: BaseModel](self, kind: type[A], method: str, **fields: object) -> A:
        return await self._post(kind, f"{self._identity_url}/accounts:{method}", json=fields)

    async def _post[A: BaseModel](self, kind: type[A], url: str, **body: Any) -> A:  # noqa: ANN401  # httpx's `json` or `data`
        try:
            async with asyncio.timeout(self._seconds):
                # httpx limits each step; asyncio.timeout limits the whole request.
                reply = await self._client.post(url, headers=self._headers, timeout=self._seconds, **body)
        except (httpx.HTTPError, TimeoutError) as error:
            log.warning("Firebase didn't answer: %s", type(error).__name__)
            raise UnavailableError(NO_ANSWER) from None
        try:
            answer: object = reply.json()
        except ValueError:  # UnicodeDecodeError is one
            answer = None
        if reply.status_code != http.HTTPStatus.OK:
            raise _refusal(reply.status_code, answer)
        try:
            return kind.model_validate(answer)
        except ValidationError:
            log.error("Firebase's answer isn't a %s", kind.__name__)  # noqa: TRY400  # the traceback shows the answer
            raise UnavailableError("Firebase sent an unexpected reply. Try again in a moment.") from None


def _refusal(status: int, answer: object) -> RefusedByFirebaseError | UnavailableError:
    match answer:
        case {"error": {"message": str(message)}} if status == http.HTTPStatus.BAD_REQUEST:
            return RefusedByFirebaseError(message.partition(" ")[0])
        case _:
            # Server errors and throttling are transient. A refusal needs a person.
            transient = status >= _SERVER_ERROR or status == http.HTTPStatus.TOO_MANY_REQUESTS
            log.log(logging.WARNING if transient else logging.ERROR, "Firebase answered with status %d", status)
            return UnavailableError("Firebase reports an error. Try again in a moment.")
