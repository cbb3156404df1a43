"""Calls of all functions of the repositories, and the statements that each sends to Azure SQL."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from shared.cache.outbox import Outbox, RecordedTags
from shared.catalog import repository as catalog
from shared.catalog.schemas import FILTERS, SORTS, NewCategory, NewProduct, ProductQuery
from shared.catalog.tables import products
from shared.database.keyset import Position
from shared.database.mssql.engines import create_engine
from shared.database.tables import cache_invalidations
from shared.database.types import Hundredths
from shared.identity.service import lock_admin_roles
from shared.imports import repository as imports
from shared.imports.records import NewRecord, Outcome, Record
from shared.imports.tables import import_outcomes
from tests.database.recording_driver import RecordingDriver, Told

type Call = Callable[[sa.Connection], object]

NOW = dt.datetime(2026, 11, 24, 8, 20, 32, tzinfo=dt.UTC)
_DRIVER = RecordingDriver()
_OUTBOX = Outbox(None, cache_invalidations, None)  # type: ignore[arg-type] # needs neither to write to the outbox


@dataclass(frozen=True)
class Values:
    """The values that a client sends. Each may be hostile."""

    asin: str = "B014TMV5YE"
    text: str = "A blue suitcase"
    words: str = "blue suitcase"
    id: str = "6a1f0a52-0f8c-5d3c-9b0e-0a3f5a6f9d11"
    url: str = "https://example.org/a.jpg"


def statements(call: Call) -> Sequence[Told]:
    """The statements that a call sends."""
    with _engine().begin() as connection:
        _DRIVER.told.clear()
        call(connection)
        return list(_DRIVER.told)


@functools.cache
def _engine() -> sa.Engine:
    return create_engine(sa.make_url("mssql+pyodbc://sa:x@127.0.0.1/catalog"), module=_DRIVER)


def calls(values: Values) -> Mapping[str, Mapping[str, Call]]:
    """The calls of each repository, by golden file and name."""
    return {
        "products": _products(values),
        "paging": _paging(values),
        "categories": _categories(values),
        "outbox": _outbox(),
        "imports": _imports(values),
        "identity": {"lock_admin_roles": lock_admin_roles},
    }


def _products(values: Values) -> dict[str, Call]:
    # Hostile values are set behind the schemas, which would refuse some.
    other = NewProduct(asin="B000000002", title="x", category_id=1, price=Decimal("9.99"))
    product = other.model_copy(update={"asin": values.asin, "title": values.text, "image_url": values.url})
    seen: Any = SimpleNamespace(asin=values.asin, updated_at=NOW)
    filtered = ProductQuery(
        q=values.words,
        category_id=104,
        best_seller=True,
        min_price=Decimal("9.99"),
        max_price=Decimal(50),
        min_stars=Decimal("4.5"),
    )
    texts = [name for name, each in FILTERS.items() if isinstance(products.c[each.column].type, sa.String)]
    filtered = filtered.model_copy(update=dict.fromkeys(texts, values.text))
    return {
        "read_product": lambda c: catalog.read_product(c, values.asin),
        "known_asins": lambda c: catalog.known_asins(c, [values.asin, "B000000002"]),
        "insert_products, one": lambda c: catalog.insert_products(c, [product], NOW),
        "insert_products, a batch": lambda c: catalog.insert_products(c, [product, other], NOW),
        "update_product": lambda c: catalog.update_product(
            c, seen, {"title": values.text, "price": None, "stars": Decimal("4.5"), "category_id": 2}, NOW
        ),
        "delete_product": lambda c: catalog.delete_product(c, seen),
        "count_products, all": lambda c: catalog.count_products(c, ProductQuery()),
        "count_products, a category": lambda c: catalog.count_products(c, ProductQuery(category_id=104)),
        "count_products, filtered": lambda c: catalog.count_products(c, filtered),
        "read_products, filtered": lambda c: catalog.read_products(c, filtered, None, 21),
    }


def _paging(values: Values) -> dict[str, Call]:
    """Three pages of each sort, with and without a category: the first, one in the middle, one among the nulls."""
    found: dict[str, Call] = {}
    for category in (None, 104):
        for sort in SORTS:
            name = sort.removeprefix("-")
            column = products.c[name]
            value: Decimal | int | None = Decimal("9.99") if isinstance(column.type, Hundredths) else 7
            value = None if name == "asin" else value
            afters = {"the first page": None, "a page in the middle": Position(value, values.asin)}
            if column.nullable:
                afters["a page among the nulls"] = Position(None, values.asin)
            for which, after in afters.items():
                where = f"{sort}, {'all' if category is None else 'a category'}, {which}"
                query = ProductQuery(sort=sort, category_id=category)
                found[where] = lambda c, query=query, after=after: catalog.read_products(c, query, after, 21)  # type: ignore[misc] # bound here
    return found


def _categories(values: Values) -> dict[str, Call]:
    return {
        "read_categories": catalog.read_categories,
        "read_category": lambda c: catalog.read_category(c, 104),
        "known_categories": lambda c: catalog.known_categories(c, [1, 2]),
        "insert_category": lambda c: catalog.insert_category(c, NewCategory.model_construct(id=104, name=values.text)),
        "rename_category": lambda c: catalog.rename_category(c, 104, values.text),
        "add_to_product_counts, one": lambda c: catalog.add_to_product_counts(c, {1: -1}),
        "add_to_product_counts, several": lambda c: catalog.add_to_product_counts(c, {2: 1, 1: -1}),
    }


def _outbox() -> dict[str, Call]:
    return {
        "record": lambda c: _OUTBOX.record(c, ["catalog", "category:104"]),
        "has_landed": lambda c: _OUTBOX.has_landed(c, RecordedTags(frozenset(), (7, 8), dt.datetime.now(dt.UTC))),
        "mark": lambda c: _OUTBOX._mark(c, (7, 8)),
        "delete": lambda c: _OUTBOX._delete(c, (7, 8)),
    }


def _imports(values: Values) -> dict[str, Call]:
    new = NewRecord(
        import_id=values.id, blob_name=values.text, etag="0x8DC", size_bytes=348_000_000, kind="products",
        csv_columns="asin,title,category_id", status="received", message=None, max_reject_share=0.5, received_at=NOW,
        finished_at=None,
    )  # fmt: skip
    seen: Any = SimpleNamespace(import_id=values.id, status="running", started_at=NOW, run_id=values.id)
    unstarted: Any = SimpleNamespace(import_id=values.id, status="received", started_at=None, run_id=None)
    outcome = Outcome(
        import_id=values.id, blob_name=values.text, sequence=7, status="failed", message=values.text, merged_at=NOW
    )
    assert Record.model_fields.keys() >= vars(seen).keys()
    return {
        "insert_record": lambda c: imports.insert_record(c, new),
        "read_record": lambda c: imports.read_record(c, values.id),
        "read_page, the first": lambda c: imports.read_page(c, None, 21),
        "read_page, a later one": lambda c: imports.read_page(c, 7, 21),
        "read_oldest": lambda c: imports.read_oldest(c, 7, 200),
        "read_unfinished": lambda c: imports.read_unfinished(c, 7, 200),
        "known_imports": lambda c: imports.known_imports(c, [values.id]),
        "finished_imports": lambda c: imports.finished_imports(c, [values.id]),
        "change_record, running": lambda c: imports.change_record(c, seen, {"progress": 0.5}),
        "change_record, not started": lambda c: imports.change_record(
            c, unstarted, {"message": values.text}, imports.NOT_CANCELLED
        ),
        "reset_record": lambda c: imports.reset_record(c, seen, {"status": "received", "message": None}),
        "request_cancel": lambda c: imports.request_cancel(c, values.id),
        "read_outcome": lambda c: imports.read_outcome(c, values.id),
        "insert_outcome": lambda c: imports._insert(
            c, sa.insert(import_outcomes).values(imports._with_nulls(outcome.model_dump()))
        ),
        "delete_outcome": lambda c: imports.delete_outcome(c, outcome),
        "insert_upload": lambda c: imports.insert_upload(c, values.text, values.id, NOW),
        "read_rejects": lambda c: imports.read_rejects(c, values.id, -1, 500),
        "delete_rejects": lambda c: imports.delete_rejects(c, [values.id]),
        "first_staged_row": lambda c: imports.first_staged_row(c, "products"),
        "is_run_awaited": lambda c: imports.is_run_awaited(c, values.id),
        "delete_staged_rows": lambda c: imports.delete_staged_rows(
            c, "products", imports.StagedRow(7, values.id), 2_000
        ),
        "imports_with_rejects": lambda c: imports.imports_with_rejects(c, [values.id]),
    }
