"""How DATABASE_URL may reach Azure SQL: encrypted, and the server's certificate verified.

Both can be switched off for a server on this machine alone, whose traffic nobody can read.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qsl, urlsplit

_VERIFIED = {"encrypt": frozenset({"yes", "mandatory", "strict"}), "trustservercertificate": frozenset({"no"})}


def check_transport(url: str) -> None:
    """Raises ValueError, with a sentence and without the URL, where it isn't as above; any other database is fine."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("mssql"):
        return
    asked = {keyword.lower(): value.lower() for keyword, value in parse_qsl(parts.query)}
    if not parts.hostname or "odbc_connect" in asked or "dsn" in asked:
        raise ValueError("Expected mssql+pyodbc://server:port/database?…, got one without the server's name")
    for keyword, verified in _VERIFIED.items():
        if asked.get(keyword, min(verified)) not in verified and not _is_this_machine(parts.hostname):
            expected = " or ".join(sorted(verified))
            raise ValueError(f"Expected {keyword}={expected} for a server that isn't on this machine")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
