"""What `make prove-cache` tries at length, in short: the race, kills, Redis in trouble, the stampede, SQL away."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofs.cache.kills import kills
from proofs.cache.outcome import Outcome
from proofs.cache.race import race
from proofs.cache.redis_fault import SHORT, redis_fault
from proofs.cache.sql_outage import sql_disk_full, sql_locked
from proofs.cache.stampede import stampede

pytestmark = [pytest.mark.sqlite_only, pytest.mark.timeout(600)]

_OPERATIONS, _KILLS = 20_000, 5


def expect_kept(outcome: Outcome) -> None:
    assert outcome.is_kept, outcome.line()
    assert outcome.operations > 0


def test_no_read_after_a_writes_reply_shows_the_state_before_it(tmp_path: Path) -> None:
    expect_kept(race(tmp_path, instances=2, operations=_OPERATIONS))


def test_killed_amid_its_writes_an_instance_leaves_nothing_lost_half_done_or_stale(tmp_path: Path) -> None:
    expect_kept(kills(tmp_path, _KILLS))


@pytest.mark.parametrize("trouble", ["frozen", "full", "garbage", "older_snapshot"])
def test_redis_in_trouble_costs_no_request_and_leaves_nothing_stale(tmp_path: Path, trouble: str) -> None:
    expect_kept(redis_fault(tmp_path, trouble, SHORT))


def test_a_thousand_requests_for_one_cold_page_make_one_query_in_each_process(tmp_path: Path) -> None:
    expect_kept(stampede(tmp_path))


def test_with_the_database_locked_cached_pages_answer_and_misses_are_503(tmp_path: Path) -> None:
    expect_kept(sql_locked(tmp_path))


def test_with_the_disk_full_cached_pages_answer_and_what_needs_it_is_503(tmp_path: Path) -> None:
    expect_kept(sql_disk_full(tmp_path))
