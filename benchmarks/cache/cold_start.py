"""CPU of `import function_app` over that of `import azure.functions`, in processes that alternate.

The interpreter's own start isn't counted, and each process finds the modules' bytecode compiled, as an image has it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figure import Bound, Figure
from local.processes import PROJECT

_ROUNDS = 15
_IMPORT = "import time; began = time.process_time(); import {module}; print(time.process_time() - began)"


def figures() -> Iterator[Figure]:
    """The ratio, and both times."""
    seconds: dict[str, list[float]] = {"function_app": [], "azure.functions": []}
    for module in seconds:
        _import_seconds(module)  # compiles the bytecode
    for _ in range(_ROUNDS):
        for module, found in seconds.items():
            found.append(_import_seconds(module))
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    yield Figure("cold_start_vs_azure_functions", ratio, "x", Bound("<=", 5.0))
    for module, found in seconds.items():
        yield Figure(f"import_{module.replace('.', '_')}", statistics.median(found) * 1e3, "ms")


def _import_seconds(module: str) -> float:
    process = subprocess.run(
        [sys.executable, "-c", _IMPORT.format(module=module)],
        cwd=PROJECT,
        env={**os.environ, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(process.stdout)
