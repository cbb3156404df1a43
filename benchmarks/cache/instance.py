"""An instance of the application for uvicorn."""

from __future__ import annotations

from starlette.types import ASGIApp

from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings


def create() -> ASGIApp:
    """The whole API, with the settings of the environment."""
    return create_app(Services(load_settings()))
