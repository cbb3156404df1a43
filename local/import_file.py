"""`make import FILE=…`: imports a CSV file into the local cloud that runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from local.api_client import ApiClient, running_cloud
from local.csv_upload import import_csv, outcome
from local.errors import LocalCloudError
from local.state import STATE


def main() -> None:
    """Prints the result; exits with status 0 if the import succeeded, else with 1."""
    parser = argparse.ArgumentParser(prog="python -m local.import_file", description="Imports a CSV file.")
    parser.add_argument("file", type=Path, help="CSV file of products or of categories")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the local cloud (default: .local)")
    options = parser.parse_args()
    state = options.state.resolve()
    if not options.file.is_file():
        sys.exit(f"There is no file {options.file}: name one with FILE=…")
    try:
        with ApiClient(running_cloud(state), state) as api:
            api.log_in_as_operator()
            record = import_csv(api, options.file, Console(stderr=True))
    except LocalCloudError as error:
        sys.exit(f"{error}")
    print(outcome(record))
    if record["rows_rejected"]:
        print(f"For the rejected rows and the reasons: GET /api/imports/{record['import_id']}/rejects")
    sys.exit(record["status"] != "succeeded")


if __name__ == "__main__":
    main()
