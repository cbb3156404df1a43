"""The same query and the same JSON in plain FastAPI, without a cache and without the application's middleware."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Response

from shared.catalog.schemas import ProductQuery
from shared.services import Services
from shared.settings import load_settings


def create() -> FastAPI:
    """The application: one operation."""
    app = FastAPI()
    catalog = Services(load_settings()).catalog

    @app.get("/api/products")
    async def list_products(query: Annotated[ProductQuery, Query()]) -> Response:
        return Response(await catalog.list_products(query), media_type="application/json")

    return app
