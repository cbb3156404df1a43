"""The constraints of route templates, such as `{id:int}`.

https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

from __future__ import annotations

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


def _within(bounds: Callable[[str], tuple[float, float]], measure: Callable[[str], int]) -> Callable[[str], Constraint]:
    def make(argument: str) -> Constraint:
        least, most = bounds(argument)

        def holds(value: str) -> bool:
            try:
                return least <= measure(value) <= most
            except ValueError:
                return False

        return holds

    return make


def _from(argument: str) -> tuple[float, float]:
    return int(argument), float("inf")


def _up_to(argument: str) -> tuple[float, float]:
    return float("-inf"), int(argument)


def _between(argument: str) -> tuple[float, float]:
    least, _, most = argument.partition(",")
    return int(least), int(most or least)


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
    "length": _within(_between, len),
    "long": _parses_as(_integer),
    "max": _within(_up_to, _integer),
    "maxlength": _within(_up_to, len),
    "min": _within(_from, _integer),
    "minlength": _within(_from, len),
    "range": _within(_between, _integer),
    "regex": _regex,
}
