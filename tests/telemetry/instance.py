"""The API under uvicorn with telemetry on, whose one product can't be read: what a fault of the program posts."""

from __future__ import annotations

from typing import Never

from starlette.types import ASGIApp

from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry.start import start_telemetry


def create() -> ASGIApp:
    """The application for uvicorn."""
    settings = load_settings()
    start_telemetry(settings)
    services = Services(settings)

    async def stumble(asin: str) -> Never:
        raise RuntimeError(f"nobody expected {asin[:1]}")

    services.catalog.get_product = stumble  # type: ignore[method-assign]  # the fault
    return create_app(services)
