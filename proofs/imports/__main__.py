"""`make prove-imports`: checks promises about imports that take minutes. Exits with 1 if a promise is broken.

Each module of `SCENARIOS` promises what its docstring says. Its `prove(folder)` yields findings with figures, and
raises BrokenPromiseError. Each scenario has a local cloud in a folder, which is kept if a promise is broken.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from local.errors import LocalCloudError
from proofs.imports.scenario import BrokenPromiseError

SCENARIOS = ("cuts", "small_files", "kills", "exact", "memory")


def run(names: Sequence[str]) -> int:
    """Runs the scenarios one after the other; returns 1 if a promise is broken."""
    broken = []
    for name in names:
        module = importlib.import_module(f"proofs.imports.{name}")
        print(f"# {name}: {(module.__doc__ or '').partition('\n')[0]}", flush=True)
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="proof-"))
        try:
            for finding in module.prove(folder):
                print(f"{name}: {finding}", flush=True)
        except (BrokenPromiseError, LocalCloudError, TimeoutError) as error:
            broken.append(name)
            print(f"{name}: BROKEN: {error} (its folder: {folder})", flush=True)
        else:
            shutil.rmtree(folder)
        print(f"# {name}: {time.monotonic() - began:.0f} s", flush=True)
    if broken:
        print(f"# broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def main() -> int:
    """Runs the scenarios that the command names."""
    parser = argparse.ArgumentParser(prog="make prove-imports", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"scenarios to run (default: all): {', '.join(SCENARIOS)}")
    only = parser.parse_args().only
    if unknown := set(only) - set(SCENARIOS):
        parser.error(f"expected some of {', '.join(SCENARIOS)}, got {', '.join(sorted(unknown))}")
    return run([name for name in SCENARIOS if not only or name in only])


if __name__ == "__main__":
    sys.exit(main())
