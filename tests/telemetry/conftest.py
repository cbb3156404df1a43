"""The whole local cloud with telemetry on, all of it drawn, and what it posts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from testkit.ingestion import Ingestion, ingestion
from testkit.local_cloud import LocalCloud


@dataclass(frozen=True)
class Watched:
    """A local cloud, and the endpoint that it posts to."""

    cloud: LocalCloud
    posted: Ingestion


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Ingestion]:
    """Outlives the cloud that posts to it."""
    with ingestion() as running:
        yield running


@pytest.fixture(scope="session")
def watched(endpoint: Ingestion, start_cloud: Callable[..., LocalCloud]) -> Watched:
    """One for all tests of the room, used by an administrator."""
    # Were the drain to tell Redis before an import's own step does, its story would lack that.
    once_a_year = "0 0 0 1 1 *"
    cloud = start_cloud(**endpoint.environment, TELEMETRY_SAMPLING_RATIO="1", DRAIN_SCHEDULE=once_a_year)
    cloud.log_in_as_administrator()
    return Watched(cloud, endpoint)
