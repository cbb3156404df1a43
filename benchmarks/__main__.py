"""`make bench`: prints a line for each figure. Exits with 1 if a figure misses its bound.

Each figure is relative to something that is measured in the same run. Each module of `BENCHMARKS` describes what it
compares, and its `figures()` yields `Figure`s. The name of a folder selects all its benchmarks. Most figures compare
CPU time, since wall time is noise on a shared machine. The first lines tell what else the machine was doing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import psutil

BENCHMARKS = (
    "token_verification",
    "cache.hit",
    "cache.miss",
    "cache.invalidation",
    "cache.paging",
    "cache.stampede",
    "cache.race",
    "cache.round_trips",
    "cache.cold_start",
    "telemetry",
    "imports.speed",
    "imports.reads",
)
_FOLDERS = frozenset(name.partition(".")[0] for name in BENCHMARKS if "." in name)


def run(modules: Iterable[ModuleType]) -> int:
    """Runs the benchmarks one after the other; returns 1 if a figure misses its bound."""
    print(f"# {_machine()}", flush=True)
    short = []
    for module in modules:
        began = time.monotonic()
        name = module.__name__.removeprefix("benchmarks.")
        print(f"# {name}", *(module.__doc__ or "").strip().splitlines(), sep="\n#   ", flush=True)
        for figure in module.figures():
            print(figure, flush=True)
            if not figure.holds:
                short.append(figure.name)
        print(f"# {name}: {time.monotonic() - began:.0f} s; load after: {_load()}", flush=True)
    if short:
        print(f"# short of their bound: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


def _chosen(only: Sequence[str]) -> list[str]:
    if not only:
        return list(BENCHMARKS)
    return [name for name in BENCHMARKS if name in only or name.partition(".")[0] in only]


def _machine() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    machine = f"{os.cpu_count()} cores, {_processor()}, {kernel}, Python {platform.python_version()}"
    return f"{machine}; load before: {_load()}; other processes: {_busy_cores():.2f} cores"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _load() -> str:
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def _busy_cores() -> float:
    """The number of cores that other processes use, measured for a second."""
    return float(psutil.cpu_percent(interval=1.0)) / 100 * (os.cpu_count() or 1)


def main() -> int:
    """Runs the benchmarks that the command names."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    choices = [*BENCHMARKS, *sorted(_FOLDERS)]
    parser.add_argument("only", nargs="*", help=f"benchmarks to run (default: all): {', '.join(choices)}")
    only = parser.parse_args().only
    if unknown := set(only) - set(choices):
        parser.error(f"expected some of {', '.join(choices)}, got {', '.join(sorted(unknown))}")
    return run(importlib.import_module(f"benchmarks.{name}") for name in _chosen(only))


if __name__ == "__main__":
    sys.exit(main())
