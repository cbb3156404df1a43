"""`make bench` prints each figure on a line, and exits with 1 if one misses its bound. The docs list each bound."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import ModuleType

import pytest

from benchmarks.__main__ import BENCHMARKS, run
from benchmarks.figure import Bound, Figure
from local import PROJECT

_SIGNS = {"<=": "≤", ">=": "≥", "=": "="}


def benchmark(*figures: Figure) -> ModuleType:
    module = ModuleType("benchmarks.made_up", "Compares nothing.")
    module.figures = lambda: iter(figures)  # type: ignore[attr-defined]  # every benchmark has it
    return module


def test_a_figure_is_a_line_with_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [Figure("fast", 1.25, "x", Bound("<=", 1.5)), Figure("known", 3, "us")]
    assert run([benchmark(*figures)]) == 0
    assert capsys.readouterr().out.splitlines()[3:5] == ["BENCH fast 1.25 x bound <= 1.5 ok", "BENCH known 3 us stated"]


@pytest.mark.parametrize(
    ("value", "bound"), [(1.51, Bound("<=", 1.5)), (3.9, Bound(">=", 4)), (1, Bound("=", 0))], ids=str
)
def test_a_figure_that_misses_its_bound_is_reported_and_the_run_exits_with_1(
    capsys: pytest.CaptureFixture[str], value: float, bound: Bound
) -> None:
    within = Figure("within", 1, "x", Bound("<=", 1))
    assert run([benchmark(Figure("beyond", value, "x", bound)), benchmark(within)]) == 1
    output = capsys.readouterr()
    assert f"BENCH beyond {value:.4g} x bound {bound.op} {bound.number:g} short" in output.out
    assert "BENCH within 1 x bound <= 1 ok" in output.out  # the other benchmarks run
    assert output.err == "# short of their bound: beyond\n"


def bounded_figures() -> Iterator[tuple[str, str, float]]:
    """Name, operator and number of each figure with a bound, from the source of the benchmarks."""
    for name in BENCHMARKS:
        source = (PROJECT / "benchmarks" / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Figure" and len(node.args) == 4:
                bound = node.args[3]
                assert isinstance(bound, ast.Call)
                yield ast.literal_eval(node.args[0]), *map(ast.literal_eval, bound.args)


def test_the_docs_name_each_figure_with_its_bound() -> None:
    docs = (PROJECT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells for line in docs.splitlines() if len(cells := line.split("|")) > 3}
    figures = list(bounded_figures())
    assert len(figures) > len(BENCHMARKS)
    for name, operator, number in figures:
        assert name in rows, f"docs/benchmarks.md has no row of {name}"
        assert f"{_SIGNS[operator]} {number:g}" in rows[name][2], name
