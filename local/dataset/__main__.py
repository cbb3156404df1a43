"""The command line of the generator; the package's docstring has examples."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from local.dataset.generate import Change, write_catalog


def main() -> None:
    """Writes the two files and prints their sizes."""
    parser = argparse.ArgumentParser(
        prog="python -m local.dataset", description="Generates a catalog like Amazon Products 2023."
    )
    parser.add_argument(
        "--rows", type=int, default=1_426_337, help="number of products (default: as many as the real data set has)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another catalog (default: 1)")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the two files")
    parser.add_argument(
        "--change-share",
        type=float,
        default=0.0,
        help="write the next version of the catalog, in which this share of the rows differs",
    )
    parser.add_argument("--change-seed", type=int, default=1, help="another seed changes other rows (default: 1)")
    options = parser.parse_args()
    began = time.monotonic()
    change = Change(options.change_share, options.change_seed) if options.change_share else None
    written = write_catalog(options.out, options.rows, options.seed, change)
    seconds = time.monotonic() - began
    print(f"{written.products}: {written.rows:,} rows, {written.size / 1e6:,.1f} MB in {seconds:.1f} s")
    if change is not None:
        print(f"{written.rows_changed:,} rows differ from the version without --change-share")
    print(f"{written.categories}")


if __name__ == "__main__":
    main()
