"""Column types whose values are the same on SQLite and Azure SQL, to the last digit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, override

from sqlalchemy import CHAR, BigInteger, Numeric, String, Unicode, UnicodeText
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

# Azure SQL compares text by its collation; in the usual one `Tea` equals `tea` and `é` equals `e`. This collation
# compares code by code, as SQLite does. (Comparisons with `=` still ignore trailing spaces.)
EXACT = "Latin1_General_100_BIN2"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Hundredths(TypeDecorator[Decimal]):
    """An exact decimal of two places: DECIMAL on Azure SQL, a whole number of hundredths on SQLite.

    SQLite has no decimal type: its NUMERIC is a binary float, in which 0.1 + 0.2 is not 0.3.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Numeric
    cache_ok = True

    def __init__(self, precision: int) -> None:
        """`precision` is the total number of digits, of which two follow the decimal point."""
        super().__init__()
        self.precision = precision
        self.impl = Numeric(precision, 2).with_variant(BigInteger(), "sqlite")

    @override
    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | Decimal | None:
        if value is None or dialect.name != "sqlite":
            return value
        return int(value.scaleb(2))

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]  # the driver gives a Decimal
        return Decimal(value).scaleb(-2)


class UtcTime(TypeDecorator[dt.datetime]):
    """A time in UTC with microseconds: DATETIME2(6) on Azure SQL, microseconds since 1970 on SQLite."""

    impl = mssql.DATETIME2(6).with_variant(BigInteger(), "sqlite")  # type: ignore[no-untyped-call]  # in SQLAlchemy
    cache_ok = True

    @override
    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | dt.datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return (value - _EPOCH) // _MICROSECOND
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + int(value) * _MICROSECOND
        return value.replace(tzinfo=dt.UTC)  # type: ignore[no-any-return]  # a naive datetime of the driver's


def exact_text(length: int) -> TypeEngine[str]:
    """Text of at most `length` UTF-16 units, compared code by code."""
    return Unicode(length).with_variant(mssql.NVARCHAR(length, collation=EXACT), "mssql")


def exact_long_text() -> TypeEngine[str]:
    """Text of any length, compared code by code."""
    return UnicodeText().with_variant(mssql.NVARCHAR(collation=EXACT), "mssql")


def exact_ascii(length: int) -> TypeEngine[str]:
    """At most `length` ASCII characters, compared code by code."""
    return String(length).with_variant(mssql.VARCHAR(length, collation=EXACT), "mssql")


def exact_code(length: int) -> TypeEngine[str]:
    """Exactly `length` ASCII characters, compared code by code."""
    return CHAR(length).with_variant(mssql.CHAR(length, collation=EXACT), "mssql")
