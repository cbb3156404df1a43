"""The whole local cloud with telemetry of all traces, and what it posts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testkit.ingestion import Ingestion, ingestion
from testkit.local_cloud import LocalCloud

# The names and labels that queries may use; these tests compare them with what the real exporter posts.
FIELDS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "posted_fields.json").read_text())


@dataclass(frozen=True)
class Watched:
    """A local cloud and its ingestion endpoint."""

    cloud: LocalCloud
    posted: Ingestion


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Ingestion]:
    """The ingestion endpoint; it ends after the cloud."""
    with ingestion() as running:
        yield running


@pytest.fixture(scope="session")
def watched(endpoint: Ingestion, start_cloud: Callable[..., LocalCloud]) -> Watched:
    """One cloud for all tests of this folder; its client is an administrator."""
    # Else the drain might invalidate Redis before the import's own step does.
    once_a_year = "0 0 0 1 1 *"
    cloud = start_cloud(**endpoint.environment, TELEMETRY_SAMPLING_RATIO="1", DRAIN_SCHEDULE=once_a_year)
    cloud.log_in_as_administrator()
    return Watched(cloud, endpoint)
