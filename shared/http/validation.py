"""Sentences for fields that fail validation: what was expected there and what came, in JSON's terms."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from shared.http.problems import FieldError

_MAX_VALUE_CHARACTERS = 100

# By pydantic's type of error (https://docs.pydantic.dev/latest/errors/validation_errors/); braces name its context.
_EXPECTED = {
    "missing": "a value",
    "extra_forbidden": "a documented field",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a string",
    "string_unicode": "text without lone surrogates",
    "list_type": "an array",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "is_instance_of": "a number",  # Decimal is the only class that a field asks for
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
}
_LENGTHS = {
    "string_too_short": "at least {min_length}",
    "too_short": "at least {min_length}",
    "string_too_long": "at most {max_length}",
    "too_long": "at most {max_length}",
}


def field_error(error: Mapping[str, Any], secret_fields: Collection[str] = ()) -> FieldError:
    """One of pydantic's errors as a sentence.

    The values of the body's `secret_fields` are never shown. Nor are arrays and objects, which may contain one.
    """
    loc = [part if isinstance(part, int) else _printable(str(part)) for part in error["loc"]]
    is_secret = bool(secret_fields) and loc[0] == "body" and (len(loc) == 1 or loc[1] in secret_fields)
    return {"loc": loc, "msg": _sentence(error, is_secret=is_secret)}


def _sentence(error: Mapping[str, Any], *, is_secret: bool) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        came = "none"
    elif kind == "extra_forbidden":
        came = json_value(error["loc"][-1])
    elif is_secret:
        came = "a value that isn't shown"
    elif kind in _LENGTHS:
        came = str(len(value or ""))
    else:
        came = json_value(value)
    return f"expected {expected_value(error)}, got {came}"


def expected_value(error: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says was expected; a validator's own text is "Expected ..."."""
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "value_error":
            return str(context["error"]).removeprefix("Expected ")
        case "literal_error":
            return f"one of {', '.join(re.findall(r"'([^']*)'", context['expected']))}"
        case _ if kind in _LENGTHS:
            bound = _LENGTHS[kind].format_map(context)
            unit = "character" if isinstance(error["input"], str) else "item"
            return f"{bound} {unit}" if bound.endswith(" 1") else f"{bound} {unit}s"
        case _:
            # Some of pydantic's bounds are the text `Decimal('5')`.
            return re.sub(r"Decimal\('(.*)'\)", r"\1", _EXPECTED.get(kind, "a valid value").format_map(context))


def json_value(value: object) -> str:
    """The value as JSON, cut to 100 characters; of an array or an object only which of the two it is."""
    match value:
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
        case Decimal():
            text = str(value)
        case _:
            text = _printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _MAX_VALUE_CHARACTERS else text[: _MAX_VALUE_CHARACTERS - 1] + "…"


def _printable(text: str) -> str:
    r"""The text with lone surrogates, which UTF-8 can't express, as \uXXXX."""
    return text.encode("utf-8", "backslashreplace").decode()
