"""What a model declares about a field beyond its type, and how it is read.

A field of `NewProduct` and `NewCategory` (`schemas.py`) is declared once, there. Everything else is derived from
`declared()`: the table's columns, the header of a CSV file, the staging table, the merge's SQL, Data Factory's mapping.

A rule says which values a field takes. It is also the metadata with which pydantic checks a value of the API: a
validator's message says what was expected, and the API appends what came.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from annotated_types import Ge, GroupedMetadata, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

# The merge accepts the same URLs: what a file has brought in can be sent back through the API.
_HTTP_URL = re.compile(r"https?://.+", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class AsciiCode(GroupedMetadata):
    """Text of exactly `length` characters, each of `characters` (as between the brackets of a pattern)."""

    length: int
    characters: str

    @property
    def pattern(self) -> str:
        """The regular expression of a whole value."""
        return f"^[{self.characters}]{{{self.length}}}$"

    def __iter__(self) -> Iterator[object]:
        """What pydantic checks."""
        pattern = re.compile(self.pattern.removesuffix("$"))
        ranges = " and ".join(re.findall(".-.", self.characters))

        def check(text: str) -> str:
            if not pattern.fullmatch(text):
                raise ValueError(f"Expected {self.length} characters of {ranges}")
            return text

        yield AfterValidator(check)
        yield WithJsonSchema({"type": "string", "pattern": self.pattern})


@dataclass(frozen=True, slots=True)
class Text(GroupedMetadata):
    """Text of 1 to `max_length` code points, without NUL."""

    max_length: int

    def __iter__(self) -> Iterator[object]:
        """What pydantic checks."""
        yield MinLen(1)
        yield MaxLen(self.max_length)
        yield AfterValidator(_without_nul)


@dataclass(frozen=True, slots=True)
class HttpUrlText(GroupedMetadata):
    """An http or https URL of at most `max_length` code points, without NUL; empty in a file means null."""

    max_length: int

    def __iter__(self) -> Iterator[object]:
        """What pydantic checks."""
        yield MaxLen(self.max_length)
        yield AfterValidator(_without_nul)
        yield AfterValidator(_http_url)


@dataclass(frozen=True, slots=True)
class TwoDecimals(GroupedMetadata):
    """A number from 0 to `maximum` with at most two decimals; 0 in a file means null ("missing" in the data set)."""

    maximum: Decimal

    def __iter__(self) -> Iterator[object]:
        """What pydantic checks, and how it writes the value."""
        yield BeforeValidator(_decimal)
        yield Ge(0)
        yield Le(self.maximum)
        yield AfterValidator(_two_decimals)
        # Ten significant digits at most: a binary float's shortest spelling gives each of them back.
        yield PlainSerializer(float, return_type=float, when_used="json")
        yield WithJsonSchema({"type": "number", "minimum": 0, "maximum": float(self.maximum)})


@dataclass(frozen=True, slots=True)
class WholeNumber(GroupedMetadata):
    """An integer from `minimum` to `maximum`."""

    minimum: int
    maximum: int

    def __iter__(self) -> Iterator[object]:
        """What pydantic checks."""
        yield Ge(self.minimum)
        yield Le(self.maximum)


@dataclass(frozen=True, slots=True)
class TrueOrFalse:
    """`True` or `False` in any case in a file; a JSON boolean in the API."""


type Rule = AsciiCode | Text | HttpUrlText | TwoDecimals | WholeNumber | TrueOrFalse
_RULES = (AsciiCode, Text, HttpUrlText, TwoDecimals, WholeNumber, TrueOrFalse)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("Expected text without a NUL character")
    return text


def _http_url(text: str) -> str:
    if not _HTTP_URL.fullmatch(text):
        raise ValueError("Expected a URL that begins with http:// or https://")
    return text


def _decimal(value: object) -> object:
    """A JSON integer as Decimal; pydantic refuses any other type."""
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _two_decimals(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.01")):
        raise ValueError("Expected at most two decimals")
    return abs(value)  # -0 is 0


@dataclass(frozen=True, slots=True)
class CsvColumn:
    """The column of a CSV file that a field is loaded from.

    A file must have the column where it is `mandatory`. Otherwise a file without it leaves the field of known rows as
    it is, and new rows get the field's default. `column` is the table's column where it isn't named like the field.
    """

    name: str
    mandatory: bool = False
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """One field, as its model declares it. `default` is None, 0 or False; a field without one is `required`."""

    name: str
    column: str
    csv: str
    mandatory: bool
    rule: Rule
    nullable: bool
    required: bool
    default: int | None


@functools.cache
def declared(model: type[BaseModel]) -> tuple[Declared, ...]:
    """The fields of a model, in their order, which is also the order of the file's columns.

    Raises TypeError for a field without a `CsvColumn` or a rule.
    """
    return tuple(_declared(name, field) for name, field in model.model_fields.items())


def _declared(name: str, field: FieldInfo) -> Declared:
    metadata = [*field.metadata, *_metadata_of(field.annotation)]
    csv = next((each for each in metadata if isinstance(each, CsvColumn)), None)
    rule = next((each for each in metadata if isinstance(each, _RULES)), None)
    if rule is None and bool in {field.annotation, *typing.get_args(field.annotation)}:
        rule = TrueOrFalse()
    if csv is None or rule is None:
        raise TypeError(f"{name}: expected a CsvColumn and a rule in its annotation, got {metadata}")
    return Declared(
        name=name,
        column=csv.column or name,
        csv=csv.name,
        mandatory=csv.mandatory,
        rule=rule,
        nullable=types.NoneType in typing.get_args(field.annotation),
        required=field.is_required(),
        default=None if field.is_required() else field.default,
    )


def _metadata_of(annotation: Any) -> Iterator[object]:  # noqa: ANN401  # any type
    """What `Annotated` carries inside of a union (`HttpUrl | None`)."""
    yield from getattr(annotation, "__metadata__", ())
    for part in typing.get_args(annotation):
        yield from _metadata_of(part)


type Comparison = Literal["equals", "at least", "at most"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Marks a query parameter that compares a column of the list's table with its value."""

    column: str
    comparison: Comparison = "equals"


def declared_filters(query: type[BaseModel]) -> dict[str, Filter]:
    """The filters of a query by the parameter's name, in their order."""
    return {
        name: each for name, field in query.model_fields.items() for each in field.metadata if isinstance(each, Filter)
    }
