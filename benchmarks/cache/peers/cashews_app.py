"""The list of products behind cashews (https://github.com/Krukov/cashews): its decorator, and deletion by pattern."""

from __future__ import annotations

import os
from typing import Any

from cashews import cache
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.cache.peers.products import Products


class NewProduct(BaseModel):
    """The body of an insert."""

    asin: str
    title: str
    category_id: int


def create() -> FastAPI:
    """The application."""
    app = FastAPI()
    products = Products()
    cache.setup(os.environ["REDIS_URL"])

    @app.get("/api/products")
    @cache(ttl="10m", key="products:{category_id}:{min_price}:{sort}:{limit}")
    async def list_products(
        category_id: int, min_price: float = 0, sort: str = "asin", limit: int = 20
    ) -> dict[str, Any]:
        return {"items": await products.page(category_id, min_price, limit, newest_first=sort == "-asin")}

    @app.post("/api/products", status_code=201)
    async def insert_product(new: NewProduct) -> NewProduct:
        await products.insert(new.asin, new.title, new.category_id)
        await cache.delete_match(f"products:{new.category_id}:*")
        return new

    @app.get("/queries")
    async def queries() -> int:
        return products.queries

    return app
