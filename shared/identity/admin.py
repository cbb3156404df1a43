"""Makes somebody who has signed up an admin: `python -m shared.identity.admin --email ada@example.com`.

The first admin can't be made through the API. The environment says where, as it does for the app: the emulator by
FIREBASE_AUTH_EMULATOR_HOST and AZURE_FUNCTIONS_ENVIRONMENT=Development (`make admin EMAIL=…` sets both), or a project
by FIREBASE_PROJECT_ID and FIREBASE_SERVICE_ACCOUNT, the latter also from the vault of KEY_VAULT_URL.
"""

from __future__ import annotations

import argparse
import sys

from shared.http.problems import NotFoundError, UnavailableError
from shared.identity.directory import UserDirectory
from shared.settings import SettingsError, read_settings


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.identity.admin", description="Makes somebody who has signed up an admin."
    )
    parser.add_argument("--email", required=True, help="with which he has signed up")
    email: str = parser.parse_args().email
    try:
        where = make_admin(email)
    except NotFoundError:
        print(f"Nobody has signed up with {email}: POST /api/auth/signup first.", file=sys.stderr)  # noqa: T201
    except UnavailableError as error:
        print(error.detail, file=sys.stderr)  # noqa: T201
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
    else:
        print(f"{email} is an admin of {where}, from the next log-in on.")  # noqa: T201
        return 0
    return 1


def make_admin(email: str) -> str:
    """Gives the role; tells of which Firebase project.

    Raises NotFoundError where nobody has signed up with the e-mail, UnavailableError, SettingsError.
    """
    # The Web API key is for what users do themselves.
    settings = read_settings(firebase_web_api_key="not needed here")
    directory = UserDirectory(settings)
    try:
        directory.set_role_now(directory.account_of_email_now(email), "admin", valid_since=None)
    finally:
        directory.close()
    return settings.firebase_project_id


if __name__ == "__main__":
    sys.exit(main())
