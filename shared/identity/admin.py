"""Makes a signed-up user an admin: `python -m shared.identity.admin --email ada@example.com`.

The first admin can't be made through the API. The environment names the project, as it does for the app:
- The emulator: FIREBASE_AUTH_EMULATOR_HOST and AZURE_FUNCTIONS_ENVIRONMENT=Development. `make admin EMAIL=…` sets both.
- A Firebase project: FIREBASE_PROJECT_ID and FIREBASE_SERVICE_ACCOUNT. The latter may also be in Key Vault.
"""

from __future__ import annotations

import argparse
import sys

from shared.http.problems import NotFoundError, UnavailableError
from shared.identity.directory import UserDirectory
from shared.settings import SettingsError, read_settings


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.identity.admin", description="Makes a signed-up user an admin."
    )
    parser.add_argument("--email", required=True, help="e-mail address of the user")
    email: str = parser.parse_args().email
    try:
        project = make_admin(email)
    except NotFoundError:
        print(f"No user has the e-mail address {email}. Sign up first: POST /api/auth/signup.", file=sys.stderr)  # noqa: T201
    except (UnavailableError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201
    else:
        print(f"{email} is an admin of {project}, from the next log-in on.")  # noqa: T201
        return 0
    return 1


def make_admin(email: str) -> str:
    """Makes the user an admin and returns the Firebase project.

    Raises NotFoundError for an unknown e-mail address, UnavailableError, SettingsError.
    """
    # Only sign-up and log-in use the Web API key.
    settings = read_settings(firebase_web_api_key="not needed here")
    directory = UserDirectory(settings)
    try:
        directory.set_role(directory.account_by_email(email), "admin", valid_since=None)
    finally:
        directory.close()
    return settings.firebase_project_id


if __name__ == "__main__":
    sys.exit(main())
