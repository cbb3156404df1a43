"""`make run` and `make services`: the cloud on this machine, in the foreground, until Ctrl-C.

python -m local.run --port 7071 --instances 1     everything; instance i of the app listens on port+i
python -m local.run --services-only               everything but the app, for `func start`, on the ports of
                                                  local.settings.json
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from local import services
from local.environment import Addresses, app_environment, port_of_local_settings
from local.errors import LocalCloudError
from local.parent import Make
from local.processes import PROJECT
from local.services import HOST, Service
from local.state import STATE, RunFile, hold
from local.supervisor import Supervisor
from local.terminal import Terminal

CONTAINERS = ("imports", "imports-work", "imports-rejects")
POISON_QUEUE = "webjobs-blobtrigger-poison"

_OLDEST_NODE = 20


@dataclass(frozen=True)
class Plan:
    """What is to be started, and where it will be; `name_other` says how to choose other ports.

    Without `starts_app` somebody else serves it, on its one port (`func start`).
    """

    addresses: Addresses
    state: Path
    app_ports: tuple[int, ...]
    name_other: str
    starts_app: bool = True

    @property
    def storage_and_auth(self) -> list[Service]:
        """What needs nothing else."""
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
        """The instances of the app, where we start it."""
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
        """What others read to find everything."""
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
    """Runs until SIGINT, SIGTERM or SIGHUP; ends with status 1 and a sentence where it can't."""
    parser = argparse.ArgumentParser(prog="python -m local.run", description="The cloud on this machine.")
    parser.add_argument("--port", type=int, default=7071, help="of the app's first instance (default: 7071)")
    parser.add_argument("--instances", type=int, default=1, help="of the app, on PORT, PORT+1, … (default: 1)")
    parser.add_argument("--state", type=Path, default=STATE, help="where the data is kept (default: .local)")
    parser.add_argument("--services-only", action="store_true", help="all but the app, for `func start`")
    options = parser.parse_args()
    state = options.state.resolve()
    os.chdir(PROJECT)  # a relative DATABASE_URL is the project's, for every process
    try:
        check_node()
        with hold(state):
            if options.services_only:
                addresses, port = Addresses.of_local_settings(), port_of_local_settings()
                plan = Plan(addresses, state, (port,), "in local.settings.json", starts_app=False)
            else:
                ports = tuple(range(options.port, options.port + options.instances))
                plan = Plan(Addresses.free(state), state, ports, "with PORT=…")
            check_ports(plan)
            asyncio.run(run(plan))
    except LocalCloudError as error:
        sys.exit(f"{error}")


def check_node() -> None:
    """Asks whether Node is there, new enough, and has its parts.

    Raises:
        LocalCloudError: it isn't.
    """
    program = shutil.which("node")
    if program is None:
        raise LocalCloudError(f"Node is missing: install Node {_OLDEST_NODE} or newer.")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < _OLDEST_NODE:
        raise LocalCloudError(f"Node {version} is too old: install Node {_OLDEST_NODE} or newer.")
    if not (services.NODE_FOLDER / "node_modules").is_dir():
        raise LocalCloudError("The parts that come from npm aren't installed: run `make setup`.")


def check_ports(plan: Plan) -> None:
    """Asks whether the ports to be used are free.

    Raises:
        LocalCloudError: one isn't.
    """
    for service in [*plan.storage_and_auth, plan.factory, *plan.hosts]:
        if not services.is_free(service.port):
            raise LocalCloudError(f"Port {service.port} ({service.name}) is taken: choose another {plan.name_other}")


async def run(plan: Plan) -> None:
    """Starts everything, says where it is, and waits for the end.

    Raises:
        LocalCloudError: a service ended before it ever answered.
    """
    terminal = Terminal()
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    with Supervisor(terminal) as supervisor:
        work = asyncio.create_task(_serve(plan, supervisor, terminal))
        waits = [work, asyncio.create_task(end.wait()), asyncio.create_task(_end_of(Make()))]
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
    """Starts everything and says where it is; then lasts until it is cancelled."""
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
    terminal.table(_where_things_are(plan))
    await asyncio.Event().wait()


def _where_things_are(plan: Plan) -> dict[str, str]:
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


async def _end_of(make: Make) -> None:
    while not make.has_ended():  # noqa: ASYNC110 - the kernel tells nobody but make
        await asyncio.sleep(0.5)


def _make_folders(plan: Plan) -> None:
    for name in ("azurite/blob", "azurite/queue", "auth", "database", "datafactory", "host"):
        (plan.state / name).mkdir(parents=True, exist_ok=True)


def _migrate(database_url: str) -> None:
    from shared.database import migrate

    migrate.upgrade(sa.make_url(database_url))


def _make_containers(connection_string: str) -> None:
    """Makes what is there in Azure before the app is: the containers, and the queue that the host's failures go to."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        missing = set(CONTAINERS) - {container.name for container in blobs.list_containers()}
        for name in missing:
            blobs.create_container(name)
    with QueueServiceClient.from_connection_string(connection_string) as queues:
        try:
            queues.create_queue(POISON_QUEUE)
        except ResourceExistsError:
            return


if __name__ == "__main__":
    main()
