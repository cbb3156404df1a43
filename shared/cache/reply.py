"""The HTTP side of a cached reply, the same whether the middleware or an endpoint sends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.cache.keys import CacheKey
from shared.cache.page import Page

if TYPE_CHECKING:
    from shared.cache.store import Lookup  # which loads redis: not at a cold start

# Where an ASGI scope carries the CacheSlot.
CACHE_SLOT = "cache.slot"


@dataclass(slots=True)
class CacheSlot:
    """What the middleware and the endpoint tell each other about a request.

    The middleware sets `lookup` and its duration where it has looked the URL's view up already. The endpoint sets `key`
    to the view that this URL shows.
    """

    key: CacheKey | None = None
    lookup: Lookup | None = None
    seconds: float = 0.0


def headers_of(page: Page, outcome: bytes, timing: bytes, *, not_modified: bool) -> list[tuple[bytes, bytes]]:
    """The headers of a 200, or of a 304, which has no body to describe (RFC 9110, 15.4.5)."""
    headers = [
        (b"etag", page.etag),
        (b"cache-control", b"no-cache"),
        (b"x-cache", outcome),
        (b"server-timing", timing),
    ]
    if not not_modified:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(page.body))]
    return headers


def is_not_modified(if_none_match: Iterable[str | bytes], etag: bytes) -> bool:
    """Whether one of the If-None-Match headers names this ETag: lists, `*`, and weak comparison (RFC 9110, 13.1.2)."""
    for header in if_none_match:
        value = header.encode("latin-1") if isinstance(header, str) else header
        if value.strip() == b"*" or any(tag.strip().removeprefix(b"W/") == etag for tag in value.split(b",")):
            return True
    return False
