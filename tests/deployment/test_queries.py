"""The queries of alerts and workbook name only what the app sends, and each is used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local import PROJECT

_QUERIES = sorted((PROJECT / "infra" / "queries").glob("*.kql"))
# What the real exporter posted in a test: tests/telemetry keeps the file true.
_POSTED: dict[str, dict[str, Any]] = json.loads((PROJECT / "tests" / "telemetry" / "posted_fields.json").read_text())

# Tables of Application Insights in a workspace, the posted items that land there, and columns that every item fills:
# https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests (and so on).
_EVERYWHERE = {
    "TimeGenerated",
    "OperationId",
    "OperationName",
    "ParentId",
    "Properties",
    "AppRoleInstance",
    "AppRoleName",
}
_COLUMNS = {
    "AppRequests": ("requests", {"Id", "Name", "ResultCode", "Success", "DurationMs"}),
    "AppDependencies": ("dependencies", {"Id", "Name", "DependencyType", "Success", "DurationMs"}),
    "AppTraces": ("traces", {"Message", "SeverityLevel"}),
    "AppExceptions": ("exceptions", {"ExceptionType", "OuterMessage", "SeverityLevel"}),
    "AppMetrics": ("customMetrics", {"Name", "Sum", "Min", "Max", "ItemCount"}),
}
# Data Factory's own, by diagnostic settings: https://learn.microsoft.com/azure/azure-monitor/reference/tables/adfactivityrun
_FACTORY = {
    "ADFActivityRun": {"PipelineRunId", "ActivityName", "ActivityType", "Status", "Start", "End", "ErrorMessage"}
}
_OPERATORS = (
    "let|union|where|extend|project|summarize|by|order|desc|asc|top|join|kind|leftouter|on|distinct|render|timechart"
)
_CONDITIONS = "and|or|not|in|has|matches|regex|iff|isempty|isnotempty|isnull|ago"
_VALUES = "arg_max|bin|count|sum|sumif|max|min|percentile|make_list|strcat|tostring|toint|round"
_LANGUAGE = set(f"{_OPERATORS}|{_CONDITIONS}|{_VALUES}".split("|"))


def _code(query: str) -> str:
    """The query without its comments."""
    return "\n".join(line for line in query.splitlines() if not line.startswith("//"))


def _tables(code: str) -> set[str]:
    return set(re.findall(r"\bA(?:pp|DF)[A-Z]\w+", code)) & (_COLUMNS.keys() | _FACTORY.keys())


@pytest.mark.parametrize("path", _QUERIES, ids=lambda path: path.stem)
def test_a_query_names_only_columns_and_functions_that_there_are(path: Path) -> None:
    code = _code(path.read_text())
    tables = _tables(code)
    assert tables, "It asks no table."
    names = re.sub(r'@?"[^"]*"', " ", code)
    own = set(re.findall(r"\b(\w+)\s*=(?!=|~)", names)) | set(re.findall(r"\blet (\w+)", names))
    columns = _EVERYWHERE.union(
        *(_COLUMNS[table][1] for table in tables & _COLUMNS.keys()),
        *(_FACTORY[table] for table in tables & _FACTORY.keys()),
    )
    used = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", names))
    assert used <= own | columns | tables | _LANGUAGE, used - own - columns - tables - _LANGUAGE


@pytest.mark.parametrize("path", _QUERIES, ids=lambda path: path.stem)
def test_a_query_names_only_dimensions_that_the_app_sends(path: Path) -> None:
    code = _code(path.read_text())
    items = {_COLUMNS[table][0] for table in _tables(code) & _COLUMNS.keys()}
    metrics = _metrics(code)
    sent: set[str] = set()
    for item in items - {"customMetrics"}:
        sent.update(_POSTED[item]["dimensions"])
    for metric in metrics:
        sent.update(_POSTED["customMetrics"][metric])
    asked = set(re.findall(r'Properties\["([^"]+)"\]', code))
    assert asked <= sent, asked - sent


@pytest.mark.parametrize(
    "path", [path for path in _QUERIES if "AppMetrics" in path.read_text()], ids=lambda path: path.stem
)
def test_a_query_of_metrics_names_one_that_the_app_sends(path: Path) -> None:
    metrics = _metrics(_code(path.read_text()))
    assert metrics
    assert metrics <= _POSTED["customMetrics"].keys(), metrics - _POSTED["customMetrics"].keys()


def _metrics(code: str) -> set[str]:
    return set(re.findall(r'"(catalog\.[\w.]+)"', code)) - set(re.findall(r'Properties\["([^"]+)"\]', code))


def test_every_query_stands_in_the_workbook_or_an_alert() -> None:
    modules = "".join((PROJECT / "infra" / "modules" / name).read_text() for name in ("workbook.bicep", "alerts.bicep"))
    loaded = re.findall(r"loadTextContent\('../queries/(\w+\.kql)'\)", modules)
    assert sorted(loaded) == [path.name for path in _QUERIES]


def test_every_alert_is_explained_to_whoever_it_wakes() -> None:
    rules = re.findall(r"name: '([a-z-]+)'\n    title:", (PROJECT / "infra" / "modules" / "alerts.bicep").read_text())
    operations = (PROJECT / "docs" / "operations.md").read_text()
    assert len(rules) == len([path for path in _QUERIES if path.name.startswith("alert_")])
    for rule in [*rules, "unavailable", "budget"]:
        assert f"`{rule}`" in operations, rule
