"""Products and categories over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request
from starlette.responses import Response

from shared.cache.keys import View
from shared.catalog import tags
from shared.catalog.fields import ASIN_PATTERN
from shared.catalog.schemas import (
    Category,
    CategoryList,
    CategoryPatch,
    Inserted,
    NewCategory,
    NewProduct,
    NewProducts,
    Product,
    ProductPage,
    ProductPatch,
    ProductQuery,
)
from shared.http.dependencies import provided
from shared.http.fields import MAX_INTEGER
from shared.http.openapi import READ_PROBLEMS, WRITE_PROBLEMS, problems
from shared.http.strict_route import StrictRoute
from shared.identity.authorization import Admin, Editor

if TYPE_CHECKING:
    from shared.cache.views import CachedViews
    from shared.catalog.service import CatalogService

router = APIRouter(route_class=StrictRoute, tags=["catalog"])

Catalog = Annotated["CatalogService", provided("catalog")]
Views = Annotated["CachedViews", provided("views")]

JSON = "application/json"

AsinPath = Annotated[str, Path(pattern=ASIN_PATTERN, description="10 of A-Z and 0-9.", examples=["B014TMV5YE"])]
CategoryPath = Annotated[int, Path(ge=1, le=MAX_INTEGER, examples=[104])]
IfMatch = Annotated[
    list[str] | None, Header(description="get_product's ETag: 412 where the product has changed since.")
]
CACHED: dict[int | str, dict[str, Any]] = {304: {"description": "Not Modified: If-None-Match names the current ETag."}}


@router.get(
    "/products",
    summary="A page of products",
    response_model=ProductPage,
    responses=CACHED | READ_PROBLEMS | problems(400, 501),
)
async def list_products(
    request: Request, query: Annotated[ProductQuery, Query()], views: Views, catalog: Catalog
) -> Response:
    """Filtered, sorted, with keyset paging: any page costs what the first one costs.

    A walk shows a row that nobody changes exactly once, whatever is inserted meanwhile.
    """

    async def read() -> bytes:
        return await catalog.list_products(query)

    if query.q and not catalog.caches_words:
        return await views.bypass(request, read)
    return await views.reply(request, View.of(tags.listing(query.category_id), query.shows), read)


@router.get(
    "/products/{asin}", summary="One product", response_model=Product, responses=CACHED | READ_PROBLEMS | problems(404)
)
async def get_product(request: Request, asin: AsinPath, views: Views, catalog: Catalog) -> Response:
    """Its ETag serves as If-Match of update_product and delete_product."""
    return await views.reply(request, View.of(tags.product(asin), f"product {asin}"), lambda: catalog.get_product(asin))


@router.post("/products", status_code=201, summary="Insert a product", response_model=Product, responses=WRITE_PROBLEMS)
async def insert_product(_editor: Editor, new: Annotated[NewProduct, Body()], catalog: Catalog) -> Response:
    """The next read of every list that could show it does."""
    body = await catalog.insert_product(new)
    return Response(body, 201, {"Location": f"/api/products/{new.asin}"}, JSON)


@router.post(
    "/products/batch",
    status_code=201,
    summary="Insert up to 1,000 products, all or none",
    responses=WRITE_PROBLEMS,
)
async def insert_products(_editor: Editor, new: Annotated[NewProducts, Body()], catalog: Catalog) -> Inserted:
    """An asin that exists or is in the batch twice, or an unknown category, refuses the whole batch."""
    return Inserted(inserted=await catalog.insert_products(new.items))


@router.patch(
    "/products/{asin}",
    summary="Change a product",
    response_model=Product,
    responses=WRITE_PROBLEMS | problems(404, 412),
)
async def update_product(
    _editor: Editor,
    asin: AsinPath,
    patch: Annotated[ProductPatch, Body()],
    catalog: Catalog,
    if_match: IfMatch = None,
) -> Response:
    """Only the given fields change; null clears one that may be null."""
    return Response(await catalog.update_product(asin, patch, if_match or []), media_type=JSON)


@router.delete(
    "/products/{asin}",
    status_code=204,
    summary="Delete a product",
    responses=problems(401, 403, 404, 412, 422, 503),
)
async def delete_product(_editor: Editor, asin: AsinPath, catalog: Catalog, if_match: IfMatch = None) -> Response:
    """An import that has the product brings it back."""
    await catalog.delete_product(asin, if_match or [])
    return Response(status_code=204)


@router.get("/categories", summary="All categories", response_model=CategoryList, responses=CACHED | READ_PROBLEMS)
async def list_categories(request: Request, views: Views, catalog: Catalog) -> Response:
    """By id, each with its number of products."""
    return await views.reply(request, View.of(tags.CATEGORIES, "categories"), catalog.list_categories)


@router.post(
    "/categories", status_code=201, summary="Insert a category", response_model=Category, responses=WRITE_PROBLEMS
)
async def insert_category(_admin: Admin, new: Annotated[NewCategory, Body()], catalog: Catalog) -> Response:
    """Its Location is the list of its products."""
    body = await catalog.insert_category(new)
    return Response(body, 201, {"Location": f"/api/products?category_id={new.id}"}, JSON)


@router.patch(
    "/categories/{category_id}",
    summary="Rename a category",
    response_model=Category,
    responses=WRITE_PROBLEMS | problems(404),
)
async def update_category(
    _admin: Admin, category_id: CategoryPath, patch: Annotated[CategoryPatch, Body()], catalog: Catalog
) -> Response:
    """Its id stays."""
    return Response(await catalog.update_category(category_id, patch), media_type=JSON)
