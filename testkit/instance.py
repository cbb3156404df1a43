"""The application for uvicorn, as a process of its own: `uvicorn --factory testkit.instance:create`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.types import ASGIApp

from local import services
from shared.api import create_app, create_framework, in_front_of
from shared.identity.authorization import signed_in
from shared.identity.roles import User
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry.start import start_telemetry

# A client leaves its connections idle while another server is measured, and a stampede connects all at once.
_OPTIONS = (
    *("--http", "httptools", "--loop", "asyncio", "--timeout-keep-alive", "600", "--backlog", "4096"),
    *("--no-access-log", "--log-level", "warning"),
)


def create() -> ASGIApp:
    """The API with the settings of the environment."""
    return create_app(services_of_environment())


def create_open() -> ASGIApp:
    """The same API, which treats every request as an administrator's."""
    return open_api(services_of_environment())


def services_of_environment() -> Services:
    """The application's services with the settings of the environment; starts telemetry."""
    settings = load_settings()
    start_telemetry(settings)
    return Services(settings)


def open_api(services: Services) -> ASGIApp:
    """The API without its guards. The tests of the guards are tests/identity."""
    framework: FastAPI = create_framework(services)
    framework.dependency_overrides[signed_in] = lambda: User("tester", "tester@example.com", "admin")
    return in_front_of(framework, services)


def uvicorn(
    app: str, environment: Mapping[str, str], *, name: str = "instance", python: str = sys.executable
) -> services.Service:
    """An ASGI application (`module:factory`) under uvicorn on a free port."""
    (port,) = services.free_ports(1)
    return services.Service(
        name=name,
        command=(python, "-m", "uvicorn", "--factory", app, "--port", str(port), *_OPTIONS),
        port=port,
        answers=lambda: services.http_status(port, "/api/health/live") is not None,
        environment={**os.environ, **environment},
    )
