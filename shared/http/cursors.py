"""Cursors: where a page ended, as an opaque text that can't be damaged or used for another query.

A cursor is base64url of a digest and a JSON list. The digest covers the list and the query it belongs to, so a
damaged cursor and another query's are told alike. It is a checksum, not a signature: a cursor carries no right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from shared.http.problems import BadRequestError

_DIGEST_BYTES = 12

type Position = Sequence[str | int | None]


def _digest(position: bytes, query: str) -> bytes:
    return hashlib.blake2b(position, digest_size=_DIGEST_BYTES, key=hashlib.sha256(query.encode()).digest()).digest()


def encode_cursor(position: Position, query: str) -> str:
    """The cursor of `position` in the list that `query` (sort and filters, normalised) describes."""
    payload = json.dumps(position, separators=(",", ":")).encode()
    return _spelled(_digest(payload, query) + payload)


def decode_cursor(cursor: str, query: str) -> list[str | int | None]:
    """The position that `encode_cursor` was given. Raises BadRequestError for any other text or query."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadRequestError(_REFUSED) from error
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(payload, query) or _spelled(raw) != cursor:
        raise BadRequestError(_REFUSED)
    position: list[str | int | None] = json.loads(payload)
    return position


def _spelled(raw: bytes) -> str:
    """The one spelling of these bytes: base64 would also accept stray bits behind the last one."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_REFUSED = (
    "cursor: expected a next_cursor of this list with the same sort and filters, got a damaged one or another list's."
)
