"""Kills each service once during an import. `make prove-imports ONLY=kills` does it 50 times."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from proofs.imports.kills import VICTIMS, kill
from testkit.local_cloud import LocalCloud


@pytest.mark.timeout(600)  # an import may wait two minutes for its run
def test_an_import_under_which_host_factory_or_storage_is_killed_ends_once_and_whole(
    start_cloud: Callable[..., LocalCloud],
) -> None:
    cloud = start_cloud()
    cloud.log_in_as_administrator()
    kill(cloud, len(VICTIMS), 5_000, random.Random())
