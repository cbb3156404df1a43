"""Every trigger of the app. No logic: each hands its work to `shared/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func
from azurefunctions.extensions.bindings import blob

from shared.azure.functions_bridge import FunctionsBridge
from shared.operations import OPERATIONS
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry.start import start_telemetry

if TYPE_CHECKING:
    from starlette.types import ASGIApp

settings = load_settings()
start_telemetry(settings)
services = Services(settings)


def load_api() -> ASGIApp:
    """Loads the HTTP framework, which a timer or a blob doesn't need."""
    from shared.api import create_app

    return create_app(services)


bridge = FunctionsBridge(load_api)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def serve(name: str, route: str, methods: list[str] | None) -> None:
    """Registers an HTTP-triggered function that hands its requests to the API."""
    app.function_name(name)(app.route(route, methods=methods)(bridge.handle))


for operation in OPERATIONS:
    serve(operation.name, operation.path.removeprefix("/"), operation.methods)
serve("docs", "docs/{*path}", ["GET", "HEAD"])
# The host tries routes in the order of the functions' names: this one last (azure-functions-host #9876).
serve("zz_fallback", "{*path}", None)  # every method


@app.blob_trigger("upload", "imports/{name}", "IMPORT_STORAGE", source=func.BlobSource(settings.blob_trigger_source))
async def start_import(upload: blob.BlobClient) -> None:
    """A blob has landed: only a reference to it crosses from the host."""
    await services.imports.receive(upload)


@app.queue_trigger("message", "webjobs-blobtrigger-poison", "IMPORT_STORAGE")
async def record_poison(message: func.QueueMessage) -> None:
    """The host gave up on a blob event."""
    await services.imports.record_poison(message.get_body().decode())


@app.timer_trigger("timer", "%RECONCILE_SCHEDULE%")
async def reconcile_imports(timer: func.TimerRequest) -> None:  # noqa: ARG001  # the binding's
    """Brings unfinished imports on."""
    await services.reconciliation.run()


@app.timer_trigger("timer", "%DRAIN_SCHEDULE%")
async def drain_invalidations(timer: func.TimerRequest) -> None:  # noqa: ARG001  # the binding's
    """Tells Redis what it wasn't told of."""
    await services.outbox.drain()
