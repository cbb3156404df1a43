"""An instance of the API for uvicorn, as a process of its own: `uvicorn --factory tests.cache.instance:create`."""

from __future__ import annotations

from starlette.types import ASGIApp

from shared.api import create_framework, in_front_of
from shared.services import Services
from shared.settings import load_settings
from tests.guarding import let_everybody_in


def create() -> ASGIApp:
    """The API with the settings of the environment; everybody may write."""
    services = Services(load_settings())
    framework = create_framework(services)
    let_everybody_in(framework)
    return in_front_of(framework, services)
