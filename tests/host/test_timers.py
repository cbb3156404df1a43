"""Timer triggers, and the lease under which one host process runs them."""

from __future__ import annotations

import itertools
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.host.errors import HostError
from local.host.ncrontab import Schedule
from tests.host.hosting import FunctionApp

EVERY_SECOND = "* * * * * *"


def test_a_timer_ticks_by_the_schedule_of_a_setting_and_never_overlaps_itself(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "timers", {"TICK_SCHEDULE": EVERY_SECOND, "RUN_SECONDS": "1.3"})
    with app.running():
        app.wait_for_events(3, timer="tick")
    runs = app.events(timer="tick")
    assert all(earlier["ended"] <= later["began"] for earlier, later in itertools.pairwise(runs))
    assert not any(run["past_due"] for run in runs)
    assert app.events(timer="new_year") == []


def test_a_run_that_was_missed_is_made_up_at_the_start(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "timers", {"TICK_SCHEDULE": EVERY_SECOND})
    status = app.folder / ".local" / "host" / "timers" / "new_year.json"
    status.parent.mkdir(parents=True)
    missed = {
        "Last": "0001-01-01T00:00:00+00:00",
        "Next": "2021-01-01T00:00:00+00:00",
        "LastUpdated": "2020-07-01T12:00:00+00:00",
    }
    status.write_text(json.dumps(missed))
    with app.running() as host:
        app.wait_for_events(timer="new_year", past_due=True)
        app.wait_for_events(timer="tick", past_due=False)
        assert host.end() == 0
    with app.running():
        ticks = len(app.events(timer="tick"))
        app.wait_for_events(ticks + 1, timer="tick")
    assert len(app.events(timer="new_year")) == 1
    assert json.loads(status.read_text())["Next"] == f"{datetime.now(UTC).year + 1}-01-01T00:00:00+00:00"


def test_one_of_two_hosts_runs_the_timers_and_the_other_takes_over_when_it_is_killed(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "timers", {"TICK_SCHEDULE": EVERY_SECOND})
    with app.running() as first:
        app.wait_for_events(timer="tick")
        with app.running() as second:
            ticks = len(app.events())
            app.wait_for_events(ticks + 2)
            assert {event["pid"] for event in app.events()} == {first.pid}
            first.send(signal.SIGKILL)
            app.wait_for_events(pid=second.pid)


def test_the_lease_moves_when_its_holder_stops(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "timers", {"TICK_SCHEDULE": EVERY_SECOND})
    with app.running() as first, app.running() as second:
        app.wait_for_events()
        holder, other = (first, second) if app.events(pid=first.pid) else (second, first)
        assert holder.end() == 0
        app.wait_for_events(pid=other.pid)
        assert other.end() == 0


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("*/10 * * * * *", "2026-01-01T00:00:09", "2026-01-01T00:00:10"),
        ("0 */5 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
        ("*/5 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
        ("30 0 9-17 * * Mon-Fri", "2026-01-02T17:30:00", "2026-01-05T09:00:30"),
        # A day must fit both fields: the first Friday the 13th of 2026.
        ("0 0 0 13 * 5", "2026-01-01T00:00:00", "2026-02-13T00:00:00"),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_schedules_are_ncrontab(expression: str, after: str, due: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert Schedule(expression, "a test").next_after(moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "61 * * * * *", "@daily", "0 0 L * *", "* * * * * * *", "a b c d e f"]
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(HostError, match="NCRONTAB"):
        Schedule(expression, "a test")


@pytest.mark.parametrize(
    ("expression", "is_below"),
    [("*/10 * * * * *", True), ("0,30 * * * * *", True), ("0 * * * * *", False), ("* 0 * * * *", False)],
)
def test_a_schedule_knows_whether_it_fits_more_than_once_a_minute(expression: str, *, is_below: bool) -> None:
    assert Schedule(expression, "a test").is_below_a_minute is is_below
