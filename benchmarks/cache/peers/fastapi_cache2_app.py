"""The list of products behind fastapi-cache2 (https://github.com/long2ice/fastapi-cache): decorator and `clear`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi_cache import FastAPICache
from fastapi_cache.backends.redis import RedisBackend
from fastapi_cache.decorator import cache
from pydantic import BaseModel
from redis import asyncio as aioredis

from benchmarks.cache.peers.products import Products


class NewProduct(BaseModel):
    """The body of an insert."""

    asin: str
    title: str
    category_id: int


@contextlib.asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    FastAPICache.init(RedisBackend(aioredis.from_url(os.environ["REDIS_URL"])), prefix="fastapi-cache")
    yield


def create() -> FastAPI:
    """The application."""
    app = FastAPI(lifespan=_lifespan)
    products = Products()

    @app.get("/api/products")
    @cache(expire=600, namespace="products")
    async def list_products(
        category_id: int, min_price: float = 0, sort: str = "asin", limit: int = 20
    ) -> dict[str, Any]:
        return {"items": await products.page(category_id, min_price, limit, newest_first=sort == "-asin")}

    @app.post("/api/products", status_code=201)
    async def insert_product(new: NewProduct) -> NewProduct:
        await products.insert(new.asin, new.title, new.category_id)
        await FastAPICache.clear(namespace="products")
        return new

    @app.get("/queries")
    async def queries() -> int:
        return products.queries

    return app
