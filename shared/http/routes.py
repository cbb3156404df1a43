"""Finds the operation of a request by its method and path, without the framework."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.operations import OPERATIONS, PREFIX

_PARAMETER = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, with the name and attributes of its spans (OpenTelemetry's HTTP semantic conventions)."""

    operation: str
    span_name: str
    attributes: Mapping[str, str]


def _route(operation: str, method: str, template: str) -> Route:
    attributes = {"http.request.method": method, "http.route": template}
    return Route(operation, f"{method} {template}", attributes)


_BY_PATH: dict[tuple[str, str], Route] = {}
_BY_FOLDER: dict[tuple[str, str], Route] = {}
_BY_PATTERN: list[tuple[str, re.Pattern[str], Route]] = []
for _each in OPERATIONS:
    _template = PREFIX + _each.path
    _found = _route(_each.name, _each.method, _template)
    _folder, _, _last = _template.rpartition("/")
    if "{" not in _template:
        _BY_PATH[_each.method, _template] = _found
    elif "{" not in _folder:
        _BY_FOLDER[_each.method, _folder] = _found
    else:
        _BY_PATTERN.append((_each.method, re.compile(_PARAMETER.sub("[^/]+", _template)), _found))

_METHODS = frozenset(operation.method for operation in OPERATIONS)
_DOCS = _route("docs", "GET", f"{PREFIX}/docs/{{*path}}")
# A path or method that no operation has. Telemetry doesn't show its text, which can be anything.
_OTHER = _route("other", "_OTHER", f"{PREFIX}/{{*path}}")


def allowed_methods(path: str) -> list[str]:
    """The methods of the operations at this path, sorted; HEAD wherever GET is."""
    methods = {method for method in _METHODS if route_of(method, path) is not _OTHER}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def route_of(method: str, path: str) -> Route:
    """The route of a request; a HEAD request has the route of GET."""
    if method == "HEAD":
        method = "GET"
    found = _BY_PATH.get((method, path)) or _BY_FOLDER.get((method, path.rpartition("/")[0]))
    if found:
        return found
    if method == "GET" and path.startswith(f"{PREFIX}/docs"):
        return _DOCS
    return next((each for verb, pattern, each in _BY_PATTERN if verb == method and pattern.fullmatch(path)), _OTHER)
