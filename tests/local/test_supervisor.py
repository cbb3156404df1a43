"""The processes of `make run`: they get ready, are restarted, and end together. An error to start is one sentence."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
import redis

from local.environment import Addresses
from local.services import free_ports
from local.state import RunFile, read_run_file
from testkit.processes import run_python
from testkit.waiting import wait_until
from tests.local.marked_process import MarkedProcess

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

FIELDS = {"api", "instances", "blob", "redis", "auth", "project_id", "datafactory", "database"}


def two_free_ports_in_a_row() -> int:
    """The first of two free ports."""
    while True:
        first = free_ports(1)[0]
        try:
            with socket.create_server(("127.0.0.1", first + 1)):
                return first
        except OSError:
            continue


def test_two_instances_from_ready_to_the_end(tmp_path: Path) -> None:
    port, state = two_free_ports_in_a_row(), tmp_path / "state"
    command = ("-m", "local.run", "--port", str(port), "--instances", "2", "--state", str(state))
    with MarkedProcess(tmp_path, *command) as cloud:
        cloud.wait_for_output("ready after")
        run = json.loads((state / "run.json").read_text())
        assert set(run) == FIELDS
        assert run["instances"] == [f"http://127.0.0.1:{port}/api", f"http://127.0.0.1:{port + 1}/api"]
        assert read_run_file(state) == RunFile(**run)
        for api in run["instances"]:
            assert httpx.get(f"{api}/health/ready").json()["status"] == "ready"

        # A service that ends is started again on the same port.
        os.kill(cloud.pid_of("valkey-server"), signal.SIGKILL)
        cloud.wait_for_output("redis ended with SIGKILL: restarting it")
        with redis.Redis.from_url(run["redis"]) as client:
            wait_until(client.ping, "Valkey answers", transient=(redis.ConnectionError,))

        # A second supervisor on the same folder ends with a sentence.
        second = run_python(*command)
        assert second.returncode == 1
        assert second.stderr.startswith(f"A local cloud (process {cloud.pid}) runs on {state} already")
        assert second.stderr.count("\n") == 1

        assert cloud.end(signal.SIGINT) == 0
        assert cloud.descendants() == {}
        assert not (state / "run.json").exists()
        assert read_run_file(state) is None


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with MarkedProcess(tmp_path, "-m", "tests.local.two_services") as cloud:
        cloud.wait_for_output("both answer")
        assert any("valkey-server" in command for command in cloud.descendants().values())
        cloud.send(signal.SIGKILL)
        cloud.wait_until_all_have_ended()


def test_the_guardian_alone_ends_what_a_killed_supervisor_leaves(tmp_path: Path) -> None:
    """As on macOS, where the kernel can't do it."""
    with MarkedProcess(tmp_path, "-m", "tests.local.two_services", LOCAL_CLOUD_WITHOUT_DEATH_SIGNAL="1") as cloud:
        cloud.wait_for_output("both answer")
        cloud.send(signal.SIGKILL)
        cloud.wait_until_all_have_ended()


def test_a_run_file_left_behind_is_not_believed(tmp_path: Path) -> None:
    left = RunFile(**dict.fromkeys(FIELDS - {"instances"}, "x"), instances=["x"])
    left.write(tmp_path)
    (tmp_path / "lock").write_text("1")
    assert read_run_file(tmp_path) is None


@pytest.mark.parametrize(
    ("options", "taken_offset"),
    [([], 0), (["--instances", "2"], 1)],
    ids=["the first", "the second instance's"],
)
def test_a_taken_port_is_named_with_the_option_to_change_it(
    tmp_path: Path, options: list[str], taken_offset: int
) -> None:
    port = two_free_ports_in_a_row()
    with socket.create_server(("127.0.0.1", port + taken_offset)):
        done = run_python("-m", "local.run", "--port", str(port), *options, "--state", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port + taken_offset} (host")
    assert done.stderr.endswith("is taken: choose another with PORT=…\n")


def test_a_missing_node_is_named(tmp_path: Path) -> None:
    done = run_python("-m", "local.run", "--state", str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "Node is missing: install Node 20 or newer.\n"


def test_an_old_node_is_named(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    done = run_python("-m", "local.run", "--state", str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr == "Node v18.20.4 is too old: install Node 20 or newer.\n"


def test_the_environment_says_which_database_and_redis_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.com:6379/0")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere.db")
    addresses = Addresses.free(tmp_path)
    assert addresses.redis_url == "redis://cache.example.com:6379/0"
    assert addresses.own_redis_port is None
    assert addresses.database_url == "sqlite:///elsewhere.db"
