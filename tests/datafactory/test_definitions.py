"""datafactory/*.json is what Azure takes: no property that Microsoft's own models don't know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.datafactory import models

from local.datafactory.definitions import Definitions

FOLDER = Path(__file__).parents[2] / "datafactory"
RESOURCES = {
    "pipeline": models.PipelineResource,
    "dataset": models.DatasetResource,
    "linkedService": models.LinkedServiceResource,
}
FILES = sorted(FOLDER.glob("*/*.json"))
# The models leave these open ("any").
OPEN = {"translator", "additionalColumns", "storedProcedureParameters"}


def concrete(model: Any, value: dict[str, Any]) -> Any:
    """The model of the class that `type` names: the SDK (10.0.0) finds none below the second level by itself.

    A Copy is an Execution, which is an Activity; AzureSqlSource is a TabularSource, which is a CopySource.
    """
    classes = list(getattr(type(model), "__mapping__", {}).items())
    for name, found in classes:
        if name == value.get("type"):
            return found(value)
        classes += getattr(found, "__mapping__", {}).items()
    return model


def unknown_properties(model: Any, value: Any, place: str) -> Iterator[str]:
    """The properties of a value that its model has no field for."""
    if isinstance(model, list):
        for n, (item, plain) in enumerate(zip(model, value, strict=True)):
            yield from unknown_properties(item, plain, f"{place}[{n}]")
    elif hasattr(model, "_attr_to_rest_field"):
        model = concrete(model, value)
        fields = {field._rest_name: name for name, field in model._attr_to_rest_field.items()}
        for key, item in value.items():
            if key not in fields:
                yield f"{place}.{key}"
            elif key not in OPEN:
                yield from unknown_properties(getattr(model, fields[key]), item, f"{place}.{key}")
    elif isinstance(model, dict):
        for key, item in value.items():
            yield from unknown_properties(model[key], item, f"{place}.{key}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_each_file_deserialises_without_unknown_properties(file: Path) -> None:
    content = json.loads(file.read_text())
    model = RESOURCES[file.parent.name](content)
    assert list(unknown_properties(model, content, file.stem)) == []
    assert content["name"] == file.stem


def test_an_unknown_property_would_be_noticed() -> None:
    content = json.loads((FOLDER / "pipeline" / "import_products.json").read_text())
    content["properties"]["activities"][0]["typeProperties"]["sink"]["bulkLoad"] = True
    found = list(unknown_properties(models.PipelineResource(content), content, "p"))
    assert found == ["p.properties.activities[0].typeProperties.sink.bulkLoad"]


def test_the_local_factory_knows_every_property() -> None:
    definitions = Definitions(FOLDER)
    for file in FILES:
        match file.parent.name:
            case "pipeline":
                assert definitions.pipeline(file.stem).concurrency == 1
            case "linkedService":
                definitions.linked_service(file.stem)
            case _ if file.stem.endswith("_staging"):
                definitions.table(file.stem)
            case _:
                definitions.delimited_text(file.stem)
    assert definitions.pipeline_names() == ["import_categories", "import_products"]


def test_nothing_in_the_factory_is_a_secret_or_an_arm_expression() -> None:
    for file in FILES:
        text = file.read_text()
        assert "password" not in text.lower()
        assert "accountKey" not in text
        assert '"[' not in text
