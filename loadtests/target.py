"""The API that gets the load, and the token of its writers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from loadtests.profiles import Profile
from local.api_client import ApiClient, running_cloud
from local.errors import LocalCloudError
from local.state import RunFile

TOKEN = "LOAD_TOKEN"  # noqa: S105 - a setting's name


@dataclass(frozen=True, slots=True)
class Target:
    """`url` ends in /api; `token` is an editor's ID token, None for a profile that only reads."""

    url: str
    token: str | None


def deployment(url: str, profile: Profile) -> Target:
    """Any deployment. Raises LocalCloudError if the profile writes and the environment has no token."""
    token = os.environ.get(TOKEN) or None
    if profile.writes and token is None:
        raise LocalCloudError(f"Expected an editor's ID token in {TOKEN}, since this profile writes.")
    return Target(url, token)


def running_here(state: Path, profile: Profile) -> tuple[RunFile, Target]:
    """The local cloud of that folder, used by its operator. Raises LocalCloudError if none runs."""
    cloud = running_cloud(state)
    return cloud, used_by_operator(cloud, state, profile)


def used_by_operator(cloud: RunFile, state: Path, profile: Profile) -> Target:
    """A local cloud, with its operator's token if the profile writes."""
    if not profile.writes:
        return Target(cloud.api, None)
    with ApiClient(cloud, state) as api:
        api.log_in_as_operator()
        return Target(cloud.api, api.token)
