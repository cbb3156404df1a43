"""Reading a plan names each operator that isn't a few seeks. The documents are written by hand."""

from __future__ import annotations

import pytest

from tests.catalog.showplan import Operator, read_plan


def operator(name: str, *inside: str, index: str = "", read: str = 'ActualRows="21" ActualRowsRead="21"') -> str:
    """A RelOp that contains others; with an index, it reads from it."""
    counters = (
        f'<RunTimeInformation><RunTimeCountersPerThread Thread="0" {read} ActualEndOfScans="0"/></RunTimeInformation>'
    )
    place = f'<IndexScan Ordered="1" ScanDirection="FORWARD"><Object Table="[products]" Index="[{index}]"/></IndexScan>'
    return (
        f'<RelOp NodeId="0" PhysicalOp="{name}" LogicalOp="{name}" EstimateRows="21">{counters}'
        f"{place if index else ''}{''.join(inside)}</RelOp>"
    )


def document(*plans: str) -> str:
    statements = "".join(
        f'<StmtSimple StatementText="SELECT" StatementType="SELECT"><QueryPlan>{plan}</QueryPlan></StmtSimple>'
        for plan in plans
    )
    return (
        '<ShowPlanXML xmlns="http://schemas.microsoft.com/sqlserver/2004/07/showplan" Version="1.564">'
        f"<BatchSequence><Batch><Statements>{statements}</Statements></Batch></BatchSequence></ShowPlanXML>"
    )


SEEK = operator("Index Seek", index="ix_products_price")
LOOKUP = operator("Clustered Index Seek", index="pk_products")


def test_a_seek_with_lookups_has_no_fault() -> None:
    plan = read_plan(document(operator("Top", operator("Nested Loops", SEEK, LOOKUP, operator("Constant Scan")))))
    assert plan.faults(rows=21) == []
    assert plan.operators[2:4] == (
        Operator("Index Seek", "ix_products_price", 21),
        Operator("Clustered Index Seek", "pk_products", 21),
    )


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (operator("Top", SEEK, operator("Index Scan", index="ix_a")), "Index Scan of ix_a"),
        (operator("Top", SEEK, operator("Clustered Index Scan", index="pk_a")), "Clustered Index Scan of pk_a"),
        (operator("Sort", SEEK), "Sort"),
        (operator("Index Spool", SEEK), "Index Spool"),
        (operator("Constant Scan"), "no seek"),
        (
            operator("Index Seek", index="ix_a", read='ActualRows="21" ActualRowsRead="20000"'),
            "Index Seek of ix_a read 20000 rows",
        ),
    ],
)
def test_any_other_operator_is_a_fault_that_is_named(plan: str, fault: str) -> None:
    assert read_plan(document(plan)).faults(rows=21) == [fault]


def test_a_conversion_is_a_fault_only_if_it_prevents_a_seek() -> None:
    issues = {
        "Seek Plan": "CONVERT_IMPLICIT(nvarchar(10),[asin],0)=[@P1]",
        "Cardinality Estimate": "CONVERT(int,[x],0)",
    }
    warnings = "".join(f'<PlanAffectingConvert ConvertIssue="{k}" Expression="{v}"/>' for k, v in issues.items())
    plan = read_plan(document(f"<Warnings>{warnings}</Warnings>{SEEK}"))
    assert plan.faults(rows=21) == [issues["Seek Plan"]]


def test_the_rows_of_all_threads_are_counted_also_on_older_servers() -> None:
    threads = 'ActualRowsRead="5"/><RunTimeCountersPerThread Thread="1" ActualRows="7"'
    assert read_plan(document(operator("Index Seek", index="ix_a", read=threads))).operators[0].rows_read == 12


@pytest.mark.parametrize("plans", [(), (SEEK, SEEK)])
def test_a_document_with_none_or_several_statements_is_refused(plans: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"got {len(plans)}"):
        read_plan(document(*plans))
