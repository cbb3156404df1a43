"""The rooms of shared/: who imports whom. Imports inside functions and for type checking count too."""

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
    """Each room (a folder or a loose module of shared/) and the rooms that it imports."""
    imports: defaultdict[str, set[str]] = defaultdict(set)
    for file in SHARED.rglob("*.py"):
        room = file.relative_to(SHARED).parts[0].removesuffix(".py")
        for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if top == "shared" and other != room:
                imports[room].add(other)
    return imports


def test_no_room_imports_itself_through_others() -> None:
    order = tuple(graphlib.TopologicalSorter(_imports_of_rooms()).static_order())  # raises CycleError
    assert order


def test_shared_has_four_loose_modules_beside_its_rooms() -> None:
    loose = {file.stem for file in SHARED.glob("*.py")} - {"__init__"}
    assert loose == LOOSE_MODULES
