"""CPU of `import function_app` relative to `import azure.functions`, in processes that alternate.

The interpreter's own start isn't counted. The bytecode of all modules is compiled before, as in an image.
`import_until_first_reply` is what the first HTTP request waits for: it loads the framework and the endpoints.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.figure import Bound, Figure
from testkit.processes import run_python

_ROUNDS = 15
_TIMED = "import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
_APP, _LIBRARY = "import function_app", "import azure.functions"
_FIRST_REPLY = "import function_app; from shared.api import create_app; create_app(function_app.services)"


def figures() -> Iterator[Figure]:
    """The ratio, and the times."""
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
    done = run_python("-c", _TIMED.format(statement=statement), AZURE_FUNCTIONS_ENVIRONMENT="Development")
    done.check_returncode()
    return float(done.stdout)
