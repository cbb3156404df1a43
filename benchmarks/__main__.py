"""`make bench`: a line per figure, each measured against something known in the same run; exits 1 when one is short.

Each module of `BENCHMARKS` has `figures()`, an iterator of `Figure`s. CPU time of the measured process is what is
compared (wall time is noise on a shared machine); the first lines say what the machine was doing besides.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from collections.abc import Iterator

from benchmarks.figure import Figure

BENCHMARKS = ("token_verification",)


def _figures(name: str) -> Iterator[Figure]:
    module = importlib.import_module(f"benchmarks.{name}")
    yield from module.figures()


def _machine() -> str:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; load before: {load}"


def main() -> int:
    """Runs the benchmarks that were asked for; 1 where a figure is short of its bound."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *BENCHMARKS], help="benchmarks to run (default: all)")
    names = parser.parse_args().only or BENCHMARKS
    print(f"# {_machine()}", flush=True)
    short = []
    for name in names:
        began = time.monotonic()
        print(f"# {name}", flush=True)
        for figure in _figures(name):
            print(figure, flush=True)
            if not figure.holds:
                short.append(figure.name)
        print(f"# {name}: {time.monotonic() - began:.0f} s", flush=True)
    if short:
        print(f"# short of their bound: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
