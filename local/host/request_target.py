"""The path and the Host of a request, normalized as the .NET host's web server does.

The host sends `Url = {scheme}://{request.Host}{request.Path}{request.QueryString}`
(GrpcMessageConversionExtensions.cs). The query string is unchanged. Kestrel decodes the path, but not %2F and bytes
that are not UTF-8, and resolves dot segments. Then `PathString.ToString()` encodes it again, but leaves each `%XX` in
it unchanged. So `%41` reaches the function as `A`, `%2F` as `%2F`, and `%252F` as `%2F`. `func.AsgiMiddleware` decodes
once more: doubly encoded paths are decoded twice, as in Azure. (aspnetcore:
Kestrel/Core/src/Internal/Infrastructure/PathDecoder.cs, Http.Abstractions/src/PathString.cs)
"""

from __future__ import annotations

import functools
import re
import urllib.parse

_PLAIN_PATH = re.compile(rb"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+,;=:@]*)+")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# The characters that surrogateescape decodes a byte to that is not UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")
_FIRST_SURROGATE = "\udc00"
_UNSAFE = re.compile(r"(?:(?!%[0-9A-Fa-f]{2})[^A-Za-z0-9\-._~!$&'()*+,;=:@/])+")
_HOST = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_MAX_PORT = 65_535


class BadRequestError(Exception):
    """A request that Kestrel answers with 400."""


def read_path(raw: bytes) -> tuple[str, str]:
    """The decoded path for the routes, and the encoded path for `Url`.

    Args:
        raw: the path in the request line.

    Raises:
        BadRequestError: the path is not ASCII, or contains an encoded NUL.
    """
    if _PLAIN_PATH.fullmatch(raw):
        path = raw.decode("ascii")
        return path, path
    try:
        path = _ENCODED.sub(_decode, raw.decode("ascii"))
    except UnicodeDecodeError as error:
        raise BadRequestError("The path is not ASCII.") from error
    if "\0" in path:
        raise BadRequestError("The path contains a NUL.")
    path = _without_dot_segments(path)
    return path, _UNSAFE.sub(lambda run: urllib.parse.quote(run[0], safe=""), path)


def _decode(run: re.Match[str]) -> str:
    """Decodes a run of `%XX`, but not slashes and bytes that are not UTF-8."""
    octets = bytes.fromhex(run[0].replace("%", ""))
    parts = [part.decode("utf-8", "surrogateescape") for part in octets.split(b"/")]
    slashes = re.findall("%2[Ff]", run[0])
    text = "".join(part + slash for part, slash in zip(parts, [*slashes, ""], strict=True))
    return _UNDECODED.sub(lambda byte: f"%{ord(byte[0]) - ord(_FIRST_SURROGATE):02X}", text)


def _without_dot_segments(path: str) -> str:
    """The path without `.` and `..` (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@functools.lru_cache(maxsize=256)
def read_host(raw: bytes) -> str:
    """The Host header as text.

    It becomes part of `Url`, where a `/` or `?` in it would change the path.

    Raises:
        BadRequestError: it is not a host with an optional port.
    """
    match = _HOST.fullmatch(raw.decode("latin-1"))
    if match is None or int(match["port"] or 0) > _MAX_PORT:
        raise BadRequestError("The Host header is not valid.")
    return match[0]
