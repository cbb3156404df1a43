"""The values of products and categories as the wire carries them: strict types, their ranges, and what to say else."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from shared.catalog.declaration import AsciiCode, HttpUrlText, Hundredths, Text, WholeNumber
from shared.http.fields import MAX_INTEGER, integer_from_query

MAX_MONEY = Decimal("99999999.99")
MAX_STARS = Decimal(5)
ASIN_PATTERN = r"^[0-9A-Z]{10}$"

_ASIN = re.compile(r"[0-9A-Z]{10}")
# What the merge takes, too: what came in by a file can be written back through the API.
_HTTP_URL = re.compile(r"https?://.+", re.IGNORECASE | re.DOTALL)
_QUERY_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("Expected text without a NUL character")
    return text


def _http_url(text: str) -> str:
    if not _HTTP_URL.fullmatch(text):
        raise ValueError("Expected a URL that begins with http:// or https://")
    return text


def _asin(text: str) -> str:
    if not _ASIN.fullmatch(text):
        raise ValueError("Expected 10 characters of A-Z and 0-9")
    return text


def _number(value: object) -> object:
    """A JSON number as Decimal; anything else is left for pydantic to refuse."""
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _two_decimals(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.01")):
        raise ValueError("Expected at most two decimals")
    return abs(value)  # -0 is 0


def _from_query(pattern: re.Pattern[str], kind: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise ValueError(f"Expected {kind}")
        return Decimal(value) if isinstance(value, str) else value

    return BeforeValidator(check)


def _json_number(maximum: Decimal) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": 0, "maximum": float(maximum)})


# Ten significant digits at most: a binary float's shortest spelling gives each of them back.
_AS_FLOAT = PlainSerializer(float, return_type=float, when_used="json")

Asin = Annotated[
    str,
    AsciiCode(10, "0-9A-Z"),
    AfterValidator(_asin),
    Field(json_schema_extra={"pattern": ASIN_PATTERN}, description="10 of A-Z and 0-9.", examples=["B014TMV5YE"]),
]
Title = Annotated[str, Text(1000), Field(min_length=1, max_length=1000), AfterValidator(_without_nul)]
HttpUrl = Annotated[
    str,
    HttpUrlText(2000),
    Field(max_length=2000, description="http(s), kept as it came."),
    AfterValidator(_without_nul),
    AfterValidator(_http_url),
]
Money = Annotated[
    Decimal,
    Hundredths(MAX_MONEY),
    BeforeValidator(_number),
    Field(ge=0, le=MAX_MONEY, description="At most two decimals, kept exactly."),
    AfterValidator(_two_decimals),
    _AS_FLOAT,
    _json_number(MAX_MONEY),
]
Stars = Annotated[
    Decimal,
    Hundredths(MAX_STARS),
    BeforeValidator(_number),
    Field(ge=0, le=MAX_STARS, description="0 to 5 with at most two decimals."),
    AfterValidator(_two_decimals),
    _AS_FLOAT,
    _json_number(MAX_STARS),
]
Count = Annotated[int, WholeNumber(0, MAX_INTEGER), Field(ge=0, le=MAX_INTEGER)]
CategoryId = Annotated[int, WholeNumber(1, MAX_INTEGER), Field(ge=1, le=MAX_INTEGER)]
CategoryName = Annotated[str, Text(200), Field(min_length=1, max_length=200), AfterValidator(_without_nul)]

QueryMoney = Annotated[
    Decimal,
    _from_query(_QUERY_DECIMAL, "a number like 19.99"),
    Field(ge=0, le=MAX_MONEY),
    AfterValidator(_two_decimals),
    _json_number(MAX_MONEY),
]
QueryStars = Annotated[
    Decimal,
    _from_query(_QUERY_DECIMAL, "a number like 4.5"),
    Field(ge=0, le=MAX_STARS),
    AfterValidator(_two_decimals),
    _json_number(MAX_STARS),
]
QueryCategoryId = Annotated[int, integer_from_query, Field(ge=1, le=MAX_INTEGER)]
