"""The documentation page: Swagger UI with local assets, so it works without the internet."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse, Response

from shared.http.problems import NotFoundError
from shared.http.validation import json_value

router = APIRouter(include_in_schema=False)

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}


@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """The documentation page."""
    return get_swagger_ui_html(
        openapi_url=str(request.app.openapi_url),
        title=request.app.title,
        swagger_js_url="/api/docs/swagger-ui-bundle.js",
        swagger_css_url="/api/docs/swagger-ui.css",
        swagger_favicon_url="/api/docs/favicon.png",
        swagger_ui_parameters={"tryItOutEnabled": True, "persistAuthorization": True, "displayRequestDuration": True},
    )


@router.get("/docs/openapi.json")
async def docs_openapi(request: Request) -> Response:
    """The OpenAPI document, as at /api/openapi.json."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


@router.get("/docs/{asset}")
async def docs_asset(asset: str) -> Response:
    """One of the page's files."""
    if asset not in _MEDIA_TYPES:
        raise NotFoundError(f"The documentation: expected one of {', '.join(_MEDIA_TYPES)}, got {json_value(asset)}.")
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(_asset(asset), media_type=_MEDIA_TYPES[asset], headers=headers)


@functools.cache
def _asset(name: str) -> bytes:
    return (importlib.resources.files("fastapi_offline") / "static" / name).read_bytes()
