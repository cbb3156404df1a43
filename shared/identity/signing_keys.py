"""Google's public keys for Firebase ID tokens, cached for as long as the reply allows (RFC 9111).

PyJWT's PyJWKClient has a fixed lifetime instead of Cache-Control. It also drops keys that it can't read, so a
damaged reply would turn valid tokens into 401.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
import time
from collections.abc import Mapping

import httpx
import jwt

from shared.cache.single_flight import SingleFlight
from shared.http.problems import UnavailableError

log = logging.getLogger(__name__)

KEYS_URL = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]+)", re.IGNORECASE)

type Keys = Mapping[str, jwt.PyJWK]


class SigningKeys:
    """The current keys by id; belongs to one event loop."""

    def __init__(self, client: httpx.AsyncClient, timeout_seconds: float) -> None:
        """`timeout_seconds` limits one fetch of the keys."""
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._keys: Keys = {}
        self._fresh_until = 0.0
        self._fetches = SingleFlight[str, Keys]()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id. Raises UnavailableError where Google doesn't give its keys."""
        is_fresh = time.monotonic() < self._fresh_until
        keys = self._keys if is_fresh else await self._fetches.run(KEYS_URL, self._fetch)
        return keys.get(key_id)

    async def _fetch(self) -> Keys:
        requested_at = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await self._client.get(KEYS_URL, timeout=self._timeout_seconds)
            keys = _keys_of(reply)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            log.warning("Google's signing keys are unavailable: %s", type(error).__name__)
            raise UnavailableError("Google's signing keys are unavailable. Try again in a moment.") from None
        self._keys, self._fresh_until = keys, requested_at + _freshness_seconds(reply.headers)
        return keys


def _keys_of(reply: httpx.Response) -> Keys:
    """The keys of a JWK Set (RFC 7517). Raises ValueError where the reply is anything else."""
    if reply.status_code != http.HTTPStatus.OK:
        raise ValueError(f"expected status 200, got {reply.status_code}")
    match reply.json():
        case {"keys": [_, *_] as keys}:
            try:
                return {key["kid"]: jwt.PyJWK(key) for key in keys}
            except (jwt.PyJWTError, KeyError, TypeError, AttributeError) as error:
                raise ValueError("expected keys with an id, got something else") from error
        case _:
            raise ValueError("expected a JWK Set with keys, got something else")


def _freshness_seconds(headers: httpx.Headers) -> int:
    """What is left of the reply's max-age; 0 without one."""
    max_age = _MAX_AGE.search(headers.get("cache-control", ""))
    age = headers.get("age", "0")
    return max(0, int(max_age[1]) - int(age)) if max_age and age.isdecimal() else 0
