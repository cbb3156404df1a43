"""The catalog's rules: what a write requires and changes, and which cache tags it makes stale."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from shared.cache.outbox import Outbox
from shared.cache.page import etag_of
from shared.catalog import rendering, repository, tags
from shared.catalog.paging import order_of
from shared.catalog.schemas import CategoryPatch, NewCategory, NewProduct, ProductPatch, ProductQuery
from shared.catalog.title_search import TitleIndex
from shared.database.database import Database
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.problems import (
    ConflictError,
    FieldError,
    NotFoundError,
    NotSupportedError,
    PreconditionFailedError,
    ValidationFailedError,
)


class CatalogService:
    """Products and categories. Replies are JSON as bytes, ready to be sent and cached."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._store = database.catalog
        self._outbox = outbox
        self._title_index = TitleIndex(database.catalog)

    @property
    def caches_words(self) -> bool:
        """Whether pages with `q` may be cached: not where the text index lags behind the commit."""
        return self._store.engine.dialect.name == "sqlite"

    async def list_products(self, query: ProductQuery) -> bytes:
        """A page of products. Raises BadRequestError for another list's cursor, NotSupportedError for q."""
        order = order_of(query.sort)
        after = order.decode(decode_cursor(query.cursor, query.filters)) if query.cursor is not None else None
        if query.q and not await self._title_index.exists():
            raise NotSupportedError("q: this deployment's database has no text index.")

        def read(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], int | None]:
            rows = repository.read_products(connection, query, after, query.limit + 1)
            total = repository.count_products(connection, query) if query.include_total else None
            return rows, total

        rows, total = await self._store.read(read)
        page = rows[: query.limit]
        next_cursor = encode_cursor(order.encode(page[-1]), query.filters) if len(rows) > query.limit else None
        return rendering.product_page(page, next_cursor, total)

    async def get_product(self, asin: str) -> bytes:
        """One product. Raises NotFoundError."""
        return rendering.product(await self._store.read(lambda connection: _existing(connection, asin)))

    async def list_categories(self) -> bytes:
        """All categories."""
        return rendering.category_list(await self._store.read(repository.read_categories))

    async def insert_product(self, new: NewProduct) -> bytes:
        """Inserts one product and returns it. Raises ConflictError, ValidationFailedError (category_id)."""

        def insert(connection: sa.Connection, stale: set[str]) -> bytes:
            stale |= _insert(connection, [new], lambda _index: ["body"])
            return rendering.product(_existing(connection, new.asin))

        return await self._outbox.write(insert)

    async def insert_products(self, new: Sequence[NewProduct]) -> int:
        """Inserts all or none. Raises ConflictError, ValidationFailedError (an asin twice, category_id)."""
        _each_asin_once(new)

        def insert(connection: sa.Connection, stale: set[str]) -> int:
            stale |= _insert(connection, new, lambda index: ["body", "items", index])
            return len(new)

        return await self._outbox.write(insert)

    async def update_product(self, asin: str, patch: ProductPatch, if_match: Sequence[str]) -> bytes:
        """Changes the given fields and returns the product. Raises NotFoundError, PreconditionFailedError."""

        def update(connection: sa.Connection, stale: set[str]) -> bytes:
            before = _existing(connection, asin)
            _check_version(before, if_match)
            given = patch.model_dump(include=patch.model_fields_set)
            changes = {name: value for name, value in given.items() if getattr(before, name) != value}
            if not changes:
                return rendering.product(before)
            stale |= {tags.CATALOG, tags.product(asin), tags.category(before.category_id)}
            if "category_id" in changes:
                category_id = changes["category_id"]
                _check_categories(connection, [category_id], lambda _index: ["body"])
                repository.add_to_product_counts(connection, {before.category_id: -1, category_id: 1})
                stale |= {tags.category(category_id), tags.CATEGORIES}
            repository.update_product(connection, before, changes, dt.datetime.now(dt.UTC))
            return rendering.product(_existing(connection, asin))

        return await self._outbox.write(update)

    async def delete_product(self, asin: str, if_match: Sequence[str]) -> None:
        """Deletes one product. Raises NotFoundError, PreconditionFailedError."""

        def delete(connection: sa.Connection, stale: set[str]) -> None:
            before = _existing(connection, asin)
            _check_version(before, if_match)
            repository.add_to_product_counts(connection, {before.category_id: -1})
            repository.delete_product(connection, before)
            stale |= _stale([(asin, before.category_id)])

        await self._outbox.write(delete)

    async def insert_category(self, new: NewCategory) -> bytes:
        """Inserts one category and returns it. Raises ConflictError."""

        def insert(connection: sa.Connection, stale: set[str]) -> bytes:
            if repository.known_categories(connection, [new.id]):
                raise ConflictError(f"There is a category {new.id} already; nothing was changed.")
            repository.insert_category(connection, new)
            stale |= {tags.CATEGORIES}
            return rendering.category(_existing_category(connection, new.id))

        return await self._outbox.write(insert)

    async def update_category(self, category_id: int, patch: CategoryPatch) -> bytes:
        """Renames a category and returns it. Raises NotFoundError."""

        def update(connection: sa.Connection, stale: set[str]) -> bytes:
            before = _existing_category(connection, category_id)
            if "name" not in patch.model_fields_set or patch.name == before.name:
                return rendering.category(before)
            repository.rename_category(connection, category_id, patch.name)
            stale |= {tags.CATEGORIES}
            return rendering.category(_existing_category(connection, category_id))

        return await self._outbox.write(update)


def _insert(connection: sa.Connection, new: Sequence[NewProduct], loc: Callable[[int], list[str | int]]) -> set[str]:
    """Inserts the products; returns the tags that this makes stale."""
    known = repository.known_asins(connection, (item.asin for item in new))
    if known:
        raise ConflictError(f"There are products with these asins already: {_some(known)}; nothing was changed.")
    _check_categories(connection, [item.category_id for item in new], loc)
    # Categories before products, as in every write: two writes rarely wait for each other then.
    repository.add_to_product_counts(connection, Counter(item.category_id for item in new))
    repository.insert_products(connection, new, dt.datetime.now(dt.UTC))
    return _stale([(item.asin, item.category_id) for item in new])


def _stale(inserted_or_deleted: Sequence[tuple[str, int]]) -> set[str]:
    """The tags that inserted or deleted products make stale, by asin and category."""
    stale = {tags.CATALOG, tags.CATEGORIES}
    for asin, category_id in inserted_or_deleted:
        stale |= {tags.product(asin), tags.category(category_id)}
    return stale


def _existing(connection: sa.Connection, asin: str) -> sa.Row[Any]:
    row = repository.read_product(connection, asin)
    if row is None:
        raise NotFoundError(f"There is no product with the asin {asin}.")
    return row


def _existing_category(connection: sa.Connection, category_id: int) -> sa.Row[Any]:
    row = repository.read_category(connection, category_id)
    if row is None:
        raise NotFoundError(f"There is no category {category_id}.")
    return row


def _check_version(row: sa.Row[Any], if_match: Sequence[str]) -> None:
    """If-Match against the product's ETag, by strong comparison (RFC 9110, 13.1.1)."""
    if not if_match:
        return
    tags = [tag.strip() for header in if_match for tag in header.split(",")]
    if "*" not in tags and etag_of(rendering.product(row)).decode() not in tags:
        raise PreconditionFailedError("If-Match: expected the ETag of the product as it is now; it has changed since.")


def _check_categories(
    connection: sa.Connection, category_ids: Sequence[int], loc: Callable[[int], list[str | int]]
) -> None:
    known = repository.known_categories(connection, set(category_ids))
    errors: list[FieldError] = [
        {"loc": [*loc(index), "category_id"], "msg": f"expected the id of a category, got {category_id}"}
        for index, category_id in enumerate(category_ids)
        if category_id not in known
    ]
    if errors:
        raise ValidationFailedError(*errors)


def _each_asin_once(new: Sequence[NewProduct]) -> None:
    first: dict[str, int] = {}
    errors: list[FieldError] = []
    for index, item in enumerate(new):
        if first.setdefault(item.asin, index) != index:
            msg = f"expected each asin once in a batch, got {item.asin} at {first[item.asin]} already"
            errors.append({"loc": ["body", "items", index, "asin"], "msg": msg})
    if errors:
        raise ValidationFailedError(*errors)


def _some(asins: set[str]) -> str:
    shown = sorted(asins)[:10]
    return ", ".join(shown) + (f" and {len(asins) - len(shown)} more" if len(asins) > len(shown) else "")
