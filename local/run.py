"""`make run` and `make services`: runs the local cloud in the foreground until Ctrl-C.

python -m local.run --port 7071 --instances 1     all services and the app; instance i of the app listens on port+i
python -m local.run --services-only               all services, for `func start`, on the ports of local.settings.json
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from local import PROJECT, services
from local.environment import Addresses, app_environment, port_of_local_settings
from local.errors import LocalCloudError
from local.make_process import MakeProcess
from local.services import HOST, Service
from local.state import STATE, RunFile, locked
from local.supervisor import Supervisor
from local.terminal import Terminal

CONTAINERS = ("imports", "imports-work", "imports-rejects")
POISON_QUEUE = "webjobs-blobtrigger-poison"

_MIN_NODE_VERSION = 20
_MAKE_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Plan:
    """The services to start and their addresses.

    `port_option` tells the user how to choose other ports. Without `starts_app`, `func start` serves the app.
    """

    addresses: Addresses
    state: Path
    app_ports: tuple[int, ...]
    port_option: str
    starts_app: bool = True

    @property
    def storage_and_auth(self) -> list[Service]:
        """The services that depend on no other."""
        redis_port = self.addresses.own_redis_port
        return [
            services.azurite_blob(self.addresses.blob_port, self.state / "azurite" / "blob"),
            services.azurite_queue(self.addresses.queue_port, self.state / "azurite" / "queue"),
            *([services.valkey(redis_port)] if redis_port else []),
            services.auth_emulator(self.addresses.auth_port, self.state / "auth" / "users.json"),
        ]

    @property
    def factory(self) -> Service:
        """The local Data Factory."""
        environment = app_environment(self.addresses)
        return services.data_factory(self.addresses.factory_port, self.state / "datafactory", environment)

    @property
    def hosts(self) -> list[Service]:
        """The instances of the app; none if `func start` serves it."""
        if not self.starts_app:
            return []
        environment = app_environment(self.addresses)
        names = ["host"] if len(self.app_ports) == 1 else [f"host-{number}" for number in range(len(self.app_ports))]
        return [
            services.function_host(name, port, self.state / "host", environment)
            for name, port in zip(names, self.app_ports, strict=True)
        ]

    @property
    def run_file(self) -> RunFile:
        """The content of run.json."""
        instances = [f"http://{HOST}:{port}/api" for port in self.app_ports]
        return RunFile(
            api=instances[0],
            instances=instances,
            blob=self.addresses.storage,
            redis=self.addresses.redis_url,
            auth=self.addresses.auth,
            project_id=services.PROJECT_ID,
            datafactory=self.addresses.datafactory,
            database=self.addresses.database_url,
        )


def main() -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP; exits with status 1 and a message if it can't."""
    parser = argparse.ArgumentParser(prog="python -m local.run", description="Runs the local cloud.")
    parser.add_argument("--port", type=int, default=7071, help="port of the app's first instance (default: 7071)")
    parser.add_argument("--instances", type=int, default=1, help="number of instances, on PORT, PORT+1, … (default: 1)")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the data (default: .local)")
    parser.add_argument("--services-only", action="store_true", help="don't start the app; `func start` does")
    options = parser.parse_args()
    state = options.state.resolve()
    os.chdir(PROJECT)  # a relative path in DATABASE_URL starts at the project, in every process
    try:
        check_node()
        with locked(state):
            if options.services_only:
                addresses, port = Addresses.from_local_settings(), port_of_local_settings()
                plan = Plan(addresses, state, (port,), "in local.settings.json", starts_app=False)
            else:
                ports = tuple(range(options.port, options.port + options.instances))
                plan = Plan(Addresses.free(state), state, ports, "with PORT=…")
            check_ports(plan)
            asyncio.run(run(plan))
    except LocalCloudError as error:
        sys.exit(f"{error}")


def check_node() -> None:
    """Checks Node.js and the npm packages.

    Raises:
        LocalCloudError: Node.js or the packages are not installed, or Node.js is too old.
    """
    program = shutil.which("node")
    if program is None:
        raise LocalCloudError(f"Node is missing: install Node {_MIN_NODE_VERSION} or newer.")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < _MIN_NODE_VERSION:
        raise LocalCloudError(f"Node {version} is too old: install Node {_MIN_NODE_VERSION} or newer.")
    if not (services.NODE_FOLDER / "node_modules").is_dir():
        raise LocalCloudError("The npm packages aren't installed: run `make setup`.")


def check_ports(plan: Plan) -> None:
    """Checks that the ports are free.

    Raises:
        LocalCloudError: a port is taken.
    """
    for service in [*plan.storage_and_auth, plan.factory, *plan.hosts]:
        if not services.is_free(service.port):
            raise LocalCloudError(f"Port {service.port} ({service.name}) is taken: choose another {plan.port_option}")


async def run(plan: Plan) -> None:
    """Runs the local cloud until a signal, or until make ends.

    Raises:
        LocalCloudError: a service ended before it answered, or didn't answer in time.
    """
    terminal = Terminal()
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    with Supervisor(terminal) as supervisor:
        work = asyncio.create_task(_serve(plan, supervisor, terminal))
        waits = [work, asyncio.create_task(end.wait()), asyncio.create_task(_wait_for_end_of(MakeProcess()))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for wait in waits:
                wait.cancel()
            terminal.say("stopping …")
            await supervisor.stop()


async def _serve(plan: Plan, supervisor: Supervisor, terminal: Terminal) -> None:
    """Starts all services in order, prints the addresses, and waits to be cancelled."""
    began = time.monotonic()
    _make_folders(plan)
    storage = supervisor.start(plan.storage_and_auth)
    await asyncio.gather(
        asyncio.to_thread(_migrate, plan.addresses.database_url),
        *(answered for name, answered in storage.items() if name != "auth"),
    )
    await asyncio.to_thread(_make_containers, plan.addresses.storage)
    factory = supervisor.start([plan.factory])
    hosts = supervisor.start(plan.hosts)
    await asyncio.gather(*storage.values(), *factory.values(), *hosts.values())
    seconds = time.monotonic() - began
    plan.run_file.write(plan.state)
    terminal.say(f"ready after {seconds:.1f} s; Ctrl-C ends it")
    terminal.table(_addresses(plan))
    await asyncio.Event().wait()


def _addresses(plan: Plan) -> dict[str, str]:
    parts = {"Blob Storage": plan.addresses.storage, "Database": plan.addresses.database_url}
    if not plan.starts_app:
        return {**parts, "Now": "func start"}
    api = plan.run_file.api
    return {
        "API": ", ".join(plan.run_file.instances),
        "Docs": f"{api}/docs",
        "Drop a CSV": "make import FILE=amazon_products.csv (or copy it into the container `imports`)",
        **parts,
    }


async def _wait_for_end_of(make: MakeProcess) -> None:
    while not make.has_ended():  # noqa: ASYNC110 - no event reports that a process that isn't a child was interrupted
        await asyncio.sleep(_MAKE_POLL_SECONDS)


def _make_folders(plan: Plan) -> None:
    for name in ("azurite/blob", "azurite/queue", "auth", "database", "datafactory", "host"):
        (plan.state / name).mkdir(parents=True, exist_ok=True)


def _migrate(database_url: str) -> None:
    from shared.database import migrate

    migrate.upgrade(sa.make_url(database_url))


def _make_containers(connection_string: str) -> None:
    """Creates what infra/modules/storage.bicep creates in Azure: the containers and the poison queue."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in set(CONTAINERS) - {container.name for container in blobs.list_containers()}:
            blobs.create_container(name)
    with (
        QueueServiceClient.from_connection_string(connection_string) as queues,
        contextlib.suppress(ResourceExistsError),
    ):
        queues.create_queue(POISON_QUEUE)


if __name__ == "__main__":
    main()
