"""Decodes Firebase ID tokens (https://firebase.google.com/docs/auth/admin/verify-id-tokens)."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import jwt

from shared.http.problems import UnauthorizedError
from shared.identity.signing_keys import SigningKeys
from shared.settings import Settings

if TYPE_CHECKING:
    from jwt.types import Options

log = logging.getLogger(__name__)

INVALID_TOKEN = "The token is invalid, expired or revoked. Log in again."  # noqa: S105  # a sentence
# Google's clock and this machine's may differ by this much.
_CLOCK_SKEW_SECONDS = 5
_MAX_SUBJECT_CHARACTERS = 128


class IdTokenDecoder:
    """Checks the signature and the claims of ID tokens; belongs to one event loop."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._project = settings.firebase_project_id
        # The emulator doesn't sign its tokens. Settings allow the emulator on a local machine only.
        self._is_signed = settings.firebase_auth_emulator_host is None
        self._keys = SigningKeys(client, settings.firebase_seconds)
        self._options: Options = {
            "verify_signature": self._is_signed,
            "require": ["exp", "iat", "auth_time", "sub"],
            "strict_aud": True,
            # PyJWT leaves these out where it doesn't verify the signature.
            **dict.fromkeys(("verify_exp", "verify_iat", "verify_aud", "verify_iss", "verify_sub"), True),  # type: ignore[typeddict-item]  # names of the options
        }

    async def claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token; doesn't know whether the token was revoked.

        Raises UnauthorizedError, and UnavailableError where Google doesn't give its keys.
        """
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                await self._key(token) if self._is_signed else "",
                algorithms=["RS256"],
                audience=self._project,
                issuer=f"https://securetoken.google.com/{self._project}",
                leeway=_CLOCK_SKEW_SECONDS,
                options=self._options,
            )
            _check_firebase_claims(claims)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            # PyJWT's text may contain parts of the token.
            log.info("Refused a token: %s", type(error).__name__)
            raise UnauthorizedError(INVALID_TOKEN) from None
        return claims

    async def _key(self, token: str) -> jwt.PyJWK:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = await self._keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise jwt.InvalidKeyError("expected the id of one of Google's keys")
        return key


def _check_firebase_claims(claims: Mapping[str, Any]) -> None:
    """Checks what PyJWT doesn't. Raises ValueError."""
    if not 1 <= len(claims["sub"]) <= _MAX_SUBJECT_CHARACTERS:
        raise ValueError("expected a subject of 1 to 128 characters")
    if float(claims["auth_time"]) > time.time() + _CLOCK_SKEW_SECONDS:
        raise ValueError("expected a time of authentication in the past")
