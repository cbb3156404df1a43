"""`make clean`: removes the data of the local cloud, but not the npm packages."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from local.errors import LocalCloudError
from local.services import NODE_FOLDER
from local.state import STATE, locked


def main() -> None:
    """Empties the state folder; exits with status 1 and a message if a local cloud runs on it."""
    parser = argparse.ArgumentParser(prog="python -m local.clean", description="Removes the local cloud's data.")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the data (default: .local)")
    state = parser.parse_args().state.resolve()
    try:
        with locked(state):
            for entry in state.iterdir():
                if entry == NODE_FOLDER:
                    continue
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
    except LocalCloudError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
