"""A reply as it stands in Redis: the generation it was read under, its ETag, its bytes, and a checksum of all."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass

# Version of this layout; length of all; CRC-32 of what follows; generation; ETag.
_HEADER = struct.Struct(">2sII16s24s")
_CHECKED_FROM = 10
_VERSION = b"P1"

# Largest body that is cached; its value in Redis is 1 MiB. Above it, Redis is slower than SQL.
MAX_PAGE_BYTES = 1024 * 1024 - _HEADER.size


def etag_of(body: bytes) -> bytes:
    """The strong ETag of a body, quoted as in the header (RFC 9110)."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=11).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Page:
    """A reply's body and its ETag."""

    etag: bytes
    body: bytes

    @classmethod
    def of(cls, body: bytes) -> Page:
        """The page of a new body."""
        return cls(etag_of(body), body)


def encode(page: Page, generation: bytes) -> bytes:
    """The value to be stored under the page's key."""
    length = _HEADER.size + len(page.body)
    raw = _HEADER.pack(_VERSION, length, 0, generation, page.etag) + page.body
    checksum = zlib.crc32(memoryview(raw)[_CHECKED_FROM:])
    return raw[:6] + checksum.to_bytes(4) + raw[_CHECKED_FROM:]


def decode(raw: bytes | None, generation: bytes | None) -> Page | None:
    """The stored page, or None where there is none, it is of another generation, or it was cut or overwritten."""
    if raw is None or generation is None or len(raw) < _HEADER.size:
        return None
    version, length, checksum, stored_generation, etag = _HEADER.unpack_from(raw)
    if stored_generation != generation or version != _VERSION or length != len(raw):
        return None
    if zlib.crc32(memoryview(raw)[_CHECKED_FROM:]) != checksum:
        return None
    return Page(etag, raw[_HEADER.size :])
