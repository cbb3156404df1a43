"""docs/azure.md against the resources that infra/ makes."""

from __future__ import annotations

import json
import re

from local import PROJECT
from tests.deployment import bicep

_PAGE = (PROJECT / "docs" / "azure.md").read_text(encoding="utf-8")


def test_every_module_is_in_the_list_of_what_is_made() -> None:
    modules = {path.name for path in (bicep.INFRA / "modules").glob("*.bicep")}
    named = set(re.findall(r"`(\w+\.bicep)`", _PAGE)) & modules
    assert modules - named == {"identities.bicep"}  # free of charge: named by what they may


def test_the_sizes_are_those_of_the_files() -> None:
    defaults = {
        name: described["default"] for name, described in bicep.parsed(bicep.INFRA / "main.bicep")["parameters"].items()
    }
    production = {
        name: value["value"]
        for name, value in json.loads((bicep.INFRA / "production.parameters.json").read_text())["parameters"].items()
    }
    for sizes, column in ((defaults, 3), (production, 4)):
        cells = "\n".join(line.split("|")[column] for line in _PAGE.splitlines() if line.count("|") == 5)
        assert f"{sizes['appInstances']} \N{MULTIPLICATION SIGN} {sizes['appPlanSku']}" in cells
        assert f"{sizes['databaseBackupDays']} days" in cells
        assert str(sizes["databaseSku"]["name"]).replace("_", " ") in cells
        assert str(sizes["cacheSku"]) in cells
        assert f"LRS, {sizes['storageSku'].removeprefix('Standard_')}" in cells
        assert str(sizes["registrySku"]) in cells
        assert f"{sizes['logRetentionDays']} days, {sizes['logDailyGigabytes']} GB a day" in cells


def test_no_price_is_stated() -> None:
    for path in (PROJECT / "docs").glob("*.md"):
        assert not re.search(r"[€$]\s?\d|\d\s?(€|USD|EUR)", path.read_text(encoding="utf-8")), path.name
