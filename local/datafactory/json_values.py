"""JSON as Python values."""

from __future__ import annotations

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


def kind_of(value: Json) -> str:  # noqa: PLR0911  # one return for each kind
    """The name of the kind of a JSON value, for error messages."""
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Float"
        case str():
            return "String"
        case list():
            return "Array"
        case dict():
            return "Object"
