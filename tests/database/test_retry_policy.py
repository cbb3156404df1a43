"""What an error of the database means, and how long a retry waits."""

from __future__ import annotations

import pytest

from shared.database.mssql.errors import failure_of
from shared.database.retry_policy import Failure, RetryPolicy
from tests.database import scripted_driver as driver

# Microsoft's list (BaselineTransientErrors), by what becomes of the transaction.
AWAY = [233, 997, 4060, 4221, 10060, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109]
AWAY += [49918, 49919, 49920]


@pytest.mark.parametrize("number", AWAY)
def test_what_microsoft_calls_transient_is(number: int) -> None:
    assert failure_of(driver.server_error(number)) is Failure.AWAY


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (driver.server_error(1204), Failure.VICTIM),
        (driver.deadlock(), Failure.VICTIM),
        (driver.server_error(3960), Failure.VICTIM),
        (driver.server_error(1222), Failure.LOCKED),
        (driver.query_timeout(), Failure.TOO_LONG),
        (driver.login_timeout(), Failure.AWAY),
        (driver.lost(), Failure.LOST),
        (driver.lost("SQLEndTran"), Failure.LOST),
        (driver.Error("IMC06", "[IMC06] [Microsoft]The connection is broken (0) (SQLExecDirectW)"), Failure.LOST),
        (driver.OperationalError("08001", "[08001] Can't connect (26) (SQLDriverConnect)"), Failure.AWAY),
        (driver.server_error(2627, "23000", driver.IntegrityError), Failure.OTHER),
        (driver.server_error(208), Failure.OTHER),
        (driver.Error(), Failure.OTHER),
        (None, Failure.OTHER),
    ],
)
def test_an_error_says_what_becomes_of_its_transaction(error: BaseException | None, failure: Failure) -> None:
    assert failure_of(error) is failure


def test_a_number_in_what_the_server_quotes_is_no_error_number() -> None:
    quoted = driver.ProgrammingError("42000", "[42000] [SQL Server]No column '(1205) (40613)'. (207) (SQLExecDirectW)")
    assert failure_of(quoted) is Failure.OTHER


def test_each_of_several_messages_counts() -> None:
    two = "[42000] [SQL Server]Rolled back. (3609) (SQLExecDirectW); [42000] [SQL Server]Busy. (40501)"
    assert failure_of(driver.ProgrammingError("42000", two)) is Failure.AWAY


def test_a_victim_begins_anew_within_a_moment_and_gives_up_in_the_end() -> None:
    policy = RetryPolicy()
    moments = [policy.wait_before_retry(Failure.VICTIM, times) for times in range(1, policy.victim_times + 1)]
    assert all(wait is not None and 0 <= wait <= min(0.02 * 2**times, 0.5) for times, wait in enumerate(moments, 1))
    assert policy.wait_before_retry(Failure.VICTIM, policy.victim_times + 1) is None


def test_a_database_that_is_away_is_asked_after_five_seconds_then_less_and_less_often() -> None:
    waits = [RetryPolicy().wait_before_retry(Failure.AWAY, times) or 0.0 for times in range(1, 5)]
    for wait, least in zip(waits, [5, 10, 20, 20], strict=True):
        assert least <= wait <= least * 1.2


def test_after_a_lost_connection_the_first_retry_comes_at_once() -> None:
    assert RetryPolicy().wait_before_retry(Failure.LOST, 1) == 0
    assert (RetryPolicy().wait_before_retry(Failure.LOST, 2) or 0) >= 10


@pytest.mark.parametrize("failure", [Failure.LOCKED, Failure.TOO_LONG, Failure.OTHER])
def test_what_no_retry_would_help_gets_none(failure: Failure) -> None:
    assert RetryPolicy().wait_before_retry(failure, 1) is None
