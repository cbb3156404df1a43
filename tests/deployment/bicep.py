"""infra/*.bicep as pycep parses it. It knows the language's syntax, not Azure's resources."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycep import BicepParser

from local import PROJECT

INFRA = PROJECT / "infra"


@dataclass(frozen=True)
class Resource:
    """A resource that is made, not one that is only looked up."""

    file: Path
    symbol: str
    type: str
    config: dict[str, Any]


@functools.cache
def parsed(path: Path) -> dict[str, Any]:
    """One file's elements: parameters, variables, resources, modules, outputs."""
    return dict(BicepParser().parse(text=path.read_text()))


def files() -> list[Path]:
    """All Bicep files."""
    return sorted(INFRA.rglob("*.bicep"))


def resources(kind: str) -> Iterator[Resource]:
    """All resources of a type that the files make, those of a loop once, those with a condition as if it held."""
    for path in files():
        for symbol, resource in parsed(path).get("resources", {}).items():
            if resource["type"] == kind and not resource["existing"]:
                config = resource["config"]
                yield Resource(path, symbol, resource["type"], config if "name" in config else config["config"])


def the(kind: str) -> Resource:
    """The only resource of its type."""
    found = list(resources(kind))
    assert len(found) == 1, f"{len(found)} resources of type {kind}"
    return found[0]


@dataclass(frozen=True)
class RoleAssignment:
    """`role` is the key of its file's `roles`; `scope` and `principal` are written as in the file."""

    file: Path
    symbol: str
    role: str
    role_id: str
    scope: str
    principal: str


def role_assignments() -> Iterator[RoleAssignment]:
    """Who may do what, where."""
    for resource in resources("Microsoft.Authorization/roleAssignments"):
        properties = resource.config["properties"]
        role = properties["roleDefinitionId"]["operator"]["operands"]["operand_2"]
        roles = parsed(resource.file)["variables"]["roles"]["value"]
        yield RoleAssignment(
            file=resource.file,
            symbol=resource.symbol,
            role=role,
            role_id=roles[role]["function"]["parameters"]["resource_name_1"],
            scope=resource.config["scope"],
            principal=_path(properties["principalId"]),
        )


def app_settings() -> dict[str, str]:
    """What app.bicep sets in the app's environment; `${…}` and names of parameters as written."""
    settings = the("Microsoft.Web/sites").config["properties"]["siteConfig"]["appSettings"]
    names = [setting["name"] for setting in settings]
    assert len(names) == len(set(names)), "a setting is set twice"
    return {setting["name"]: _path(setting["value"]) for setting in settings}


def _path(value: Any) -> str:  # an expression tree
    """`a.b.c` from the parser's tree of accessors; anything else as it is."""
    match value:
        case {"operator": {"type": "property_accessor", "operands": {"operand_1": left, "operand_2": right}}}:
            return f"{_path(left)}.{_path(right)}"
        case {"function": {"type": name}}:
            return f"{name}()"
        case _:
            return str(value)
