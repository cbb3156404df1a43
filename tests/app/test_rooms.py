"""The imports between the folders of shared/, also those inside functions and for type checking."""

from __future__ import annotations

import ast
import graphlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared"
LOOSE_MODULES = {"api", "operations", "services", "settings"}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)):
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.Import():
                yield from (alias.name for alias in node.names)


def _imports_of_rooms() -> dict[str, set[str]]:
    """The rooms (folders and loose modules of shared/) that each room imports."""
    imports: defaultdict[str, set[str]] = defaultdict(set)
    for file in SHARED.rglob("*.py"):
        room = file.relative_to(SHARED).parts[0].removesuffix(".py")
        for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if top == "shared" and other != room:
                imports[room].add(other)
    return imports


def test_no_room_imports_itself_through_other_rooms() -> None:
    order = tuple(graphlib.TopologicalSorter(_imports_of_rooms()).static_order())  # raises CycleError
    assert order


def test_the_cache_is_a_library_that_imports_nothing_of_the_application() -> None:
    assert _imports_of_rooms()["cache"] == set()


def test_shared_has_only_four_loose_modules() -> None:
    loose = {file.stem for file in SHARED.glob("*.py")} - {"__init__"}
    assert loose == LOOSE_MODULES
