"""An instance of the application for uvicorn."""

from __future__ import annotations

from starlette.types import ASGIApp

from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry.start import start_telemetry


def create() -> ASGIApp:
    """The whole API, with the settings of the environment."""
    settings = load_settings()
    start_telemetry(settings)
    return create_app(Services(settings))
