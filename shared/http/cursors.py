"""Cursors: the position where a page ended, as an opaque text for one query.

A cursor is base64url of a digest and a JSON list. The digest covers the list and its query, so it detects both a
damaged cursor and a cursor of another query. It is a checksum, not a signature: a cursor grants no rights.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Sequence

from shared.http.problems import BadRequestError

_DIGEST_BYTES = 12

type Position = Sequence[str | int | None]


def _digest(position: bytes, query: str) -> bytes:
    return hashlib.blake2b(position, digest_size=_DIGEST_BYTES, key=hashlib.sha256(query.encode()).digest()).digest()


def encode_cursor(position: Position, query: str) -> str:
    """The cursor of a position in the list of `query` (sort and filters, normalised)."""
    payload = json.dumps(position, separators=(",", ":")).encode()
    return _encode(_digest(payload, query) + payload)


def decode_cursor(cursor: str, query: str) -> Position:
    """The position of the cursor. Raises BadRequestError for a damaged cursor or another query."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadRequestError(_REFUSED) from error
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if digest != _digest(payload, query) or _encode(raw) != cursor:
        raise BadRequestError(_REFUSED)
    try:
        position: Position = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(_REFUSED) from error
    return position


def check_position(position: Position, *types: Collection[type]) -> None:
    """Raises BadRequestError where a cursor's position hasn't one value of each of these types.

    Anybody can make the checksum of any JSON.
    """
    # The exact type: isinstance would accept True as an int.
    fits = isinstance(position, list) and len(position) == len(types)
    if not fits or any(type(value) not in allowed for value, allowed in zip(position, types, strict=True)):
        raise BadRequestError(_REFUSED)


def _encode(raw: bytes) -> str:
    """The canonical base64url; decoding also accepts stray bits after the last byte."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_REFUSED = (
    "cursor: expected a next_cursor of this list with the same sort and filters, got a damaged one or another list's."
)
