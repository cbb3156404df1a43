"""Whether the process lives, and whether its parts answer."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared.dependencies import ServicesDep
from shared.errors import UnavailableError
from shared.openapi import problems
from shared.strict_route import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["health"])

type Part = Literal["up", "down"]


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """What answers; `degraded` means that reads and writes go on, without the cache."""

    status: Literal["ready", "degraded", "unready"]
    parts: dict[str, Part] = Field(examples=[{"sql": "up", "redis": "up"}])
    outbox_length: int | None = Field(description="Invalidations that wait for Redis; null where SQL is down.")
    outbox_oldest_seconds: float | None = Field(description="Age of the oldest of them.")


@router.get("/health/live", summary="Whether the process lives", responses=problems(422))
async def health_live() -> Live:
    """Asks no part: App Service's health check restarts what doesn't answer here."""
    return Live()


@router.get(
    "/health/ready",
    summary="Whether the parts answer",
    responses=problems(422) | {503: {"model": Ready, "description": "SQL is down."}},
    response_model=Ready,
)
async def health_ready(services: ServicesDep) -> Response:
    """Redis down alone is `degraded` with 200; SQL down is `unready` with 503."""
    redis_up, outbox = await asyncio.gather(services.cache.is_up(), _outbox(services))
    parts: dict[str, Part] = {"sql": "up" if outbox else "down", "redis": "up" if redis_up else "down"}
    ready = Ready(
        status=("ready" if redis_up else "degraded") if outbox else "unready",
        parts=parts,
        outbox_length=outbox[0] if outbox else None,
        outbox_oldest_seconds=outbox[1] if outbox else None,
    )
    return Response(ready.model_dump_json(), status_code=200 if outbox else 503, media_type="application/json")


async def _outbox(services: ServicesDep) -> tuple[int, float] | None:
    # While the database moves or wakes up a request goes on trying: who asks here wants to know by now.
    try:
        async with asyncio.timeout(services.settings.database_statement_seconds):
            state = await services.invalidations.state()
    except (UnavailableError, TimeoutError):
        return None
    return state.length, round(state.oldest_seconds, 3)
