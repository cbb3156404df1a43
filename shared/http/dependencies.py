"""FastAPI dependencies that several modules share."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request


def provided(name: str) -> Any:  # noqa: ANN401  # FastAPI's Depends has no type
    """The service with this name in `services.py`.

    An endpoint names the service's type as text (`Annotated["CatalogService", provided("catalog")]`), so loading
    the endpoints doesn't load what the service needs (SQL, Azure's SDKs).
    """

    async def find(request: Request) -> object:
        return getattr(request.app.state.services, name)

    return Depends(find)
