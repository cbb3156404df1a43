"""Fields of requests and replies that several modules share."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

MAX_INTEGER = 2_147_483_647

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def rfc3339(time: dt.datetime) -> str:
    """A UTC time with six decimals, ending in Z (RFC 3339)."""
    return time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _integer(value: object) -> object:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise ValueError("Expected an integer")
        return int(value)
    return value


def _boolean(value: object) -> object:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("Expected true or false")
        return value == "true"
    return value


integer_from_query = BeforeValidator(_integer)

Time = Annotated[
    dt.datetime,
    PlainSerializer(rfc3339, return_type=str),
    Field(examples=["2026-11-24T08:20:32.000000Z"]),
]
PageLimit = Annotated[int, integer_from_query, Field(ge=1, le=100)]
QueryFlag = Annotated[bool, BeforeValidator(_boolean)]
