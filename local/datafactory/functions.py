"""The functions of Data Factory's expressions that the local Data Factory knows, by lower-case name."""

from __future__ import annotations

import datetime as dt
import json
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence

from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.json_values import Json, kind_of

type Function = Callable[[str, Sequence[Json]], Json]


def text_of(value: Json) -> str:
    """The value as a text. Null is the empty text; what is neither text nor Boolean is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _refused(name: str, expected: str, values: Sequence[Json]) -> InvalidDefinitionError:
    found = ", ".join(kind_of(value) for value in values) or "none"
    return InvalidDefinitionError(f"The function '{name}' expects {expected}, got {found}.")


def _texts(count: int, function: Callable[..., Json]) -> Function:
    def call(name: str, values: Sequence[Json]) -> Json:
        if len(values) != count or not all(isinstance(value, str) for value in values):
            raise _refused(name, f"{count} String parameters", values)
        return function(*values)

    return call


def _numbers(function: Callable[..., Json]) -> Function:
    def call(name: str, values: Sequence[Json]) -> Json:
        if len(values) != 2 or not all(  # noqa: PLR2004  # a left and a right side
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        ):
            raise _refused(name, "two numbers", values)
        try:
            return function(*values)
        except ZeroDivisionError as error:
            raise InvalidDefinitionError(
                f"The function '{name}' expects a divisor other than zero, got zero."
            ) from error

    return call


def _ordered(function: Callable[..., Json]) -> Function:
    numbers, texts = _numbers(function), _texts(2, function)

    def call(name: str, values: Sequence[Json]) -> Json:
        return (texts if values and isinstance(values[0], str) else numbers)(name, values)

    return call


def _booleans(name: str, values: Sequence[Json]) -> list[bool]:
    booleans = [value for value in values if isinstance(value, bool)]
    if not booleans or len(booleans) != len(values):
        raise _refused(name, "Boolean parameters", values)
    return booleans


def _single(name: str, values: Sequence[Json]) -> Json:
    if len(values) != 1:
        raise _refused(name, "one parameter", values)
    return values[0]


def _not(name: str, values: Sequence[Json]) -> Json:
    return not _booleans(name, [_single(name, values)])[0]


def _equals(name: str, values: Sequence[Json]) -> Json:
    if len(values) != 2:  # noqa: PLR2004  # a left and a right side
        raise _refused(name, "two parameters", values)
    left, right = values
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _coalesce(name: str, values: Sequence[Json]) -> Json:
    if not values:
        raise _refused(name, "at least one parameter", values)
    return next((value for value in values if value is not None), None)


def _concat(name: str, values: Sequence[Json]) -> Json:
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values if isinstance(value, list) for item in value]
    if not values:
        raise _refused(name, "at least one parameter", values)
    return "".join(text_of(value) for value in values)


def _int(name: str, values: Sequence[Json]) -> Json:
    value = _single(name, values)
    if not isinstance(value, str | int | float):
        raise _refused(name, "a number", values)
    try:
        return int(value)
    except ValueError as error:
        raise InvalidDefinitionError(f"The function 'int' can't convert '{value}'.") from error


def _bool(name: str, values: Sequence[Json]) -> Json:
    value = _single(name, values)
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if isinstance(value, bool | int):
        return bool(value)
    raise _refused(name, "true, false or an Integer", values)


def _json(name: str, values: Sequence[Json]) -> Json:
    value = _single(name, values)
    if not isinstance(value, str):
        raise _refused(name, "a String", values)
    try:
        parsed: Json = json.loads(value)
    except ValueError as error:
        raise InvalidDefinitionError(f"The function 'json' can't read '{value}'.") from error
    return parsed


def _length(name: str, values: Sequence[Json]) -> Json:
    value = _single(name, values)
    if not isinstance(value, str | list):
        raise _refused(name, "a String or an Array", values)
    return len(value)


def _empty(name: str, values: Sequence[Json]) -> Json:
    value = _single(name, values)
    if not isinstance(value, str | list | dict):
        raise _refused(name, "a String, an Array or an Object", values)
    return len(value) == 0


def _contains(name: str, values: Sequence[Json]) -> Json:
    match values:
        case [str(whole), str(part)]:
            return part in whole
        case [list(items), item]:
            return item in items
        case [dict(members), str(key)]:
            return key in members
        case _:
            raise _refused(name, "a collection and what to look for in it", values)


def _utc_now(name: str, values: Sequence[Json]) -> Json:
    if values:
        raise _refused(name, "no parameters (formats are not known to the local Data Factory)", values)
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _guid(name: str, values: Sequence[Json]) -> Json:
    if values:
        raise _refused(name, "no parameters", values)
    return str(uuid.uuid4())


FUNCTIONS: Mapping[str, Function] = {
    "concat": _concat,
    "coalesce": _coalesce,
    "string": lambda name, values: text_of(_single(name, values)),
    "int": _int,
    "bool": _bool,
    "json": _json,
    "equals": _equals,
    "not": _not,
    "and": lambda name, values: all(_booleans(name, values)),
    "or": lambda name, values: any(_booleans(name, values)),
    "greater": _ordered(operator.gt),
    "greaterorequals": _ordered(operator.ge),
    "less": _ordered(operator.lt),
    "lessorequals": _ordered(operator.le),
    "add": _numbers(operator.add),
    "sub": _numbers(operator.sub),
    "mul": _numbers(operator.mul),
    "length": _length,
    "empty": _empty,
    "contains": _contains,
    "startswith": _texts(2, lambda text, part: text.lower().startswith(part.lower())),
    "endswith": _texts(2, lambda text, part: text.lower().endswith(part.lower())),
    "replace": _texts(3, lambda text, old, new: text.replace(old, new)),
    "split": _texts(2, lambda text, separator: text.split(separator)),
    "tolower": _texts(1, lambda text: text.lower()),
    "toupper": _texts(1, lambda text: text.upper()),
    "trim": _texts(1, lambda text: text.strip()),
    "utcnow": _utc_now,
    "guid": _guid,
}
