"""The host: indexes the app, serves its HTTP functions, and runs the other triggers while it has the lease."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local.host import app_settings, logs
from local.host.blob_trigger import BlobTriggers
from local.host.functions import (
    BlobTrigger,
    Function,
    HttpTrigger,
    QueueTrigger,
    TimerTrigger,
    Trigger,
    read_functions,
    with_trigger,
)
from local.host.http import HttpHost
from local.host.lease import Lease
from local.host.queue_trigger import queue_listener
from local.host.routing import RouteTable
from local.host.server import Server, bind
from local.host.storage import Storage
from local.host.telemetry import TracedWorker, create_telemetry
from local.host.timers import Timer
from local.host.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from local.host.app_settings import HostSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line, which `python -m local.host --help` describes."""

    app: Path
    port: int
    lease_folder: Path
    poll_seconds: float
    stop_seconds: int
    log_requests: bool


class Listener(Protocol):
    """A trigger that starts invocations without a request."""

    def run(self, stop: asyncio.Event) -> Coroutine[None, None, None]:
        """Listens until `stop` is set, then waits until its invocations have ended."""


async def run(options: Options) -> None:
    """Runs the host until SIGTERM or SIGINT, then waits until the running invocations have ended.

    If they take longer than `stop_seconds`, the process exits with status 1.

    Raises:
        HostError: the host can't start.
    """
    stop = _stop_on_signals()
    app = options.app.resolve()
    settings = app_settings.read_host_json(app)
    app_settings.apply_local_settings(app, os.environ)
    os.chdir(app)
    logs.configure(settings.log_level, log_requests=options.log_requests)
    listening = bind(options.port)
    telemetry = create_telemetry(os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING"), settings.route_prefix)
    worker, storage = Worker(), Storage()
    functions = read_functions(await worker.index(app))
    routes = RouteTable(with_trigger(functions, HttpTrigger), settings.route_prefix)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = Server(
        HttpHost(worker, routes, app_settings.max_body_bytes(), telemetry),
        options.port,
        lambda: _print_functions(functions, url, settings.route_prefix),
        log_requests=options.log_requests,
    )
    listeners = _listeners(functions, TracedWorker(worker, telemetry), storage, settings, options)

    parts = [
        asyncio.create_task(server.run_until(stop, listening)),
        asyncio.create_task(_run_leased(listeners, Lease(options.lease_folder / "host.lock"), stop)),
    ]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((*parts, stopping), return_when=asyncio.FIRST_COMPLETED)
    stop.set()  # a part that ended before the stop has failed
    ended, late = await asyncio.wait(parts, timeout=options.stop_seconds)
    for part in ended:
        part.result()
    if late:
        log.error("Exiting with invocations that haven't ended within %d s", options.stop_seconds)
        sys.stdout.flush()
        os._exit(1)  # their threads can't be ended and would keep the process alive
    worker.stop()
    storage.close()
    telemetry.stop()


def _stop_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets. A second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def _listeners(
    functions: Sequence[Function[Trigger]],
    worker: TracedWorker,
    storage: Storage,
    settings: HostSettings,
    options: Options,
) -> list[Listener]:
    poll_seconds = options.poll_seconds
    listeners: list[Listener] = [
        queue_listener(function, worker, storage, settings.queues, poll_seconds)
        for function in with_trigger(functions, QueueTrigger)
    ]
    timers = options.lease_folder / "timers"
    listeners.extend(Timer(function, worker, timers) for function in with_trigger(functions, TimerTrigger))
    blob_functions = with_trigger(functions, BlobTrigger)
    if blob_functions:
        listeners.append(BlobTriggers(blob_functions, worker, storage, settings, poll_seconds))
    return listeners


async def _run_leased(listeners: Sequence[Listener], lease: Lease, stop: asyncio.Event) -> None:
    if not listeners:
        await stop.wait()
        return
    async with lease.held(stop) as is_held:
        if not is_held:
            return
        log.info("This process has the lease: it runs the timers and polls the queues and containers")
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(listener.run(stop))


def _print_functions(functions: Sequence[Function[Trigger]], url: str, route_prefix: str) -> None:
    """Prints the app's functions, and then that the host is ready."""
    lines = ["Functions:"]
    for function in functions:
        match function.trigger:
            case HttpTrigger(route, methods):
                path = "/".join(part for part in (url, route_prefix, route) if part)
                lines.append(f"  {function.name}: [{','.join(sorted(methods or {'all methods'}))}] {path}")
            case BlobTrigger(path):
                lines.append(f"  {function.name}: blob {path}")
            case QueueTrigger(queue_name):
                lines.append(f"  {function.name}: queue {queue_name}")
            case TimerTrigger(schedule):
                lines.append(f"  {function.name}: timer {schedule}")
    print(*lines, f"Ready: {url}", sep="\n", flush=True)
