"""`make admin EMAIL=…`: makes a user an administrator.

Uses the Auth emulator of the local cloud if one runs, else the Firebase project that the environment names.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local.state import STATE, read_run_file


def main() -> int:
    """Runs shared.identity.admin and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.admin", description=__doc__)
    parser.add_argument("--email", required=True, help="e-mail address of a user who has signed up")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the local cloud (default: .local)")
    options = parser.parse_args()
    run = read_run_file(options.state.resolve())
    if run:
        os.environ |= {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "FIREBASE_AUTH_EMULATOR_HOST": run.auth,
            "FIREBASE_PROJECT_ID": run.project_id,
            "FIREBASE_WEB_API_KEY": "any-key-serves-the-emulator",
        }
    elif "FIREBASE_PROJECT_ID" not in os.environ:
        print(
            "No local cloud runs. Start it with `make run`, or set FIREBASE_PROJECT_ID and FIREBASE_SERVICE_ACCOUNT.",
            file=sys.stderr,
        )
        return 1
    sys.argv = ["shared.identity.admin", "--email", options.email]
    from shared.identity import admin  # its import reads the environment

    return admin.main()


if __name__ == "__main__":
    sys.exit(main())
