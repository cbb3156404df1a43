"""A page that Redis would serve more slowly than SQL is not cached."""

from __future__ import annotations

from pathlib import Path

import redis
import sqlalchemy as sa

from shared.cache.page import MAX_PAGE_BYTES
from shared.catalog.tables import categories
from shared.services import Services
from testkit.serving import catalog_settings, served_catalog

_NAME = "\N{PILE OF POO}" * 200  # 4 bytes each


def test_a_page_beyond_1_mib_is_not_stored_and_one_below_it_is(tmp_path: Path, valkey: str) -> None:
    services = Services(catalog_settings(tmp_path, valkey))
    with served_catalog(services) as api, redis.Redis.from_url(valkey) as client:

        def read_twice(count: int) -> tuple[list[str], int, list[bytes]]:
            with services.database.catalog.engine.begin() as connection:
                connection.execute(sa.delete(categories))
                rows = [{"category_id": number, "name": _NAME, "product_count": 0} for number in range(1, count + 1)]
                connection.execute(sa.insert(categories), rows)
            client.flushall()
            replies = [api.get("/api/categories") for _ in range(2)]
            assert [reply.status_code for reply in replies] == [200, 200]
            outcomes = [reply.headers["X-Cache"] for reply in replies]
            return outcomes, len(replies[0].content), client.keys("catalog:p:*")

        outcomes, size, stored = read_twice(1_100)
        assert size < MAX_PAGE_BYTES
        assert outcomes == ["MISS", "HIT"]
        assert len(stored) == 1

        outcomes, size, stored = read_twice(1_300)
        assert size > MAX_PAGE_BYTES
        assert outcomes == ["MISS", "MISS"]
        assert stored == []
