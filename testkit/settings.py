"""Settings of the application in tests: as an object, and as the environment of a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from local.services import HOST
from shared.settings import Settings
from testkit.databases import SERVER, fresh_database

# On a machine that runs other tests too, Redis answers later than the default limits allow.
PATIENT_CACHE = {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5"}


def catalog_settings(folder: Path, redis_url: str, **changes: Any) -> Settings:  # settings' values
    """Settings of an application with an empty catalog in this folder and an emptied Redis.

    The tests of the time limits set their own.
    """
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    values: dict[str, Any] = {
        "azure_functions_environment": "Development",
        "database_url": fresh_database(folder),
        "redis_url": redis_url,
        **{name.lower(): float(seconds) for name, seconds in PATIENT_CACHE.items()},
    }
    if SERVER:
        values["database_statement_seconds"] = 30.0
    return Settings(**values | changes)


def instance_environment(database_url: str, redis_url: str, **changes: str) -> dict[str, str]:
    """Environment of an instance that no user can sign in to."""
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "FIREBASE_AUTH_EMULATOR_HOST": f"{HOST}:1",
        **changes,
    }
