"""The address of the client, for throttling."""

from __future__ import annotations

import ipaddress
import re

from fastapi import Request

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:\d+)?|(?P<v4>[^:]*):\d+")


def client_address(request: Request) -> str:
    """The last entry of X-Forwarded-For without its port; without the header the peer's address.

    Azure's front end appends the last entry. The client can choose earlier entries freely.
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
