"""SQL Server's plan of a statement, as SET STATISTICS XML gives it.

The names are those of Microsoft's schema (http://schemas.microsoft.com/sqlserver/2004/07/showplan). An operator is a
`RelOp`. `RunTimeCountersPerThread` has the rows it read, the `Object` of its `IndexScan` the index. A lookup of columns
that an index lacks is a `Clustered Index Seek` whose `IndexScan` has the attribute `Lookup`.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

_SPACE = "{http://schemas.microsoft.com/sqlserver/2004/07/showplan}"
# Returns constants and reads nothing.
_READS_NOTHING = "Constant Scan"


@dataclass(frozen=True)
class Operator:
    """A physical operator, the index that it reads ("" for none), and the number of rows it read there."""

    name: str
    index: str
    rows_read: int


@dataclass(frozen=True)
class Plan:
    """The operators of one statement, and the type conversions that prevent a seek."""

    operators: tuple[Operator, ...]
    conversions: tuple[str, ...]

    def faults(self, rows: int) -> list[str]:
        """The reasons why the plan isn't a few seeks that read at most `rows` rows each; empty if it is."""
        scans = [
            f"{operator.name} of {operator.index}"
            for operator in self.operators
            if "Scan" in operator.name and operator.name != _READS_NOTHING
        ]
        sorts = [operator.name for operator in self.operators if "Sort" in operator.name or "Spool" in operator.name]
        greedy = [
            f"{operator.name} of {operator.index} read {operator.rows_read} rows"
            for operator in self.operators
            if operator.rows_read > rows
        ]
        seeks = [operator for operator in self.operators if operator.name.endswith("Seek")]
        return [*scans, *sorts, *greedy, *self.conversions, *([] if seeks else ["no seek"])]


def read_plan(text: str) -> Plan:
    """The plan in a document. Raises ValueError unless it has exactly one statement."""
    root = ET.fromstring(text)
    statements = [each for each in root.iter() if each.find(f"{_SPACE}QueryPlan") is not None]
    if len(statements) != 1:
        raise ValueError(f"Expected the plan of one statement, got {len(statements)}.")
    conversions = [
        conversion.get("Expression", "")
        for conversion in statements[0].iter(f"{_SPACE}PlanAffectingConvert")
        if conversion.get("ConvertIssue") == "Seek Plan"
    ]
    operators = [_operator(each) for each in statements[0].iter(f"{_SPACE}RelOp")]
    return Plan(tuple(operators), tuple(conversions))


def _operator(element: ET.Element) -> Operator:
    threads = element.findall(f"{_SPACE}RunTimeInformation/{_SPACE}RunTimeCountersPerThread")
    # Older servers have no ActualRowsRead, only the rows that an operator returns.
    read = sum(int(thread.get("ActualRowsRead") or thread.get("ActualRows") or 0) for thread in threads)
    place = element.find(f"{_SPACE}IndexScan/{_SPACE}Object")
    index = place.get("Index", "").strip("[]") if place is not None else ""
    return Operator(element.get("PhysicalOp", ""), index, read if place is not None else 0)
