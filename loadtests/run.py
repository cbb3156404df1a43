"""`make load PROFILE=…`: runs a load profile against a deployment, by default against the local cloud of `make run`.

A folder under `.local/load` gets Locust's report and a file of all requests. The exit status is 1 if a request failed,
or if memory or open files still grow at the end of the soak.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from loadtests.contents import check_filled
from loadtests.figures import Requests, Summary
from loadtests.locust_run import LOG_FILE, RAW_FILE, REPORT_FILE, run
from loadtests.profiles import PROFILES, Profile
from loadtests.servers import UsageSampler
from loadtests.target import Target, deployment, running_here
from local.errors import LocalCloudError
from local.state import STATE

RESULTS = STATE / "load"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.run", description="Runs a load profile against the API.")
    parser.add_argument("--profile", choices=PROFILES, default="browse")
    parser.add_argument("--url", default=os.environ.get("LOAD_URL") or None, help="of an API, ending in /api")
    parser.add_argument("--seconds", type=float, help="how long (default: the profile's)")
    parser.add_argument("--users", type=int, help="how many at once (default: the profile's)")
    parser.add_argument("--state", type=Path, default=STATE, help="of the local cloud (default: .local)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results (default: .local/load)")
    options = parser.parse_args()
    profile = PROFILES[options.profile].adapted(options.seconds, options.users)
    folder = new_folder(options.out, options.profile)
    try:
        if options.url:
            sys.exit(run_load(profile, deployment(options.url, profile), folder))
        cloud, target = running_here(options.state.resolve(), profile)
        with UsageSampler(cloud.instances) as sampler:
            code = run_load(profile, target, folder)
        grown = [sentence for usage in sampler.usages for sentence in usage.growth()] if profile.settles else []
        print(*sampler.usages, *grown, sep="\n")
        sys.exit(1 if code or grown else 0)
    except LocalCloudError as error:
        sys.exit(f"{error}")


def new_folder(results: Path, name: str) -> Path:
    """A folder for one run."""
    return results / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def run_load(profile: Profile, target: Target, folder: Path) -> int:
    """Runs the load, and prints its figures. Returns 1 if a request failed.

    Raises:
        LocalCloudError: no request was sent.
    """
    print(f"{profile.summary}: {profile.users} users, {profile.seconds:g} s, on {target.url}", flush=True)
    check_filled(target.url)
    code = run(profile, target, folder)
    try:
        requests = Requests.read(folder / RAW_FILE)
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"Locust made no request; see {folder / LOG_FILE}.") from error
    print(f"  {'':<16}{'requests':>9}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'hits':>8}{'errors':>8}")
    for name, summary in requests.operations().items():
        print(_line(name, summary))
    print(_line("all", requests.total()))
    for message, count in requests.errors.most_common(5):
        print(f"  {count} x {message}")
    print(f"Locust's report: {folder / REPORT_FILE}")
    return code


def _line(name: str, summary: Summary) -> str:
    hits = "" if summary.hit_share is None else f"{summary.hit_share:.1%}"
    return (
        f"  {name:<16}{summary.requests:>9,}{summary.per_second:>9.1f}"
        f"{summary.p50:>9.1f}{summary.p95:>9.1f}{summary.p99:>9.1f}{hits:>8}{summary.errors:>8}"
    )


if __name__ == "__main__":
    main()
