"""Everything of datafactory/ is deployed, in an order that Data Factory accepts, with its identity's rights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local import PROJECT
from tests.deployment import bicep

_FILES = sorted((PROJECT / "datafactory").rglob("*.json"))
_MODULE = bicep.INFRA / "modules" / "factory.bicep"
_TYPES = {"pipeline": "pipelines", "dataset": "datasets", "linkedService": "linkedservices"}


def _loaded() -> list[Path]:
    names = re.findall(r"loadJsonContent\('([^']+)'\)", _MODULE.read_text())
    return [(_MODULE.parent / name).resolve() for name in names]


def _deployed(kind: str, name: str) -> bicep.Resource:
    (found,) = (
        resource
        for resource in bicep.resources(f"Microsoft.DataFactory/factories/{_TYPES[kind]}")
        if resource.config["name"] == name
    )
    return found


def test_each_file_is_loaded_once_and_no_other() -> None:
    assert sorted(_loaded()) == _FILES


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_a_file_is_deployed_under_its_name(path: Path) -> None:
    name = json.loads(path.read_text())["name"]
    assert name == path.stem
    assert _deployed(path.parent.name, name)


def _references(value: Any) -> set[str]:
    """The names that a file's references give, however deep."""
    match value:
        case {"referenceName": str(name)}:
            return {name, *(each for inner in value.values() for each in _references(inner))}
        case dict():
            return {each for inner in value.values() for each in _references(inner)}
        case list():
            return {each for inner in value for each in _references(inner)}
        case _:
            return set()


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_what_a_file_refers_to_is_deployed_before_it(path: Path) -> None:
    names = {
        resource.symbol: resource.config["name"]
        for kind in _TYPES.values()
        for resource in bicep.resources(f"Microsoft.DataFactory/factories/{kind}")
    }
    waited_for = {names[symbol] for symbol in _deployed(path.parent.name, path.stem).config.get("dependsOn", [])}
    assert _references(json.loads(path.read_text())) == waited_for


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_no_text_would_be_taken_for_an_expression_of_the_deployment(path: Path) -> None:
    assert not re.search(r'"\[', path.read_text()), "a text that begins with [ is ARM syntax"


def test_only_addresses_are_set_by_the_deployment() -> None:
    for path in _FILES:
        placeholders = re.findall(r'"(\w+)": "[^"]*set-by-deployment[^"]*"', path.read_text())
        set_here = _MODULE.read_text()
        assert all(f"      {name}: " in set_here for name in placeholders), path


def test_the_factory_reaches_the_two_containers_that_its_files_name_and_no_more() -> None:
    text = "".join(path.read_text() for path in _FILES)
    roles = {
        (assignment.scope, assignment.role)
        for assignment in bicep.role_assignments()
        if assignment.principal == "factory.identity.principalId"
    }
    assert roles == {("work", "storageBlobDataReader"), ("rejects", "storageBlobDataContributor")}
    assert set(re.findall(r"imports[a-z-]*-(\w+)", text)) == {"work", "rejects"}


def test_the_database_knows_the_factory_and_the_app() -> None:
    script = (bicep.INFRA / "publish.sh").read_text()
    assert '--app "$APP_IDENTITY_NAME" "$APP_IDENTITY_CLIENT_ID"' in script
    assert '--factory "$FACTORY_NAME" "$FACTORY_CLIENT_ID"' in script
