"""CPU of `import function_app` over that of `import azure.functions`, in processes that alternate.

The interpreter's own start isn't counted, and each process finds the modules' bytecode compiled, as an image has it.
`import_until_first_reply` is what the first HTTP request waits for: the framework and the endpoints are loaded by it.
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
_TIMED = "import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
_APP, _LIBRARY = "import function_app", "import azure.functions"
_FIRST_REPLY = "import function_app; from shared.api import create_app; create_app(function_app.services)"


def figures() -> Iterator[Figure]:
    """The ratio, and both times."""
    seconds: dict[str, list[float]] = {_APP: [], _LIBRARY: [], _FIRST_REPLY: []}
    for statement in seconds:
        _seconds(statement)  # compiles the bytecode
    for _ in range(_ROUNDS):
        for statement, found in seconds.items():
            found.append(_seconds(statement))
    ratio = statistics.median(a / b for a, b in zip(seconds[_APP], seconds[_LIBRARY], strict=True))
    yield Figure("cold_start_vs_azure_functions", ratio, "x", Bound("<=", 5.0))
    yield Figure("import_function_app", statistics.median(seconds[_APP]) * 1e3, "ms")
    yield Figure("import_azure_functions", statistics.median(seconds[_LIBRARY]) * 1e3, "ms")
    yield Figure("import_until_first_reply", statistics.median(seconds[_FIRST_REPLY]) * 1e3, "ms")


def _seconds(statement: str) -> float:
    process = subprocess.run(
        [sys.executable, "-c", _TIMED.format(statement=statement)],
        cwd=PROJECT,
        env={**os.environ, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(process.stdout)
