"""`python -m local.host --app DIR --port P`: see the package's docstring for what it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from local.host.errors import HostError
from local.host.host import Options, run


def main() -> None:
    """Runs the host; ends with status 1 and a sentence where it can't."""
    parser = argparse.ArgumentParser(
        prog="python -m local.host", description="Serves an Azure Functions app written in Python on this machine."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="the app's folder (default: the current one)")
    parser.add_argument("--port", type=int, default=7071, help="port of 127.0.0.1 (default: 7071; 0: any free one)")
    parser.add_argument(
        "--lease-folder",
        type=Path,
        default=Path(".local/host"),
        help="shared by the host processes of one app, relative to it (default: .local/host)",
    )
    parser.add_argument(
        "--poll-seconds",
        type=float,
        default=1.0,
        help="between two looks at a container or an empty queue (default: 1)",
    )
    parser.add_argument(
        "--stop-seconds", type=int, default=20, help="what running invocations get at the end (default: 20)"
    )
    parser.add_argument("--log-requests", action="store_true", help="write a line per HTTP request")
    options = Options(**vars(parser.parse_args()))
    try:
        asyncio.run(run(options))
    except HostError as error:
        sys.exit(f"local.host: {error}")


if __name__ == "__main__":
    main()
