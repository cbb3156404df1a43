"""The constraints of route templates, such as `{id:int}`.

https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable

from local.host.errors import HostError

type Constraint = Callable[[str], bool]


def read_constraint(kind: str, argument: str, used_by: str) -> Constraint:
    """A function that checks the text of a parameter.

    Raises:
        HostError: this host doesn't support the constraint, or can't read its argument.
    """
    make = _KINDS.get(kind)
    if make is None:
        raise HostError(f"The route of {used_by} has a constraint that this host doesn't support: {kind}.")
    try:
        return make(argument)
    except (ValueError, re.error) as error:
        raise HostError(
            f"The route of {used_by} has a constraint with an invalid argument: {kind}({argument})."
        ) from error


def _parses_as(parse: Callable[[str], object]) -> Callable[[str], Constraint]:
    def holds(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, KeyError):
            return False
        return True

    return lambda _argument: holds


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value.lower()]


def _integer(value: str) -> int:
    if "_" in value:  # valid in Python only
        raise ValueError(value)
    return int(value)


def _within(lowest: float, highest: float, measure: Callable[[str], int]) -> Constraint:
    def holds(value: str) -> bool:
        try:
            return lowest <= measure(value) <= highest
        except ValueError:
            return False

    return holds


def _bounds(argument: str) -> tuple[int, int]:
    lowest, _, highest = argument.partition(",")
    return int(lowest), int(highest or lowest)


def _alpha(_argument: str) -> Constraint:
    return lambda value: value.isascii() and value.isalpha()


def _regex(argument: str) -> Constraint:
    # In a template, braces that are not a parameter's are doubled.
    pattern = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    return lambda value: pattern.search(value) is not None


_KINDS: dict[str, Callable[[str], Constraint]] = {
    "alpha": _alpha,
    "bool": _parses_as(_boolean),
    "decimal": _parses_as(float),
    "double": _parses_as(float),
    "float": _parses_as(float),
    "guid": _parses_as(uuid.UUID),
    "int": _parses_as(_integer),
    "length": lambda argument: _within(*_bounds(argument), len),
    "long": _parses_as(_integer),
    "max": lambda argument: _within(-math.inf, int(argument), _integer),
    "maxlength": lambda argument: _within(-math.inf, int(argument), len),
    "min": lambda argument: _within(int(argument), math.inf, _integer),
    "minlength": lambda argument: _within(int(argument), math.inf, len),
    "range": lambda argument: _within(*_bounds(argument), _integer),
    "regex": _regex,
}
