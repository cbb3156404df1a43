"""The triggers of the function app. Each calls `shared/`, which has the logic."""

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
    """Imports the HTTP framework, which timers and blobs don't need."""
    from shared.api import create_app

    return create_app(services)


bridge = FunctionsBridge(load_api)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def serve(name: str, route: str, methods: list[str] | None) -> None:
    """Registers an HTTP-triggered function that is served by the API."""
    app.function_name(name)(app.route(route, methods=methods)(bridge.handle))


for operation in OPERATIONS:
    serve(operation.name, operation.path.removeprefix("/"), operation.methods)
serve("docs", "docs/{*path}", ["GET", "HEAD"])
# The host tries routes in the order of the functions' names, so this one is last (azure-functions-host #9876).
serve("zz_fallback", "{*path}", None)  # every method


@app.blob_trigger("upload", "imports/{name}", "IMPORT_STORAGE", source=func.BlobSource(settings.blob_trigger_source))
async def start_import(upload: blob.BlobClient) -> None:
    """Starts the import of a new blob. The host passes only a reference to the blob."""
    await services.imports.receive(upload)


@app.queue_trigger("message", "webjobs-blobtrigger-poison", "IMPORT_STORAGE")
async def record_poison(message: func.QueueMessage) -> None:
    """Records a blob event that the host has given up."""
    await services.imports.record_poison(message.get_body().decode())


@app.timer_trigger("timer", "%RECONCILE_SCHEDULE%")
async def reconcile_imports(timer: func.TimerRequest) -> None:  # noqa: ARG001  # required by the binding
    """Continues unfinished imports."""
    await services.reconciliation.run()


@app.timer_trigger("timer", "%DRAIN_SCHEDULE%")
async def drain_invalidations(timer: func.TimerRequest) -> None:  # noqa: ARG001  # required by the binding
    """Sends pending invalidations to Redis."""
    await services.outbox.drain()
