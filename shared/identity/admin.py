"""`python -m shared.identity.admin --email …`: makes a user who has signed up an administrator.

The first one can't be made over HTTP: no request grants a role but an administrator's. This runs with the settings
of the app (environment, then Key Vault): in Azure with Firebase's service account, locally against the emulator that
FIREBASE_AUTH_EMULATOR_HOST names (`make admin EMAIL=…` finds the one of `make run`).
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from shared.errors import ProblemError
from shared.identity.directory import UserDirectory
from shared.settings import SettingsError, load_settings


def make_admin(email: str) -> str:
    """Gives the role, from the user's next token on; gives his uid. Raises NotFoundError, UnavailableError."""
    with contextlib.closing(UserDirectory(load_settings())) as directory:
        account = directory.account_of_email_now(email)
        return directory.set_role_now(account, "admin", valid_since=None).user.uid


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.identity.admin", description=__doc__)
    parser.add_argument("--email", required=True, help="of a user who has signed up")
    email: str = parser.parse_args().email
    try:
        uid = make_admin(email)
    except (ProblemError, SettingsError) as error:
        print(f"{email} was not made an administrator: {error}", file=sys.stderr)  # noqa: T201  # a command's answer
        return 1
    print(f"{email} ({uid}) is an administrator from the next log-in on.")  # noqa: T201  # a command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
