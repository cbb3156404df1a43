"""Which settings must be given, and how the app says that it can't start; for the settings and for their sources."""

from __future__ import annotations

# What a machine of one's own has defaults for, and any other place must be given.
REQUIRED_ELSEWHERE = ("firebase_project_id", "firebase_web_api_key", "firebase_service_account")


class SettingsError(Exception):
    """The app can't start: each setting at fault by its name, and what was expected; never a value."""
