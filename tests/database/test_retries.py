"""Transactions on a driver that fails in each way: what is done again, what isn't, and what the client is told."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Iterator
from typing import Never

import pytest
import sqlalchemy as sa

from shared.cache.outbox import Outbox, RecordedTags
from shared.database.mssql.engines import app_engine
from shared.database.outbox import OutboxTransactions
from shared.database.retry_policy import Failure, RetryPolicy, RowChangedError
from shared.database.tables import cache_invalidations
from shared.database.transactions import Transactions
from shared.http.problems import UnavailableError
from shared.settings import Settings
from shared.telemetry.executor import ContextExecutor
from tests.database import scripted_driver
from tests.database.scripted_driver import ScriptedDriver, deadlock, lost, server_error, waking_up

QUICK = RetryPolicy(victim=0.001, away=0.001, away_limit=0.001, total=30)


@pytest.fixture
def driver() -> ScriptedDriver:
    return ScriptedDriver()


@pytest.fixture
def store(driver: ScriptedDriver) -> Iterator[Transactions]:
    settings = Settings(azure_functions_environment="Development", database_pool_size=2)
    url = sa.make_url("mssql+pyodbc://user:secret@127.0.0.1:1433/catalog")
    executor = ContextExecutor(2, "sql")
    engine = app_engine(url, settings, "READ COMMITTED", module=driver)
    yield Transactions(engine, engine, executor, 5.0, QUICK)
    executor.close()
    engine.dispose()


def statement(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT test").scalar_one())


def refused(store: Transactions, retry_after: int, words: str) -> None:
    with pytest.raises(UnavailableError, match=words) as told:
        asyncio.run(store.write(statement))
    assert told.value.headers == {"Retry-After": str(retry_after)}


def test_a_database_that_wakes_up_is_asked_until_it_is_awake(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["connect"] = [waking_up(), waking_up(), scripted_driver.login_timeout(), None]
    assert asyncio.run(store.read(statement)) == 7
    assert driver.count("connect") == 4


@pytest.mark.parametrize("error", [deadlock(), server_error(3960), waking_up(), server_error(10928), lost()])
def test_a_write_that_was_not_committed_is_done_again_as_a_whole(
    error: scripted_driver.Error, driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["execute"] = [None, error]

    def two_statements(connection: sa.Connection) -> int:
        return statement(connection) + statement(connection)

    assert asyncio.run(store.write(two_statements)) == 14
    assert [call for call, *_ in driver.calls if call != "connect"] == ["execute"] * 4 + ["commit"]


def test_a_row_that_was_changed_meanwhile_is_looked_at_anew(driver: ScriptedDriver, store: Transactions) -> None:
    looks = []

    def look(connection: sa.Connection) -> int:
        looks.append(statement(connection))
        if len(looks) < 3:
            raise RowChangedError
        return len(looks)

    assert asyncio.run(store.write(look)) == 3
    assert driver.count("commit") == 1


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("would be truncated in table 'dbo.products', column 'title'. Truncated value: 'S3CRET ''12'' lamp'.", "title"),
        ("with unique index 'ix_asin'. The duplicate key value is (S3CRET, (2) lamps).", "ix_asin"),
        ("Conversion failed when converting the nvarchar value 'S3CRET' to data type int.", "data type int"),
        ("Syntax error near 'S3CRET' in the full-text search condition '\"S3CRET\" AND'.", "Syntax error"),
    ],
)
def test_an_error_of_the_programs_own_quotes_no_value_in_the_log(
    said: str, left: str, driver: ScriptedDriver, store: Transactions, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"[22001] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{said} (2628) (SQLExecDirectW)"
    driver.fails["execute"] = [scripted_driver.ProgrammingError("22001", text)]
    try:
        asyncio.run(store.write(statement))
    except sa.exc.ProgrammingError:
        logging.getLogger("shared").exception("what the last boundary says")
    assert left in caplog.text
    assert "(2628)" in caplog.text
    assert "S3CRET" not in caplog.text


@pytest.mark.parametrize(
    ("error", "level"),
    [(waking_up(), logging.WARNING), (server_error(18456, "28000", scripted_driver.InterfaceError), logging.ERROR)],
)
def test_only_what_does_not_pass_by_itself_is_for_somebody_to_look_at(
    error: scripted_driver.Error,
    level: int,
    driver: ScriptedDriver,
    store: Transactions,
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver.fails["connect"] = [error]
    store._policy = RetryPolicy(total=0)
    refused(store, 5, "can't be reached")
    assert [entry.levelno for entry in caplog.records if entry.name == "shared.database.transactions"] == [level]


def test_victims_give_up_in_the_end(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["execute"] = [deadlock() for _ in range(50)]
    refused(store, 2, "Other requests keep changing")
    assert driver.count("execute") == QUICK.victim_times + 1


def test_a_database_that_stays_away_is_503_when_the_time_is_over(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["connect"] = [waking_up() for _ in range(1000)]
    store._policy = RetryPolicy(away=0.01, away_limit=0.01, total=1.0)
    refused(store, 5, "can't be reached")
    assert 1 < driver.count("connect") <= 101


def test_requests_don_t_queue_up_behind_those_that_can_t_sign_in(
    driver: ScriptedDriver, store: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_arguments: object, **_options: object) -> Never:
        driver.calls.append(("connect",))
        time.sleep(0.5)
        raise scripted_driver.login_timeout()

    async def ask(times: int) -> list[int | BaseException]:
        return await asyncio.gather(*(store.read(statement) for _ in range(times)), return_exceptions=True)

    monkeypatch.setattr(driver, "connect", connect)
    store._policy, store._statement_seconds = RetryPolicy(total=0), 0.05
    replies = asyncio.run(ask(20))
    assert all(isinstance(reply, UnavailableError) for reply in replies)
    assert 0 < driver.count("connect") <= 2, "each waited for its turn to sign in"


def test_waiting_for_a_lock_beyond_the_limit_is_503_at_once(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["execute"] = [server_error(1222)]
    refused(store, 2, "Another write holds the catalog")
    assert driver.count("execute") == 1


def test_a_statement_beyond_its_limit_is_503_at_once_and_costs_no_connection(
    driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["execute"] = [scripted_driver.query_timeout()]
    refused(store, 1, "beyond its limit of 5 s")
    assert asyncio.run(store.write(statement)) == 7
    assert (driver.count("connect"), driver.closed) == (1, 0)


def test_a_statement_that_can_t_even_be_ended_is_not_asked_for_again(
    driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["execute"] = [scripted_driver.query_timeout()]
    driver.fails["rollback"] = [lost("SQLEndTran")]
    refused(store, 1, "beyond its limit of 5 s")
    assert driver.count("execute") == 1
    assert asyncio.run(store.write(statement)) == 7
    assert driver.count("connect") == 2


def test_a_lost_connection_takes_the_pool_with_it(driver: ScriptedDriver, store: Transactions) -> None:
    asyncio.run(store.read(lambda connection: [statement(connection)]))
    driver.fails["execute"] = [lost()]
    assert asyncio.run(store.read(statement)) == 7
    assert driver.count("connect") == 2


def test_a_write_that_is_saved_and_told_is_not_held_up_by_its_mark(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["connect"] = [waking_up(), None]

    class Told:
        async def invalidate(self, tags: frozenset[str]) -> None:
            """Redis is there."""

    outbox = Outbox(OutboxTransactions(store), cache_invalidations, Told())  # type: ignore[arg-type]  # what it uses
    asyncio.run(outbox.apply(RecordedTags(frozenset({"catalog"}), (1,), dt.datetime.now(dt.UTC))))
    assert driver.count("connect") == 1


def test_a_mistake_of_the_program_is_not_told_as_the_database_s(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["execute"] = [server_error(208)]
    with pytest.raises(sa.exc.ProgrammingError):
        asyncio.run(store.read(statement))
    assert driver.count("execute") == 1


def test_a_key_that_is_taken_is_the_caller_s_to_tell(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["execute"] = [server_error(2627, "23000", scripted_driver.IntegrityError)]
    with pytest.raises(sa.exc.IntegrityError):
        asyncio.run(store.write(statement))
    assert driver.count("execute") == 1


def test_a_read_whose_end_gets_lost_has_been_read(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["commit"] = [lost("SQLEndTran")]
    assert asyncio.run(store.read(statement)) == 7
    assert driver.count("execute") == 1


@pytest.mark.parametrize("error", [lost("SQLEndTran"), waking_up(), scripted_driver.query_timeout()])
def test_a_commit_without_an_answer_is_not_done_again_blindly(
    error: scripted_driver.Error, driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["commit"] = [error]
    with pytest.raises(UnavailableError, match="check whether it was"):
        asyncio.run(store.write(statement))
    assert driver.count("execute") == 1


def test_a_commit_without_an_answer_that_has_landed_is_one(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["commit"] = [lost("SQLEndTran")]
    asked = []

    def landed(connection: sa.Connection, result: int) -> bool:
        asked.append((result, connection.exec_driver_sql("SELECT look").scalar()))
        return True

    assert asyncio.run(store.write(statement, landed)) == 7
    assert (driver.count("execute"), len(asked)) == (1, 1)


def test_a_commit_without_an_answer_that_has_not_landed_is_done_again(
    driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["commit"] = [lost("SQLEndTran")]
    assert asyncio.run(store.write(statement, lambda _connection, _result: False)) == 7
    assert driver.count("execute") == 2


def test_of_a_commit_that_is_known_not_to_have_landed_nobody_says_that_it_isn_t_known(
    driver: ScriptedDriver, store: Transactions
) -> None:
    driver.fails["commit"] = [lost("SQLEndTran")]
    driver.fails["execute"] = [None, server_error(1222)]
    with pytest.raises(UnavailableError, match="Another write holds the catalog"):
        asyncio.run(store.write(statement, lambda _connection, _result: False))


def test_after_a_lost_commit_a_database_that_is_away_is_asked_as_soon_as_after_none(
    driver: ScriptedDriver, store: Transactions
) -> None:
    class Noted(RetryPolicy):
        def wait_before_retry(self, failure: Failure, times: int) -> float | None:
            met.append((failure, times))
            return super().wait_before_retry(failure, times)

    met: list[tuple[Failure, int]] = []
    store._policy = Noted(away=0.001, away_limit=0.001)
    driver.fails["connect"] = [None, waking_up(), waking_up()]
    driver.fails["commit"] = [lost("SQLEndTran")]
    assert asyncio.run(store.write(statement, lambda _connection, _result: True)) == 7
    assert met == [(Failure.LOST, 1), (Failure.AWAY, 1), (Failure.AWAY, 2)]


def test_a_commit_that_the_server_refused_is_done_again(driver: ScriptedDriver, store: Transactions) -> None:
    driver.fails["commit"] = [deadlock()]
    assert asyncio.run(store.write(statement)) == 7
    assert driver.count("execute") == 2
