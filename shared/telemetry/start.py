"""Starts telemetry; without Application Insights nothing of OpenTelemetry is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.telemetry import logs

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from shared.settings import Settings
    from shared.telemetry.azure_monitor import Telemetry

_running: Telemetry | None = None


def start_telemetry(settings: Settings) -> None:
    """Starts the telemetry of the process. Call it once, before the application does anything."""
    global _running  # noqa: PLW0603  # one per process, like OpenTelemetry's own providers
    if not settings.is_local:
        logs.write_json()
    if settings.applicationinsights_connection_string and _running is None:
        from shared.telemetry.azure_monitor import Telemetry

        _running = Telemetry(
            settings.applicationinsights_connection_string.get_secret_value(), settings.telemetry_sampling_ratio
        )


def instrumented(app: ASGIApp) -> ASGIApp:
    """The application with telemetry of its requests; unchanged if telemetry is off."""
    return _running.instrumented(app) if _running else app
