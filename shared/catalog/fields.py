"""The types of the fields of products and categories, in a body and in a query."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.catalog.declaration import AsciiCode, HttpUrlText, Text, TwoDecimals, WholeNumber
from shared.http.fields import MAX_INTEGER, integer_from_query

_ASIN = AsciiCode(10, "0-9A-Z")
_MONEY = TwoDecimals(Decimal("99999999.99"))
_STARS = TwoDecimals(Decimal(5))
_CATEGORY_ID = WholeNumber(1, MAX_INTEGER)

ASIN_PATTERN = _ASIN.pattern

_QUERY_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def _decimal_from_query(value: object) -> object:
    if isinstance(value, str):
        if not _QUERY_DECIMAL.fullmatch(value):
            raise ValueError("Expected a number like 4.5")
        return Decimal(value)
    return value


Asin = Annotated[str, _ASIN, Field(description="10 characters of 0-9 and A-Z.", examples=["B014TMV5YE"])]
Title = Annotated[str, Text(1000)]
HttpUrl = Annotated[str, HttpUrlText(2000), Field(description="An http or https URL, stored unchanged.")]
Money = Annotated[Decimal, _MONEY, Field(description="A number with at most two decimals, stored exactly.")]
Stars = Annotated[Decimal, _STARS, Field(description="A number from 0 to 5 with at most two decimals.")]
Count = Annotated[int, WholeNumber(0, MAX_INTEGER)]
CategoryId = Annotated[int, _CATEGORY_ID]
CategoryName = Annotated[str, Text(200)]

QueryMoney = Annotated[Decimal, _MONEY, BeforeValidator(_decimal_from_query)]
QueryStars = Annotated[Decimal, _STARS, BeforeValidator(_decimal_from_query)]
QueryCategoryId = Annotated[int, _CATEGORY_ID, integer_from_query]
