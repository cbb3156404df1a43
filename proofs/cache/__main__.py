"""`make prove-cache`: checks the promises of the cache in docs/architecture.md on real processes.

Prints a line for each scenario: operations, stale reads, failed requests, p99 of reads, seconds from a fault's end to
the first hit, and the scenario's own figures. Exits with 1 if a promise is broken, and then keeps the scenario's logs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from proofs.cache.outcome import Outcome
from proofs.cache.scenarios import SCENARIOS


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="make prove-cache", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="scenario", help=f"one or more of: {', '.join(SCENARIOS)}")
    names = parser.parse_args().names or list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; expected {', '.join(SCENARIOS)}")
    outcomes = [_run(name) for name in names]
    broken = [outcome.name for outcome in outcomes if not outcome.is_kept]
    seconds = sum(outcome.seconds for outcome in outcomes)
    _say(f"{len(outcomes)} scenarios in {seconds:.0f} s; {f'BROKEN: {", ".join(broken)}' if broken else 'all kept'}")
    return 1 if broken else 0


def _run(name: str) -> Outcome:
    _say(f"{name} …")
    folder = Path(tempfile.mkdtemp(prefix=f"prove-{name}-"))
    began = time.monotonic()
    try:
        outcome = SCENARIOS[name](folder)
    except Exception:  # noqa: BLE001  # it is reported, and the other scenarios run
        traceback.print_exc()
        outcome = Outcome(name, broken=["the scenario failed; see its traceback above"])
    outcome.seconds = time.monotonic() - began
    _say(outcome.line())
    if outcome.is_kept:
        shutil.rmtree(folder)
    else:
        _say(f"    logs: {folder}")
    return outcome


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
