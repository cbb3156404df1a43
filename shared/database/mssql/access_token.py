"""Entra tokens of a managed identity, for connections to Azure SQL.

ODBC Driver 18 can fetch tokens itself (`Authentication=ActiveDirectoryMsi`), but it fetches one for each connection and
reports no reason when it can't. azure-identity keeps one token for all connections and renews it some minutes before it
expires. A pooled connection whose token has expired is replaced when it is next used.
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
# Microsoft's attribute of a connection that takes a token (msodbcsql.h: SQL_COPT_SS_ACCESS_TOKEN): its length in bytes,
# then its text in UTF-16.
_ATTRIBUTE = 1256
# A connection is replaced when its token is valid for less than this.
_LEAST_SECONDS = 60.0
_EXPIRES_ON = "token_expires_on"


def give_tokens(engine: sa.Engine, credential: TokenCredential) -> None:
    """Makes each connection of the engine sign in with a token of the credential."""

    @event.listens_for(engine, "do_connect")
    def with_token(_dialect: object, record: Any, args: list[Any], options: dict[str, Any]) -> None:  # noqa: ANN401  # SQLAlchemy's, untyped
        try:
            token = credential.get_token(_SCOPE)
        except (AzureError, ValueError) as error:  # msal raises ValueError for a reply that isn't JSON
            log.warning("no token for the database: %s", error)
            raise UnavailableError("The database can't be reached; try again in a moment.", retry_after=5) from error
        record.info[_EXPIRES_ON] = token.expires_on
        # SQLAlchemy adds this where there is no user; the driver refuses it together with a token.
        args[0] = args[0].replace(";Trusted_Connection=Yes", "")
        text = token.token.encode("utf-16-le")
        options["attrs_before"] = {_ATTRIBUTE: struct.pack("<i", len(text)) + text}

    @event.listens_for(engine, "checkout")
    def with_time_left(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401  # SQLAlchemy's, untyped
        if record.info[_EXPIRES_ON] - time.time() < _LEAST_SECONDS:
            raise DisconnectionError("The connection's token has expired.")
