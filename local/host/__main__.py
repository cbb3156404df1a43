"""`python -m local.host --app DIR --port P`: runs the local Functions host."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from local.host.errors import HostError
from local.host.host import Options, run


def main() -> None:
    """Runs the host; exits with status 1 and a message if it can't start."""
    parser = argparse.ArgumentParser(
        prog="python -m local.host", description="Serves an Azure Functions app written in Python on this machine."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="folder of the app (default: the current one)")
    parser.add_argument("--port", type=int, default=7071, help="port of 127.0.0.1 (default: 7071; 0: any free one)")
    parser.add_argument(
        "--lease-folder",
        type=Path,
        default=Path(".local/host"),
        help="folder that the host processes of one app share, relative to the app's (default: .local/host)",
    )
    parser.add_argument(
        "--poll-seconds",
        type=float,
        default=1.0,
        help="interval at which containers and empty queues are polled (default: 1)",
    )
    parser.add_argument(
        "--stop-seconds", type=int, default=20, help="time that running invocations get to end (default: 20)"
    )
    parser.add_argument("--log-requests", action="store_true", help="log each HTTP request")
    options = Options(**vars(parser.parse_args()))
    try:
        asyncio.run(run(options))
    except HostError as error:
        sys.exit(f"local.host: {error}")


if __name__ == "__main__":
    main()
