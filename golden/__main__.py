"""`python -m golden` writes the rendered files; `python -m golden --check` only lists those that are out of date."""

from __future__ import annotations

import argparse
import sys

from golden.files import ROOT, out_of_date


def main() -> int:
    """Returns 1 if `--check` found a file that differs."""
    parser = argparse.ArgumentParser(prog="python -m golden", description=__doc__)
    parser.add_argument("--check", action="store_true", help="list the files that differ, write nothing")
    check = parser.parse_args().check
    found = out_of_date()
    for path, text in found.items():
        print(f"{'differs' if check else 'written'}: {path}")  # noqa: T201  # the command's output
        if not check:
            (ROOT / path).write_text(text, encoding="utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
