"""What a model in `schemas.py` declares about a field beyond its type, and how it is read.

A field of `NewProduct` and `NewCategory` is declared once, there. Everything else is derived from `declared()`: the
table's columns, the header of a CSV file, the staging table, the merge's SQL and its sentences, Data Factory's mapping.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class AsciiCode:
    """Text of exactly `length` characters, each of `characters` (as between the brackets of a pattern)."""

    length: int
    characters: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text of 1 to `max_length` code points, without NUL."""

    max_length: int


@dataclass(frozen=True, slots=True)
class HttpUrlText:
    """An http or https URL of at most `max_length` code points, without NUL; empty in a file means null."""

    max_length: int


@dataclass(frozen=True, slots=True)
class Hundredths:
    """A number from 0 to `maximum` with at most two decimals; 0 in a file means null ("missing" in the data set)."""

    maximum: Decimal


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """An integer from `minimum` to `maximum`."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class TrueOrFalse:
    """`True` or `False` in any case in a file; a JSON boolean on the wire."""


type Rule = AsciiCode | Text | HttpUrlText | Hundredths | WholeNumber | TrueOrFalse
_RULES = (AsciiCode, Text, HttpUrlText, Hundredths, WholeNumber, TrueOrFalse)


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
