"""`make load-compare`: runs the same load with the cache off and on, and compares both runs on one page.

Each run has a local cloud of its own, over one catalog, which is generated and imported at the first use. The results
are in `.local/load/compare`: `index.html`, and in `off/` and `on/` the requests and Locust's report of each run.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from loadtests.contents import filled
from loadtests.figures import Requests
from loadtests.locust_run import LOG_FILE, RAW_FILE, run
from loadtests.page import Circumstances, render
from loadtests.profiles import PROFILES, Profile
from loadtests.run import RESULTS
from loadtests.target import used_by_operator
from local.api_client import ApiClient
from local.cloud import started_cloud
from local.errors import LocalCloudError

_ROWS = 1_426_337  # as many as the real data set has
_CACHE: Mapping[str, Mapping[str, str]] = {"off": {"CACHE_ENABLED": "false"}, "on": {"CACHE_ENABLED": "true"}}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.compare", description="A load without and with cache.")
    parser.add_argument("--profile", choices=PROFILES, default="browse")
    parser.add_argument("--seconds", type=float, help="of each run (default: the profile's)")
    parser.add_argument("--users", type=int, help="at once (default: the profile's)")
    parser.add_argument("--rows", type=int, default=_ROWS, help=f"products (default: {_ROWS:,})")
    parser.add_argument("--out", type=Path, default=RESULTS / "compare", help="(default: .local/load/compare)")
    options = parser.parse_args()
    profile = PROFILES[options.profile].adapted(options.seconds, options.users)
    folder: Path = options.out.resolve()
    if "REDIS_URL" in os.environ:
        sys.exit("Expected REDIS_URL to be unset, since each run starts an empty Redis. Unset it.")
    try:
        state = folder / "state"
        with started_cloud(state, folder / "import.log", {}) as cloud, ApiClient(cloud, state) as api:
            products = filled(api, folder / "data", options.rows)
        runs = {name: _run(folder, name, profile) for name in _CACHE}
    except LocalCloudError as error:
        sys.exit(f"{error}")
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, 1 instance"
    page = folder / "index.html"
    page.write_text(
        render(runs, Circumstances(options.profile, profile, products, machine, time.strftime("%Y-%m-%d"))),
        encoding="utf-8",
    )
    for name, requests in runs.items():
        total = requests.total()
        print(f"cache {name}: {total.per_second:.0f} requests/s, p50 {total.p50:.1f} ms, p95 {total.p95:.1f} ms")
    print(f"The page: {page}")
    sys.exit(1 if any(requests.errors for requests in runs.values()) else 0)


def _run(folder: Path, name: str, profile: Profile) -> Requests:
    """Runs the load on a cloud that was just started, so its cache is empty."""
    state, results = folder / "state", folder / name
    print(f"Cache {name}: {profile.users} users, {profile.seconds:g} s …", flush=True)
    with started_cloud(state, results / "run.log", _CACHE[name]) as cloud:
        run(profile, used_by_operator(cloud, state, profile), results)
    try:
        return Requests.read(results / RAW_FILE)
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"Locust made no request; see {results / LOG_FILE}.") from error


if __name__ == "__main__":
    main()
