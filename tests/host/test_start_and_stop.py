"""The start and the end of the host, and the one sentence with which it refuses to start."""

from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from testkit.waiting import wait_until
from tests.host.hosting import FunctionApp

BLOB_APP = """
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
app = func.FunctionApp()
@app.blob_trigger("upload", "drop/{name}", "DATA")
async def take(upload: blob.BlobClient) -> None: ...
"""
TIMER_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.timer_trigger("timer", "%SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None: ...
"""
QUEUE_OUTPUT_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.route("x")
@app.queue_output("out", "q", "DATA")
async def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse: ...
"""
EVENT_HUB_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.event_hub_message_trigger("event", "hub", "DATA")
async def hear(event: func.EventHubEvent) -> None: ...
"""
BLOB_BYTES_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.blob_trigger("upload", "drop/{name}", "DATA")
async def take(upload: func.InputStream) -> None: ...
"""


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1]


def test_it_lists_the_functions_and_says_when_it_is_ready(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "echo", host={"extensions": {"http": {"routePrefix": "v1"}}})
    with app.running() as host:
        said = host.output
        assert f"  a_parameter: [GET] {host.url}/v1/order/{{id}}\n" in said
        assert f"  echo: [all methods] {host.url}/v1/echo/{{*rest}}\n" in said
        assert httpx.get(f"{host.url}/v1/echo/x").json()["path"] == "/v1/echo/x"
        assert httpx.get(f"{host.url}/api/echo/x").status_code == 404


def test_an_app_that_does_not_import_says_so_with_its_own_traceback(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "import azure.functions\nfrom a_missing_module import anything\n")
    said = app.refusal()
    assert "can't be indexed: ModuleNotFoundError: No module named 'a_missing_module'" in said
    assert f'File "{app.folder}/function_app.py", line 2' in said
    assert "importlib" not in said
    assert "sys.path" not in said


def test_an_app_with_a_syntax_error_says_where(tmp_path: Path) -> None:
    said = FunctionApp.make(tmp_path / "app", "def broken(:\n").refusal()
    assert "SyntaxError" in said
    assert 'function_app.py", line 1' in said


def test_an_app_that_refuses_to_start_is_told_of(tmp_path: Path) -> None:
    said = FunctionApp.make(tmp_path / "app", "raise RuntimeError('open writes are for local use')\n").refusal()
    assert last_line(said) == "RuntimeError: open writes are for local use"


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = FunctionApp.make(tmp_path / "app", "echo").refusal("--port", str(port))
    assert said == f"local.host: The port {port} is taken.\n"


@pytest.mark.parametrize(
    ("app", "settings", "sentence"),
    [
        (BLOB_APP, {}, "The app setting DATA, the storage connection of the function take, is missing."),
        (TIMER_APP, {}, "The app setting SCHEDULE, used by schedule of the function tick, is missing."),
        (
            TIMER_APP,
            {"SCHEDULE": "every day"},
            "The schedule of the function tick: expected an NCRONTAB expression of six fields, got every day.",
        ),
        (
            BLOB_APP,
            {"DATA__blobServiceUri": "https://example.com"},
            "The connection DATA of the function take uses an identity; this host needs a connection string.",
        ),
        (QUEUE_OUTPUT_APP, {}, "The function send has a binding that this host doesn't support: queue."),
        (EVENT_HUB_APP, {}, "The function hear has a trigger that this host doesn't support: eventHubTrigger."),
        (
            BLOB_BYTES_APP,
            {},
            "The function take takes its blob as bytes; this host passes only references (BlobClient).",
        ),
    ],
)
def test_what_it_cannot_run_it_refuses_in_one_sentence(
    tmp_path: Path, app: str, settings: dict[str, str], sentence: str
) -> None:
    assert last_line(FunctionApp.make(tmp_path / "app", app, settings).refusal()) == f"local.host: {sentence}"


def test_a_connection_string_never_stands_in_a_refusal(tmp_path: Path) -> None:
    settings = {"DATA": "AccountName=me;AccountKey=c2VjcmV0;nonsense"}
    said = FunctionApp.make(tmp_path / "app", BLOB_APP, settings).refusal()
    assert "The app setting DATA, used by the function take, is not a storage connection string" in said
    assert "c2VjcmV0" not in said


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "")
    (app.folder / "function_app.py").unlink()
    assert last_line(app.refusal()).endswith("is not a function app: it has no function_app.py.")
    (app.folder / "host.json").unlink()
    assert last_line(app.refusal()).endswith("is not a function app: it has no host.json.")


def test_local_settings_become_the_environment_which_wins(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "echo", {"FROM_BOTH": "environment"})
    values = {"FROM_FILE": "file", "FROM_BOTH": "file"}
    (app.folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    with app.running() as host:
        seen = {
            name: httpx.get(f"{host.url}/api/setting/{name}").text
            for name in ("FROM_FILE", "FROM_BOTH", "AZURE_FUNCTIONS_ENVIRONMENT")
        }
    assert seen == {"FROM_FILE": "file", "FROM_BOTH": "environment", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_ends_before_the_host_does(tmp_path: Path, number: signal.Signals) -> None:
    app = FunctionApp.make(tmp_path / "app", "echo")
    with app.running() as host, ThreadPoolExecutor() as threads:
        reply = threads.submit(httpx.get, f"{host.url}/api/held", timeout=30)
        app.wait_for_events(held=True)
        host.send(number)
        wait_until(lambda: not accepts(host.port), "the host refuses connections")
        assert not host.has_ended
        app.release()
        assert reply.result().text == "released"
        assert host.wait_for_exit() == 0


def test_a_request_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "echo")
    with app.running("--stop-seconds", "1") as host, ThreadPoolExecutor() as threads:
        reply = threads.submit(httpx.get, f"{host.url}/api/held", timeout=30)
        app.wait_for_events(held=True)
        assert host.end() == 1
        assert isinstance(reply.exception(), httpx.TransportError)
        assert "invocations that haven't ended within 1 s" in host.output


def test_an_idle_host_ends_at_once_though_a_connection_is_open(tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "echo")
    with app.running() as host, httpx.Client(base_url=host.url) as client:
        assert client.get("/api/echo").status_code == 200
        assert host.end() == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
