"""Whose request it is, as far as the network knows."""

from __future__ import annotations

import ipaddress
import re

from fastapi import Request

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:\d+)?|(?P<v4>[^:]*):\d+")


def client_address(request: Request) -> str:
    """The last entry of X-Forwarded-For, which the front end appends, without its port.

    Earlier entries are the client's own words. Without the header (another server than Azure's) the peer's address.
    """
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    if not forwarded:
        return request.client.host if request.client else ""
    match = _WITH_PORT.fullmatch(forwarded)
    host = (match["v6"] or match["v4"] or "") if match else forwarded
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
