"""SIGKILL of each part in the middle of an import; 50 times: make prove-imports ONLY=kills."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from local.api_client import ApiClient, running_cloud
from proofs.imports.kills import VICTIMS, kill
from proofs.imports.site import Site
from tests.whole.conftest import LocalCloud


@pytest.mark.timeout(600)  # a part that was killed is started again, and an import may wait two minutes for its run
def test_an_import_under_which_host_factory_or_storage_is_killed_ends_once_and_whole(
    start_cloud: Callable[..., LocalCloud],
) -> None:
    state = start_cloud().state
    run = running_cloud(state)
    with ApiClient(run, state) as api:
        api.log_in_as_operator()
        kill(Site(run, api), len(VICTIMS), 5_000, random.Random())
