"""`make prove-load`: the soak's load, for five minutes; fails on any error, and where memory or open files still grow.

The whole soak, half an hour, is `make load PROFILE=soak`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadtests.contents import filled
from loadtests.profiles import PROFILES
from loadtests.run import RESULTS, new_folder, put_load
from loadtests.servers import Watch
from loadtests.target import running_here
from local.api_client import ApiClient
from local.cloud import local_cloud
from local.errors import LocalCloudError
from local.state import STATE

_ROWS = 100_000  # products, where there are none


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.prove", description="The soak's load, and its proof.")
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
            with Watch(cloud.instances) as watch:
                code = put_load(profile, target, folder)
    except LocalCloudError as error:
        sys.exit(f"{error}")
    grown = [sentence for usage in watch.usages for sentence in usage.growth()]
    print(*watch.usages, *grown, sep="\n")
    sys.exit(1 if code or grown else 0)


if __name__ == "__main__":
    main()
