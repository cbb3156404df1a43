"""The rules of the merge, case by case (docs/imports.md, "What a merge does")."""

from __future__ import annotations

import datetime as dt
import functools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from golden.merge_sql import faults
from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite import staging_files
from local.datafactory.stores.sqlite.process import merge_in_process
from shared.catalog.declaration import Declared, declared
from shared.catalog.schemas import NewProduct
from shared.database.tables import cache_invalidations
from testkit import databases
from tests.merge.altered import as_many_rows, stopped_when_section_runs, when_section_runs
from tests.merge.cases import (
    BAD_CATEGORY_ROWS,
    BAD_PRODUCT_VALUES,
    CASES,
    GOOD_PRODUCT_VALUES,
    OPTIONAL_FIELDS,
    PRODUCT_FIELDS,
    Case,
    Row,
    filled,
    lacking,
    product,
)
from tests.merge.conftest import Catalog, counts_of


@pytest.fixture(params=["as few rows", pytest.param("as many rows", marks=pytest.mark.sqlite_only)])
def size(request: pytest.FixtureRequest, catalog: Catalog) -> None:
    """Many rows are compared in threads and inserted without indexes; what comes of them is the same."""
    if request.param == "as many rows":
        catalog.merge_by(functools.partial(merge_in_process, work=as_many_rows))


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, catalog: Catalog) -> None:
    catalog.merge("products", case.before)
    catalog.merge("categories", case.before_categories, blob_name="c.csv")
    catalog.forget_tags()
    result = catalog.merge(case.kind, case.rows, blob_name="x.csv")
    assert (result["status"], result["message"]) == ("succeeded", None)
    assert counts_of(result) == case.counts
    assert counts_of(catalog.outcome(result["import_id"])) == case.counts
    assert catalog.tags() == case.tags
    assert {row.asin: row.title for row in catalog.products()} == case.products
    assert catalog.categories() == case.categories
    if not catalog.is_sqlite:
        return
    words = {asin for title in case.products.values() for asin in catalog.title_words(title)}
    assert words == set(case.products)


def test_each_bad_product_value_is_rejected_with_its_reason(catalog: Catalog) -> None:
    values = [item for item in BAD_PRODUCT_VALUES if databases.keeps_nul() or "\0" not in (item[1] or "")]
    rows = [product(**{field: value}) for field, value, _ in values]
    result = catalog.merge("products", rows, max_reject_share=1.0)
    assert catalog.products() == []
    expected = [
        (n, reason, [text or "" for text in row])
        for n, (row, (_, _, reason)) in enumerate(zip(rows, values, strict=True), 1)
    ]
    found = [(n, reason, json.loads(fields)) for n, reason, fields in catalog.rejects(result["import_id"])]
    assert found == expected
    assert counts_of(result) == (len(rows), 0, 0, 0, 0, len(rows))


def test_each_bad_category_row_is_rejected_with_its_reason(catalog: Catalog) -> None:
    bad = [item for item in BAD_CATEGORY_ROWS if databases.keeps_nul() or "\0" not in (item[0][1] or "")]
    result = catalog.merge("categories", [row for row, _ in bad], max_reject_share=1.0)
    assert [reason for _, reason, _ in catalog.rejects(result["import_id"])] == [reason for _, reason in bad]
    assert catalog.categories() == {}


@pytest.mark.parametrize(("field", "text", "column", "value"), GOOD_PRODUCT_VALUES)
def test_good_value_is_kept_exactly(field: str, text: str | None, column: str, value: object, catalog: Catalog) -> None:
    result = catalog.merge("products", [product(**{field: text})])
    assert counts_of(result) == (1, 1, 0, 0, 0, 0), catalog.rejects(result["import_id"])
    (row,) = catalog.products()
    assert row._mapping[column] == value
    assert type(row._mapping[column]) is type(value)


def test_the_first_fault_in_the_order_of_the_fields_is_the_reason(catalog: Catalog) -> None:
    result = catalog.merge("products", [product(price="x", title=None)], max_reject_share=1.0)
    assert [reason for _, reason, _ in catalog.rejects(result["import_id"])] == ["title: empty"]


def test_times_are_set_by_insert_and_update_alone(catalog: Catalog) -> None:
    catalog.merge("products", [product()])
    (first,) = catalog.products()
    assert first.created_at == first.updated_at
    catalog.merge("products", [product()])
    assert catalog.products() == [first]
    catalog.merge("products", [product(price="1")])
    (changed,) = catalog.products()
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
    field: str, value: str | None, column: str, stored: object, catalog: Catalog
) -> None:
    catalog.merge("products", [product(), product(asin="B000000002")])
    before, other = catalog.products()
    assert counts_of(catalog.merge("products", [product(**{field: value})])) == (1, 0, 1, 0, 0, 0)
    changed, unchanged = catalog.products()
    assert unchanged == other
    assert changed.updated_at > before.updated_at
    expected = before._asdict() | {column: stored}
    kept = expected.keys() - {"updated_at", "row_version"}
    assert {name: changed._asdict()[name] for name in kept} == {name: expected[name] for name in kept}
    if catalog.is_sqlite:
        with catalog.driver() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert catalog.title_words(changed.title) == sorted({changed.asin, *([other.asin] * (field != "title"))})


def test_a_second_run_of_a_merged_import_changes_nothing_and_returns_the_same(catalog: Catalog) -> None:
    import_id = catalog.register()
    first = catalog.call("products", import_id, catalog.stage("products", [product()]))
    catalog.forget_tags()
    again = catalog.call("products", import_id, catalog.stage("products", [product(title="other")]))
    assert again == first
    assert [row.title for row in catalog.products()] == ["A suitcase"]
    assert catalog.tags() == set()


def test_an_older_upload_of_the_same_blob_ends_cancelled(catalog: Catalog) -> None:
    older = catalog.register()
    catalog.merge("products", [product(title="newer")])
    result = catalog.call("products", older, catalog.stage("products", [product(title="older")]))
    assert result["status"] == "cancelled"
    assert result["message"] == "A newer upload of p.csv was loaded before this one; nothing was loaded."
    assert counts_of(result) == (None,) * 6
    assert [row.title for row in catalog.products()] == ["newer"]


def test_an_older_upload_of_another_blob_is_merged(catalog: Catalog) -> None:
    older = catalog.register("other.csv")
    catalog.merge("products", [product(title="newer")])
    assert catalog.call("products", older, catalog.stage("products", [product()]))["status"] == "succeeded"


def test_half_bad_rows_are_merged_and_more_fail_the_import_whole(catalog: Catalog) -> None:
    assert catalog.merge("products", [product(), product(price="x")])["status"] == "succeeded"
    catalog.forget_tags()
    result = catalog.merge("products", [product(title="new"), product(price="x")], rows_skipped=1)
    assert result["status"] == "failed"
    assert result["message"] == ("2 of 3 rows were rejected, more than the allowed share of 50 %; nothing was loaded.")
    assert (result["rows_read"], result["rows_rejected"], result["rows_inserted"]) == (3, 2, None)
    assert len(catalog.rejects(result["import_id"])) == 1
    assert [row.title for row in catalog.products()] == ["A suitcase"]
    assert catalog.tags() == set()


def test_rows_that_copy_skipped_count_as_read_and_rejected(catalog: Catalog) -> None:
    assert counts_of(catalog.merge("products", [product()], rows_skipped=1)) == (2, 1, 0, 0, 0, 1)


@pytest.mark.timeout(300)  # Babelfish judges some hundred rows a second
def test_all_rejects_are_counted_and_the_first_ten_thousand_kept(catalog: Catalog) -> None:
    result = catalog.merge("products", [product(price="x")] * 10_500, max_reject_share=1.0)
    kept = catalog.rejects(result["import_id"])
    assert result["rows_rejected"] == 10_500
    assert [row_no for row_no, _, _ in kept] == list(range(1, 10_001))


def test_a_cancelled_import_is_not_merged(catalog: Catalog) -> None:
    result = catalog.merge("products", [product()], cancel_requested=True)
    assert (result["status"], result["message"]) == ("cancelled", "Cancelled on request; nothing was loaded.")
    assert catalog.products() == []
    assert catalog.outcome(result["import_id"]).status == "cancelled"


@pytest.mark.sqlite_only
def test_a_cancel_that_comes_while_rows_are_written_is_seen_before_the_commit(catalog: Catalog) -> None:
    import_id = catalog.register()
    catalog.merge_by(when_section_runs("10 count", lambda: catalog.change_record(import_id, cancel_requested=True)))
    result = catalog.call("products", import_id, catalog.stage("products", [product(), product(price="x")]))
    assert result["status"] == "cancelled"
    assert catalog.products() == []
    assert catalog.categories() == {}
    assert catalog.tags() == set()
    assert catalog.rejects(import_id) == []


@pytest.mark.sqlite_only
def test_a_stop_of_the_factory_in_the_middle_leaves_nothing_and_no_outcome(catalog: Catalog) -> None:
    import_id, stop = catalog.register(), Stop()
    catalog.merge_by(stopped_when_section_runs("10 count", stop))
    run_id = catalog.stage("products", [product()])
    with pytest.raises(StoppedError):
        catalog.call("products", import_id, run_id, stop=stop)
    assert catalog.products() == []
    assert catalog.outcome(import_id) is None
    catalog.merge_by(merge_in_process)
    assert catalog.call("products", import_id, run_id)["status"] == "succeeded"


@pytest.mark.sqlite_only
def test_what_a_merge_writes_is_not_dated_before_what_another_wrote_while_it_judged(catalog: Catalog) -> None:
    catalog.merge("products", [product()])
    catalog.forget_tags()
    judged: list[dt.datetime] = []
    catalog.merge_by(when_section_runs("4 incoming", lambda: judged.append(dt.datetime.now(dt.UTC))))
    result = catalog.merge("products", [product(title="after")])
    (changed,) = catalog.products()
    recorded = catalog.rows(sa.select(sa.func.min(cache_invalidations.c.created_at)))
    assert min(changed.updated_at, catalog.outcome(result["import_id"]).merged_at, *recorded) > judged[0]


@pytest.mark.sqlite_only
def test_readers_see_the_state_before_while_a_merge_holds_the_catalog(catalog: Catalog) -> None:
    catalog.merge("products", [product()])
    seen: list[str] = []
    catalog.merge_by(when_section_runs("10 count", lambda: seen.extend(row.title for row in catalog.products())))
    catalog.merge("products", [product(title="after")])
    assert seen == ["A suitcase"]
    assert [row.title for row in catalog.products()] == ["after"]


@pytest.mark.sqlite_only
def test_the_imports_file_stays_writable_while_a_merge_holds_the_catalog(catalog: Catalog) -> None:
    catalog.merge_by(when_section_runs("10 count", lambda: catalog.register("another.csv")))
    assert catalog.merge("products", [product()])["status"] == "succeeded"


@pytest.mark.not_babelfish  # it doesn't hear a cancel while it waits for a lock
def test_a_merge_waits_for_a_writer_and_can_be_stopped_while_it_waits(catalog: Catalog) -> None:
    import_id, stop = catalog.register(), Stop()
    run_id = catalog.stage("products", [product()])
    with catalog.another_write():
        threading.Timer(0.2, stop.request).start()
        with pytest.raises(StoppedError):
            catalog.call("products", import_id, run_id, stop=stop)
    assert catalog.call("products", import_id, run_id)["status"] == "succeeded"


def test_a_cancel_while_a_merge_waits_for_a_writer_is_seen(catalog: Catalog) -> None:
    import_id = catalog.register()
    run_id = catalog.stage("products", [product()])
    with ThreadPoolExecutor(1) as pool:
        with catalog.another_write():
            merging = pool.submit(catalog.call, "products", import_id, run_id)
            catalog.change_record(import_id, cancel_requested=True)
        assert merging.result()["status"] == "cancelled"
    assert catalog.products() == []
    assert catalog.categories() == {}
    assert catalog.tags() == set()
    assert catalog.rejects(import_id) == []


def test_two_merges_at_once_are_one_after_the_other(catalog: Catalog) -> None:
    rows: list[Row] = [product(asin=f"B{n:09}") for n in range(500)]
    imports = [(catalog.register(f"{n}.csv"), catalog.stage("products", rows)) for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda ids: catalog.call("products", *ids), imports))
    assert sorted(counts_of(result) for result in results) == [(500, 0, 0, 500, 0, 0), (500, 500, 0, 0, 0, 0)]
    assert catalog.categories() == {104: ("Category 104", 500)}


def test_two_runs_of_one_import_at_once_merge_it_once(catalog: Catalog) -> None:
    import_id = catalog.register()
    runs = [catalog.stage("products", [product()]) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda run_id: catalog.call("products", import_id, run_id), runs))
    assert [counts_of(result) for result in results] == [(1, 1, 0, 0, 0, 0)] * 2
    assert len(catalog.products()) == 1


@pytest.mark.server
def test_the_staging_rows_of_a_run_go_with_its_merge_and_no_other_ones(catalog: Catalog) -> None:
    import_id = catalog.register()
    other = catalog.stage("products", [product()])
    of_categories = catalog.stage("categories", [("1", "A")])
    run_id = catalog.stage("products", [product(), product(asin="B000000002")])
    catalog.change_record(import_id, run_id=run_id)
    assert catalog.staged("products") == {other, run_id}
    catalog.call("products", import_id, run_id)
    assert catalog.staged("products") == {other}
    assert catalog.staged("categories") == {of_categories}


@pytest.mark.server
def test_an_outcome_that_the_app_decided_meanwhile_leaves_nothing_of_the_merge(catalog: Catalog) -> None:
    import_id = catalog.register()
    run_id = catalog.stage("products", [product(), product(price="x")])
    with ThreadPoolExecutor(1) as pool:
        with catalog.another_write():
            merging = pool.submit(catalog.call, "products", import_id, run_id)
            catalog.decide(import_id, "failed", "Given up.")
        assert (merging.result()["status"], merging.result()["message"]) == ("failed", "Given up.")
    assert catalog.products() == []
    assert catalog.tags() == set()
    assert catalog.rejects(import_id) == []


def test_an_import_without_a_record_fails_the_activity(catalog: Catalog) -> None:
    with pytest.raises(ActivityFailedError, match="There is no import"):
        catalog.call("products", "none", catalog.stage("products", [product()]))


@pytest.mark.sqlite_only
@pytest.mark.parametrize("before", [0, 1], ids=["an empty catalog", "one that has a product"])
def test_a_load_in_bulk_gives_back_each_index_and_trigger_and_finds_every_word(before: int, catalog: Catalog) -> None:
    def parts() -> list[Any]:
        with catalog.driver() as connection:
            return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()

    catalog.merge_by(functools.partial(merge_in_process, work=as_many_rows))
    empty = parts()
    rows: list[Row] = [product(asin=f"B{n:09}", title=f"word{n} common", category_id=str(1 + n % 3)) for n in range(99)]
    noise: list[Row] = [product(title="bad", price="x"), product(asin="B000000007", title="replaced")]
    catalog.merge("products", rows[:before])
    catalog.merge("products", [*noise, *rows])
    assert parts() == empty
    assert [catalog.title_words(f"word{n}") for n in range(99)] == [[f"B{n:09}"] for n in range(99)]
    assert len(catalog.title_words("common")) == 99
    assert catalog.title_words("bad") == catalog.title_words("replaced") == []
    assert catalog.categories() == {n: (f"Category {n}", 33) for n in (1, 2, 3)}
    catalog.merge("products", [product(asin="B000000098", title="other")])
    assert catalog.title_words("word98") == []
    assert catalog.title_words("other") == ["B000000098"]
    with catalog.driver() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO products_title_words (products_title_words) VALUES ('integrity-check')")
    assert list(staging_files.staging_folder(catalog.url).glob("*.words.db")) == []


@pytest.mark.sqlite_only
def test_a_stop_while_the_text_index_is_built_leaves_nothing(catalog: Catalog) -> None:
    import_id, stop = catalog.register(), Stop()
    catalog.merge_by(stopped_when_section_runs("8 insert", stop, as_many_rows))
    with pytest.raises(StoppedError):
        catalog.call("products", import_id, catalog.stage("products", [product()]), stop=stop)
    assert catalog.products() == []
    assert list(staging_files.staging_folder(catalog.url).glob("*.words.db")) == []
    catalog.merge_by(merge_in_process)
    assert catalog.merge("products", [product()])["status"] == "succeeded"


_ALL_OPTIONAL = [field.csv for field in OPTIONAL_FIELDS]


def _staged(version: int, *missing: str, **changes: str | None) -> Row:
    """A product's row as Copy stages it for a file without these columns."""
    return product(**(filled(version) | dict.fromkeys(missing) | changes))


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize(
    "missing", [*([name] for name in _ALL_OPTIONAL), ["reviews", "price"], _ALL_OPTIONAL], ids=",".join
)
def test_fields_whose_columns_a_file_lacks_keep_their_values(missing: list[str], catalog: Catalog) -> None:
    catalog.merge("products", [_staged(0), _staged(0, asin="B000000002")])
    before, untouched = catalog.products()
    catalog.forget_tags()
    rows = [
        _staged(1, *missing, title="Changed"),
        _staged(0, *missing, asin="B000000002"),
        _staged(1, *missing, asin="B000000003"),
    ]
    result = catalog.merge("products", rows, csv_columns=lacking(*missing))
    assert counts_of(result) == (3, 1, 1, 1, 0, 0)
    changed, unchanged, new = catalog.products()
    catalog.merge("products", [_staged(1, asin="B000000004")])
    complete = catalog.products()[-1]
    assert unchanged == untouched
    assert changed.title == "Changed"
    for field in OPTIONAL_FIELDS:
        known, written = before._mapping[field.column], complete._mapping[field.column]
        assert known != written
        assert known != field.default
        assert changed._mapping[field.column] == (known if field.csv in missing else written)
        assert new._mapping[field.column] == (field.default if field.csv in missing else written)
    if catalog.is_sqlite:
        with catalog.driver() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("field", [field for field in OPTIONAL_FIELDS if field.nullable], ids=lambda field: field.csv)
def test_a_nullable_field_is_cleared_only_if_the_file_has_its_column(field: Declared, catalog: Catalog) -> None:
    catalog.merge("products", [_staged(0)])
    emptied = _staged(0, field.csv)
    assert counts_of(catalog.merge("products", [emptied], csv_columns=lacking(field.csv))) == (1, 0, 0, 1, 0, 0)
    assert counts_of(catalog.merge("products", [emptied])) == (1, 0, 1, 0, 0, 0)
    assert catalog.products()[0]._mapping[field.column] is None


def test_an_empty_field_of_a_column_that_the_file_has_is_judged_as_usual(catalog: Catalog) -> None:
    catalog.merge("products", [_staged(0)])
    rows = [
        _staged(0, "reviews", price=None),
        _staged(0, "reviews", asin="B000000002", isBestSeller=None),
        _staged(0, "reviews", asin="B000000003", price="free"),
        _staged(0, "reviews", asin="B000000004"),
    ]
    result = catalog.merge("products", rows, csv_columns=lacking("reviews"))
    assert counts_of(result) == (4, 1, 1, 0, 0, 2)
    rejects = catalog.rejects(result["import_id"])
    assert [(row_no, reason) for row_no, reason, _ in rejects] == [
        (2, "isBestSeller: empty"),
        (3, 'price: not a number: "free"'),
    ]
    rejected = [json.loads(fields) for _, _, fields in rejects]
    assert [dict(zip(PRODUCT_FIELDS, fields, strict=True))["reviews"] for fields in rejected] == ["", ""]
    known, new = catalog.products()
    assert (known.price, known.reviews, new.reviews) == (None, 3, 0)


def test_a_later_row_wins_in_a_file_that_lacks_columns(catalog: Catalog) -> None:
    rows = [_staged(0, "reviews", "price", title="first"), _staged(0, "reviews", "price", title="last")]
    result = catalog.merge("products", rows, csv_columns=lacking("reviews", "price"))
    assert counts_of(result) == (2, 1, 0, 0, 1, 0)
    assert [(row.title, row.reviews, row.price) for row in catalog.products()] == [("last", 0, None)]


def test_every_fault_of_every_rule_is_among_the_bad_values() -> None:
    products = {field.csv: field for field in declared(NewProduct)}
    tried = {
        (type(products[name].rule), fault.test)
        for name, _, reason in BAD_PRODUCT_VALUES
        for fault in faults(products[name])
        if reason.startswith(fault.sentence)
    }
    assert {(type(field.rule), fault.test) for field in products.values() for fault in faults(field)} == tried
