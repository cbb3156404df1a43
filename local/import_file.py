"""`make import FILE=…`: uploads a CSV to the local cloud that runs; status 0 where its import succeeded."""

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
    """The command; ends with status 1 where the import didn't succeed."""
    parser = argparse.ArgumentParser(prog="python -m local.import_file", description="Imports a CSV file.")
    parser.add_argument("file", type=Path, help="a CSV of products or of categories")
    parser.add_argument("--state", type=Path, default=STATE, help="of the local cloud (default: .local)")
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
        print(f"Why they were rejected: GET /api/imports/{record['import_id']}/rejects")
    sys.exit(record["status"] != "succeeded")


if __name__ == "__main__":
    main()
