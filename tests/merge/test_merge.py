"""The rules of the merge, case by case (docs/imports: "Rules of the merge")."""

from __future__ import annotations

import datetime as dt
import functools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite.process import merge_in_process
from shared.database import sqlite
from shared.database.tables import cache_invalidations
from tests import databases
from tests.merge.altered import as_many_rows, stopped_when_section_runs, when_section_runs
from tests.merge.cases import (
    BAD_CATEGORY_ROWS,
    BAD_PRODUCT_VALUES,
    CASES,
    GOOD_PRODUCT_VALUES,
    PRODUCT_FIELDS,
    Case,
    Row,
    product,
)
from tests.merge.conftest import Catalogue, counts_of


@pytest.fixture(params=["as few rows", pytest.param("as many rows", marks=pytest.mark.sqlite_only)])
def size(request: pytest.FixtureRequest, catalogue: Catalogue) -> None:
    """Many rows are compared in threads and inserted without indexes; what comes of them is the same."""
    if request.param == "as many rows":
        catalogue.merge_by(functools.partial(merge_in_process, work=as_many_rows))


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, catalogue: Catalogue) -> None:
    catalogue.merge("products", case.before)
    catalogue.merge("categories", case.before_categories, blob_name="c.csv")
    catalogue.forget_scopes()
    result = catalogue.merge(case.kind, case.rows, blob_name="x.csv")
    assert (result["status"], result["message"]) == ("succeeded", None)
    assert counts_of(result) == case.counts
    assert counts_of(catalogue.outcome(result["import_id"])) == case.counts
    assert catalogue.scopes() == case.scopes
    assert {row.asin: row.title for row in catalogue.products()} == case.products
    assert catalogue.categories() == case.categories
    if not catalogue.is_sqlite:
        return
    words = {asin for title in case.products.values() for asin in catalogue.title_words(title)}
    assert words == set(case.products)


def test_each_bad_product_value_is_rejected_with_its_reason(catalogue: Catalogue) -> None:
    values = [item for item in BAD_PRODUCT_VALUES if databases.keeps_nul() or "\0" not in (item[1] or "")]
    rows = [product(**{field: value}) for field, value, _ in values]
    result = catalogue.merge("products", rows, max_reject_share=1.0)
    assert catalogue.products() == []
    expected = [
        (n, reason, [text or "" for text in row])
        for n, (row, (_, _, reason)) in enumerate(zip(rows, values, strict=True), 1)
    ]
    found = [(n, reason, json.loads(fields)) for n, reason, fields in catalogue.rejects(result["import_id"])]
    assert found == expected
    assert counts_of(result) == (len(rows), 0, 0, 0, 0, len(rows))


def test_each_bad_category_row_is_rejected_with_its_reason(catalogue: Catalogue) -> None:
    bad = [item for item in BAD_CATEGORY_ROWS if databases.keeps_nul() or "\0" not in (item[0][1] or "")]
    result = catalogue.merge("categories", [row for row, _ in bad], max_reject_share=1.0)
    assert [reason for _, reason, _ in catalogue.rejects(result["import_id"])] == [reason for _, reason in bad]
    assert catalogue.categories() == {}


@pytest.mark.parametrize(("field", "text", "column", "value"), GOOD_PRODUCT_VALUES)
def test_good_value_is_kept_exactly(
    field: str, text: str | None, column: str, value: object, catalogue: Catalogue
) -> None:
    result = catalogue.merge("products", [product(**{field: text})])
    assert counts_of(result) == (1, 1, 0, 0, 0, 0), catalogue.rejects(result["import_id"])
    (row,) = catalogue.products()
    assert row._mapping[column] == value
    assert type(row._mapping[column]) is type(value)


def test_the_first_fault_in_the_order_of_the_fields_is_the_reason(catalogue: Catalogue) -> None:
    result = catalogue.merge("products", [product(price="x", title=None)], max_reject_share=1.0)
    assert [reason for _, reason, _ in catalogue.rejects(result["import_id"])] == ["title: empty"]


def test_times_are_set_by_insert_and_update_alone(catalogue: Catalogue) -> None:
    catalogue.merge("products", [product()])
    (first,) = catalogue.products()
    assert first.created_at == first.updated_at
    catalogue.merge("products", [product()])
    assert catalogue.products() == [first]
    catalogue.merge("products", [product(price="1")])
    (changed,) = catalogue.products()
    assert changed.created_at == first.created_at
    assert changed.updated_at > first.updated_at


@pytest.mark.parametrize(
    ("field", "value", "column", "stored"),
    [
        ("title", "Another suitcase", "title", "Another suitcase"),
        ("imgUrl", None, "image_url", None),
        ("productURL", "https://example.org/2", "product_url", "https://example.org/2"),
        ("stars", "0.0", "stars", None),
        ("reviews", "13", "reviews", 13),
        ("price", None, "price", None),
        ("listPrice", "150", "list_price", Decimal(150)),
        ("category_id", "105", "category_id", 105),
        ("isBestSeller", "True", "is_best_seller", True),
        ("boughtInLastMonth", "0", "bought_in_last_month", 0),
    ],
)
def test_a_change_of_one_field_alone_is_written_into_the_row_and_its_indexes(
    field: str, value: str | None, column: str, stored: object, catalogue: Catalogue
) -> None:
    catalogue.merge("products", [product(), product(asin="B000000002")])
    before, other = catalogue.products()
    assert counts_of(catalogue.merge("products", [product(**{field: value})])) == (1, 0, 1, 0, 0, 0)
    changed, unchanged = catalogue.products()
    assert unchanged == other
    assert changed.updated_at > before.updated_at
    expected = before._asdict() | {column: stored}
    kept = expected.keys() - {"updated_at", "row_version"}
    assert {name: changed._asdict()[name] for name in kept} == {name: expected[name] for name in kept}
    if catalogue.is_sqlite:
        with catalogue.driver() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert catalogue.title_words(changed.title) == sorted({changed.asin, *([other.asin] * (field != "title"))})


def test_a_second_run_of_a_merged_import_changes_nothing_and_returns_the_same(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    first = catalogue.call("products", import_id, catalogue.stage("products", [product()]))
    catalogue.forget_scopes()
    again = catalogue.call("products", import_id, catalogue.stage("products", [product(title="other")]))
    assert again == first
    assert [row.title for row in catalogue.products()] == ["A suitcase"]
    assert catalogue.scopes() == set()


def test_an_older_upload_of_the_same_blob_ends_cancelled(catalogue: Catalogue) -> None:
    older = catalogue.register()
    catalogue.merge("products", [product(title="newer")])
    result = catalogue.call("products", older, catalogue.stage("products", [product(title="older")]))
    assert result["status"] == "cancelled"
    assert result["message"] == "A newer upload of p.csv was loaded before this one; nothing was loaded."
    assert counts_of(result) == (None,) * 6
    assert [row.title for row in catalogue.products()] == ["newer"]


def test_an_older_upload_of_another_blob_is_merged(catalogue: Catalogue) -> None:
    older = catalogue.register("other.csv")
    catalogue.merge("products", [product(title="newer")])
    assert catalogue.call("products", older, catalogue.stage("products", [product()]))["status"] == "succeeded"


def test_half_bad_rows_are_merged_and_more_fail_the_import_whole(catalogue: Catalogue) -> None:
    assert catalogue.merge("products", [product(), product(price="x")])["status"] == "succeeded"
    catalogue.forget_scopes()
    result = catalogue.merge("products", [product(title="new"), product(price="x")], rows_skipped=1)
    assert result["status"] == "failed"
    assert result["message"] == ("2 of 3 rows were rejected, more than the allowed share of 50 %; nothing was loaded.")
    assert (result["rows_read"], result["rows_rejected"], result["rows_inserted"]) == (3, 2, None)
    assert len(catalogue.rejects(result["import_id"])) == 1
    assert [row.title for row in catalogue.products()] == ["A suitcase"]
    assert catalogue.scopes() == set()


def test_rows_that_copy_skipped_count_as_read_and_rejected(catalogue: Catalogue) -> None:
    assert counts_of(catalogue.merge("products", [product()], rows_skipped=1)) == (2, 1, 0, 0, 0, 1)


@pytest.mark.timeout(300)  # Babelfish judges some hundred rows a second
def test_all_rejects_are_counted_and_the_first_ten_thousand_kept(catalogue: Catalogue) -> None:
    result = catalogue.merge("products", [product(price="x")] * 10_500, max_reject_share=1.0)
    kept = catalogue.rejects(result["import_id"])
    assert result["rows_rejected"] == 10_500
    assert [row_no for row_no, _, _ in kept] == list(range(1, 10_001))


def test_a_cancelled_import_is_not_merged(catalogue: Catalogue) -> None:
    result = catalogue.merge("products", [product()], cancel_requested=True)
    assert (result["status"], result["message"]) == ("cancelled", "Cancelled on request; nothing was loaded.")
    assert catalogue.products() == []
    assert catalogue.outcome(result["import_id"]).status == "cancelled"


@pytest.mark.sqlite_only
def test_a_cancel_that_comes_while_rows_are_written_is_seen_before_the_commit(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    catalogue.merge_by(when_section_runs("10 count", lambda: catalogue.request_cancel(import_id)))
    result = catalogue.call("products", import_id, catalogue.stage("products", [product(), product(price="x")]))
    assert result["status"] == "cancelled"
    assert catalogue.products() == []
    assert catalogue.categories() == {}
    assert catalogue.scopes() == set()
    assert catalogue.rejects(import_id) == []


@pytest.mark.sqlite_only
def test_a_stop_of_the_factory_in_the_middle_leaves_nothing_and_no_outcome(catalogue: Catalogue) -> None:
    import_id, stop = catalogue.register(), Stop()
    catalogue.merge_by(stopped_when_section_runs("10 count", stop))
    run_id = catalogue.stage("products", [product()])
    with pytest.raises(StoppedError):
        catalogue.call("products", import_id, run_id, stop=stop)
    assert catalogue.products() == []
    assert catalogue.outcome(import_id) is None
    catalogue.merge_by(merge_in_process)
    assert catalogue.call("products", import_id, run_id)["status"] == "succeeded"


@pytest.mark.sqlite_only
def test_what_a_merge_writes_is_not_dated_before_what_another_wrote_while_it_judged(catalogue: Catalogue) -> None:
    catalogue.merge("products", [product()])
    catalogue.forget_scopes()
    judged: list[dt.datetime] = []
    catalogue.merge_by(when_section_runs("4 incoming", lambda: judged.append(dt.datetime.now(dt.UTC))))
    result = catalogue.merge("products", [product(title="after")])
    (changed,) = catalogue.products()
    recorded = catalogue.rows(sa.select(sa.func.min(cache_invalidations.c.created_at)))
    assert min(changed.updated_at, catalogue.outcome(result["import_id"]).merged_at, *recorded) > judged[0]


@pytest.mark.sqlite_only
def test_readers_see_the_state_before_while_a_merge_holds_the_catalogue(catalogue: Catalogue) -> None:
    catalogue.merge("products", [product()])
    seen: list[str] = []
    catalogue.merge_by(when_section_runs("10 count", lambda: seen.extend(row.title for row in catalogue.products())))
    catalogue.merge("products", [product(title="after")])
    assert seen == ["A suitcase"]
    assert [row.title for row in catalogue.products()] == ["after"]


@pytest.mark.sqlite_only
def test_the_imports_file_stays_writable_while_a_merge_holds_the_catalogue(catalogue: Catalogue) -> None:
    catalogue.merge_by(when_section_runs("10 count", lambda: catalogue.register("another.csv")))
    assert catalogue.merge("products", [product()])["status"] == "succeeded"


@pytest.mark.not_babelfish  # it doesn't hear a cancel while it waits for a lock
def test_a_merge_waits_for_a_writer_and_can_be_stopped_while_it_waits(catalogue: Catalogue) -> None:
    import_id, stop = catalogue.register(), Stop()
    run_id = catalogue.stage("products", [product()])
    with catalogue.another_write():
        threading.Timer(0.2, stop.request).start()
        with pytest.raises(StoppedError):
            catalogue.call("products", import_id, run_id, stop=stop)
    assert catalogue.call("products", import_id, run_id)["status"] == "succeeded"


def test_a_cancel_while_a_merge_waits_for_a_writer_is_seen(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    run_id = catalogue.stage("products", [product()])
    with ThreadPoolExecutor(1) as pool:
        with catalogue.another_write():
            merging = pool.submit(catalogue.call, "products", import_id, run_id)
            catalogue.request_cancel(import_id)
        assert merging.result()["status"] == "cancelled"
    assert catalogue.products() == []
    assert catalogue.categories() == {}
    assert catalogue.scopes() == set()
    assert catalogue.rejects(import_id) == []


def test_two_merges_at_once_are_one_after_the_other(catalogue: Catalogue) -> None:
    rows: list[Row] = [product(asin=f"B{n:09}") for n in range(500)]
    imports = [(catalogue.register(f"{n}.csv"), catalogue.stage("products", rows)) for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda ids: catalogue.call("products", *ids), imports))
    assert sorted(counts_of(result) for result in results) == [(500, 0, 0, 500, 0, 0), (500, 500, 0, 0, 0, 0)]
    assert catalogue.categories() == {104: ("Category 104", 500)}


def test_two_runs_of_one_import_at_once_merge_it_once(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    runs = [catalogue.stage("products", [product()]) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda run_id: catalogue.call("products", import_id, run_id), runs))
    assert [counts_of(result) for result in results] == [(1, 1, 0, 0, 0, 0)] * 2
    assert len(catalogue.products()) == 1


@pytest.mark.server
def test_the_staging_rows_of_a_run_go_with_its_merge_and_no_other_ones(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    other = catalogue.stage("products", [product()])
    of_categories = catalogue.stage("categories", [("1", "A")])
    run_id = catalogue.stage("products", [product(), product(asin="B000000002")])
    catalogue.note_run(import_id, run_id)
    assert catalogue.staged("products") == {other, run_id}
    catalogue.call("products", import_id, run_id)
    assert catalogue.staged("products") == {other}
    assert catalogue.staged("categories") == {of_categories}


@pytest.mark.server
def test_an_outcome_that_the_app_decided_meanwhile_leaves_nothing_of_the_merge(catalogue: Catalogue) -> None:
    import_id = catalogue.register()
    run_id = catalogue.stage("products", [product(), product(price="x")])
    with ThreadPoolExecutor(1) as pool:
        with catalogue.another_write():
            merging = pool.submit(catalogue.call, "products", import_id, run_id)
            catalogue.decide(import_id, "failed", "Given up.")
        assert (merging.result()["status"], merging.result()["message"]) == ("failed", "Given up.")
    assert catalogue.products() == []
    assert catalogue.scopes() == set()
    assert catalogue.rejects(import_id) == []


def test_an_import_without_a_record_fails_the_activity(catalogue: Catalogue) -> None:
    with pytest.raises(ActivityFailedError, match="There is no import"):
        catalogue.call("products", "none", catalogue.stage("products", [product()]))


@pytest.mark.sqlite_only
@pytest.mark.parametrize("before", [0, 1], ids=["an empty catalogue", "one that has a product"])
def test_a_load_in_bulk_gives_back_each_index_and_trigger_and_finds_every_word(
    before: int, catalogue: Catalogue
) -> None:
    def parts() -> list[Any]:
        with catalogue.driver() as connection:
            return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()

    catalogue.merge_by(functools.partial(merge_in_process, work=as_many_rows))
    empty = parts()
    rows: list[Row] = [product(asin=f"B{n:09}", title=f"word{n} common", category_id=str(1 + n % 3)) for n in range(99)]
    noise: list[Row] = [product(title="bad", price="x"), product(asin="B000000007", title="replaced")]
    catalogue.merge("products", rows[:before])
    catalogue.merge("products", [*noise, *rows])
    assert parts() == empty
    assert [catalogue.title_words(f"word{n}") for n in range(99)] == [[f"B{n:09}"] for n in range(99)]
    assert len(catalogue.title_words("common")) == 99
    assert catalogue.title_words("bad") == catalogue.title_words("replaced") == []
    assert catalogue.categories() == {n: (f"Category {n}", 33) for n in (1, 2, 3)}
    catalogue.merge("products", [product(asin="B000000098", title="other")])
    assert catalogue.title_words("word98") == []
    assert catalogue.title_words("other") == ["B000000098"]
    with catalogue.driver() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO products_title_words (products_title_words) VALUES ('integrity-check')")
    assert list(sqlite.staging_folder(catalogue.url).glob("*.words.db")) == []


@pytest.mark.sqlite_only
def test_a_stop_while_the_text_index_is_built_leaves_nothing(catalogue: Catalogue) -> None:
    import_id, stop = catalogue.register(), Stop()
    catalogue.merge_by(stopped_when_section_runs("8 insert", stop, as_many_rows))
    with pytest.raises(StoppedError):
        catalogue.call("products", import_id, catalogue.stage("products", [product()]), stop=stop)
    assert catalogue.products() == []
    assert list(sqlite.staging_folder(catalogue.url).glob("*.words.db")) == []
    catalogue.merge_by(merge_in_process)
    assert catalogue.merge("products", [product()])["status"] == "succeeded"


def test_the_list_of_reasons_in_the_script_is_complete() -> None:
    script = (Path(sqlite.__file__).parent / "sql" / "sqlite" / "merge_products.sql").read_text()
    lines = [line.removeprefix("--     ") for line in script.splitlines() if line.startswith("--     ")]
    listed = {line.split('"')[0].split("  ")[0].strip() for line in lines}
    for field, _, reason in BAD_PRODUCT_VALUES:
        text = reason.split('"')[0].strip().removeprefix(field)
        assert any(entry.endswith(text) for entry in listed if entry.startswith(("FIELD", field))), reason
    assert {field for field, _, _ in BAD_PRODUCT_VALUES} == set(PRODUCT_FIELDS)
