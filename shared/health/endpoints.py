"""Health checks: whether the process runs, and whether SQL and Redis answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared.http.dependencies import provided
from shared.http.openapi import problems
from shared.http.problems import UnavailableError
from shared.http.strict_route import StrictRoute

if TYPE_CHECKING:
    from shared.cache.outbox import Outbox
    from shared.cache.store import CacheStore
    from shared.settings import Settings

router = APIRouter(route_class=StrictRoute, tags=["health"])

Cache = Annotated["CacheStore", provided("cache")]
OutboxPart = Annotated["Outbox", provided("outbox")]
SettingsPart = Annotated["Settings", provided("settings")]

type Part = Literal["up", "down"]


class Live(BaseModel):
    """The process runs."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Which parts answer; `degraded` means that reads and writes work, without the cache."""

    status: Literal["ready", "degraded", "unready"]
    parts: dict[str, Part] = Field(examples=[{"sql": "up", "redis": "up"}])
    outbox_length: int | None = Field(description="Invalidations that wait for Redis; null where SQL is down.")
    outbox_oldest_seconds: float | None = Field(description="Age of the oldest of them.")


@router.get("/health/live", summary="Whether the process lives", responses=problems(422))
async def health_live() -> Live:
    """Checks no other part: App Service restarts an instance that doesn't answer here."""
    return Live()


@router.get(
    "/health/ready",
    summary="Whether the parts answer",
    responses=problems(422) | {503: {"model": Ready, "description": "SQL is down."}},
    response_model=Ready,
)
async def health_ready(cache: Cache, outbox: OutboxPart, settings: SettingsPart) -> Response:
    """Redis down alone is `degraded` with 200; SQL down is `unready` with 503."""
    redis_up, state = await asyncio.gather(cache.is_up(), _state(outbox, settings.database_statement_seconds))
    parts: dict[str, Part] = {"sql": "up" if state else "down", "redis": "up" if redis_up else "down"}
    ready = Ready(
        status=("ready" if redis_up else "degraded") if state else "unready",
        parts=parts,
        outbox_length=state[0] if state else None,
        outbox_oldest_seconds=state[1] if state else None,
    )
    return Response(ready.model_dump_json(), status_code=200 if state else 503, media_type="application/json")


async def _state(outbox: Outbox, seconds: float) -> tuple[int, float] | None:
    # While the database moves or wakes up, a request retries for a minute. A health check needs its answer now.
    try:
        async with asyncio.timeout(seconds):
            state = await outbox.state()
    except (UnavailableError, TimeoutError):
        return None
    return state.length, round(state.oldest_seconds, 3)
