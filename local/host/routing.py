"""Routing: finds the function for a request by the .NET host's route templates.

A template is ASP.NET's: `products/{asin}`, `{id:int?}`, `{*path}`. Matching ignores case and a slash at the end. Routes
are tried in the order of the functions' names, not literal segments first
(https://github.com/Azure/azure-functions-host/issues/9876). A route with another method doesn't match, so a later route
may. The response is an empty 404 if none does. (WebScriptHostHttpRoutesManager.cs; aspnetcore: TemplateMatcher.cs)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.host.errors import HostError
from local.host.route_constraints import Constraint, read_constraint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.host.functions import Function, HttpTrigger

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_PARAMETER = re.compile(
    r"(?P<catch_all>\*{0,2})(?P<name>\w+)(?P<constraints>(?::[a-z]+(?:\(.*?\))?)*)(?:=(?P<default>.*?))?(?P<optional>\?)?"
)
_CONSTRAINT = re.compile(r":([a-z]+)(?:\((.*?)\))?(?=:|$)")
_SLASH_OUTSIDE_OF_BRACES = re.compile(r"/(?![^{]*\})")


@dataclass(frozen=True, slots=True)
class Route:
    """A function's route, compiled to match decoded paths."""

    function: Function[HttpTrigger]
    pattern: re.Pattern[str]
    constraints: tuple[tuple[str, Constraint], ...]
    defaults: tuple[tuple[str, str], ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of the path, with defaults; None if the route doesn't match."""
        match = self.pattern.fullmatch(path)
        if match is None:
            return None
        parameters = dict(self.defaults)
        parameters.update((name, value) for name, value in match.groupdict().items() if value)
        for name, holds in self.constraints:
            if name in parameters and not holds(parameters[name]):
                return None
        return parameters


class RouteTable:
    """All routes of an app, in order."""

    def __init__(self, functions: Iterable[Function[HttpTrigger]], prefix: str) -> None:
        """Compiles the routes, which are tried in this order; `prefix` is routePrefix in host.json."""
        routes = [_compile(function, prefix) for function in functions]
        self._by_method: dict[str, Sequence[Route]] = {
            method: [route for route in routes if _takes(route.function.trigger, method)] for method in _METHODS
        }
        self._for_any_method: Sequence[Route] = [route for route in routes if route.function.trigger.methods is None]

    def match(self, method: str, path: str) -> tuple[Function[HttpTrigger], dict[str, str]] | None:
        """The first function whose route and methods match, and the route's parameters; `path` is decoded."""
        for route in self._by_method.get(method, self._for_any_method):
            parameters = route.match(path)
            if parameters is not None:
                return route.function, parameters
        return None


def _takes(trigger: HttpTrigger, method: str) -> bool:
    return trigger.methods is None or method in trigger.methods


def _compile(function: Function[HttpTrigger], prefix: str) -> Route:
    template = "/".join(part for part in (prefix, function.trigger.route.strip("/")) if part)
    pattern = ""
    constraints: list[tuple[str, Constraint]] = []
    defaults: list[tuple[str, str]] = []
    for segment in _SLASH_OUTSIDE_OF_BRACES.split(template):
        if not segment.startswith("{") and "{" not in segment:
            pattern += "/" + re.escape(segment)
            continue
        parameter = _PARAMETER.fullmatch(segment[1:-1]) if segment.startswith("{") and segment.endswith("}") else None
        if parameter is None:
            raise HostError(f"The route of {function.name} has a segment that this host doesn't support: {segment}.")
        name = parameter["name"]
        if parameter["catch_all"]:
            pattern += f"(?:/(?P<{name}>.*))?"
        elif parameter["optional"] or parameter["default"] is not None:
            pattern += f"(?:/(?P<{name}>[^/]+))?"
        else:
            pattern += f"/(?P<{name}>[^/]+)"
        if parameter["default"] is not None:
            defaults.append((name, parameter["default"]))
        constraints.extend(
            (name, read_constraint(kind, argument, function.name))
            for kind, argument in _CONSTRAINT.findall(parameter["constraints"])
        )
    return Route(function, re.compile(pattern + "/?", re.IGNORECASE | re.DOTALL), tuple(constraints), tuple(defaults))
