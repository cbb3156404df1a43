"""`make prove-load`: runs the soak for five minutes. Fails if a request fails, or if memory or open files still grow.

`make load PROFILE=soak` runs the whole soak, which takes half an hour.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadtests.contents import filled
from loadtests.profiles import PROFILES
from loadtests.run import RESULTS, new_folder, run_load
from loadtests.servers import UsageSampler
from loadtests.target import running_here
from local.api_client import ApiClient
from local.cloud import local_cloud
from local.errors import LocalCloudError
from local.state import STATE

_ROWS = 100_000  # products that are imported if there are none


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.prove", description="Runs and judges the soak.")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default: 300)")
    parser.add_argument("--state", type=Path, default=STATE, help="of the local cloud (default: .local)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results (default: .local/load)")
    options = parser.parse_args()
    state, folder = options.state.resolve(), new_folder(options.out, "prove")
    profile = PROFILES["soak"].adapted(options.seconds, None)
    try:
        with local_cloud(state, folder / "run.log") as running:
            with ApiClient(running, state) as api:
                filled(api, state / "load" / "data", _ROWS)
            cloud, target = running_here(state, profile)
            with UsageSampler(cloud.instances) as sampler:
                code = run_load(profile, target, folder)
    except LocalCloudError as error:
        sys.exit(f"{error}")
    grown = [sentence for usage in sampler.usages for sentence in usage.growth()]
    print(*sampler.usages, *grown, sep="\n")
    sys.exit(1 if code or grown else 0)


if __name__ == "__main__":
    main()
