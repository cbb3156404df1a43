"""Google's certificates, kept ready for as long as their headers say (RFC 9111).

firebase-admin caches them too, but looks each one up through a whole HTTP client: two thirds of what verifying a token
costs. This stands in front of that.
"""

from __future__ import annotations

import email.utils
import http
import json
import re
import time
from collections.abc import Mapping
from typing import Any, override

from cryptography import x509
from google.auth import transport
from google.auth.exceptions import TransportError

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d+)", re.IGNORECASE)


class NoCertificatesError(TransportError):
    """What came in place of Google's certificates is none."""


class KeptCertificates(transport.Request):
    """A google-auth transport for the one URL of the certificates; raises NoCertificatesError where it gives none."""

    def __init__(self, fetch: transport.Request) -> None:
        self._fetch = fetch
        self._kept: transport.Response | None = None
        self._fresh_until = 0.0

    @override
    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> transport.Response:
        if self._kept is None or time.time() >= self._fresh_until:
            response: transport.Response = self._fetch(
                url, method=method, body=body, headers=headers, timeout=timeout, **options
            )
            if response.status != http.HTTPStatus.OK:
                return response
            # The verifier would lay what isn't a certificate at the token's door: 401 for everybody's good token.
            if not _are_certificates(response.data):
                raise NoCertificatesError
            self._fresh_until = time.time() + _freshness_seconds(response.headers)
            self._kept = response
        return self._kept


def _are_certificates(body: bytes) -> bool:
    """Whether it is a JSON object of X.509 certificates (PEM) by key id, at least one."""
    try:
        certificates = json.loads(body)
        for pem in certificates.values():
            x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, AttributeError):
        return False
    return bool(certificates)


def _freshness_seconds(headers: Any) -> float:  # noqa: ANN401  # requests' mapping, which ignores case
    """What is left of max-age; nothing where there is none, or no date to count it from."""
    max_age = _MAX_AGE.search(headers.get("cache-control", ""))
    try:
        made_at = email.utils.parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return 0.0
    if max_age is None:
        return 0.0
    # A date from this machine's future must not lengthen the time.
    age = max(0.0, time.time() - made_at, float(headers.get("age", 0)))
    return float(max_age[1]) - age
