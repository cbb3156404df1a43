"""The local cloud that the tests of the whole system share: the app under Microsoft's worker, and all its services."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testkit.local_cloud import LocalCloud


@pytest.fixture(scope="session")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    """One local cloud for all tests. An administrator uses it."""
    cloud = start_cloud()
    cloud.log_in_as_administrator()
    return cloud
