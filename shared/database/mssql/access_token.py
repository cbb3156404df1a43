"""Entra tokens of a managed identity, for connections to Azure SQL.

ODBC Driver 18 can fetch them itself (`Authentication=ActiveDirectoryMsi`), a new one for each connection and without a
word when it can't. Here they come from azure-identity, which keeps one for all connections and renews it some minutes
before its end. A pooled connection outlives its token: it is closed when it would next be used, and a fresh one made.
"""

from __future__ import annotations

import logging
import struct
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from azure.core.exceptions import AzureError
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from shared.http.problems import UnavailableError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

log = logging.getLogger(__name__)

_SCOPE = "https://database.windows.net/.default"
# Microsoft's attribute of a connection that takes a token (msodbcsql.h: SQL_COPT_SS_ACCESS_TOKEN).
_ATTRIBUTE = 1256
# A connection with less left isn't begun anything on.
_LEAST_SECONDS = 60.0
_EXPIRES_ON = "token_expires_on"


def give_tokens(engine: sa.Engine, credential: TokenCredential) -> None:
    """Each connection of the engine's is made with a token of the credential's."""

    @event.listens_for(engine, "do_connect")
    def with_token(_dialect: object, record: Any, args: list[Any], options: dict[str, Any]) -> None:  # noqa: ANN401  # SQLAlchemy's, untyped
        try:
            token = credential.get_token(_SCOPE)
        except (AzureError, ValueError) as error:  # msal takes whatever comes for JSON
            log.warning("no token for the database: %s", error)
            raise UnavailableError("The database can't be reached; try again in a moment.", retry_after=5) from error
        record.info[_EXPIRES_ON] = token.expires_on
        # What SQLAlchemy adds where there is no user; the driver refuses it together with a token.
        args[0] = args[0].replace(";Trusted_Connection=Yes", "")
        options["attrs_before"] = {_ATTRIBUTE: packed(token.token)}

    @event.listens_for(engine, "checkout")
    def with_time_left(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401  # SQLAlchemy's, untyped
        if record.info[_EXPIRES_ON] - time.time() < _LEAST_SECONDS:
            raise DisconnectionError("The connection's token has run out.")


def packed(token: str) -> bytes:
    """A token as the driver takes it: its length in bytes, then its text in UTF-16."""
    text = token.encode("utf-16-le")
    return struct.pack("<i", len(text)) + text
