"""The app's functions as the worker would index them, read in a process of its own: the app reads its settings once."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from local import PROJECT

_LIST = """
import json, function_app
print(json.dumps({f.get_function_name(): [json.loads(b) for b in f.get_raw_bindings()]
                  for f in function_app.app.get_functions()}))
"""


@dataclass(frozen=True)
class Trigger:
    """What sets a function off; `connection` is None where it names none."""

    function: str
    type: str
    connection: str | None
    source: str | None


@functools.cache
def triggers() -> list[Trigger]:
    """One of each function."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST],
        cwd=PROJECT,
        env=os.environ | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"},
        capture_output=True,
        text=True,
        check=True,
    )
    functions = json.loads(done.stdout.splitlines()[-1])
    return [
        Trigger(name, binding["type"], binding.get("connection"), binding.get("source"))
        for name, bindings in functions.items()
        for binding in bindings
        if binding["type"].endswith("Trigger")
    ]
