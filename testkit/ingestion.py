"""A fake of Application Insights' ingestion endpoint, which keeps what is posted."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, override

from testkit.waiting import wait_until

# Keeps the exporter off the internet and makes it send quickly.
ENVIRONMENT = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
    "PYTHON_ENABLE_OPENTELEMETRY": "true",
}

type Item = dict[str, Any]


@dataclass
class Ingestion:
    """The endpoint; `answer` is the status of its replies, `delay` the seconds before each."""

    port: int = 0
    answer: int = 200
    delay: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    @property
    def connection_string(self) -> str:
        """The connection string of this endpoint."""
        key = "00000000-0000-0000-0000-000000000001"
        return f"InstrumentationKey={key};IngestionEndpoint=http://127.0.0.1:{self.port}/"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that sends here."""
        return {**ENVIRONMENT, "APPLICATIONINSIGHTS_CONNECTION_STRING": self.connection_string}

    def of(self, table: str, **having: object) -> list[Item]:
        """The items of a table (named as in Log Analytics) whose `baseData` has these values."""
        kind = _KINDS[table]
        return [
            item
            for item in list(self.items)
            if item["data"]["baseType"] == kind
            and all(item["data"]["baseData"].get(name) == value for name, value in having.items())
        ]

    def wait_for[T](self, look: Callable[[], T | None]) -> T:
        """What `look` gives once it gives something."""
        try:
            return wait_until(look, "telemetry is posted")
        except TimeoutError as error:
            error.add_note(f"Posted: {sorted({f'{item["data"]["baseType"]} {name_of(item)}' for item in self.items})}")
            raise


_KINDS = {
    "requests": "RequestData",
    "dependencies": "RemoteDependencyData",
    "traces": "MessageData",
    "exceptions": "ExceptionData",
    "customMetrics": "MetricData",
}
TABLES = {kind: table for table, kind in _KINDS.items()}


def name_of(item: Item) -> str:
    """An item's name, message or metric."""
    data = item["data"]["baseData"]
    if "metrics" in data:
        return str(data["metrics"][0]["name"])
    return str(data.get("name") or data.get("message") or data.get("exceptions"))


def dimensions(item: Item) -> dict[str, str]:
    """An item's customDimensions."""
    found: dict[str, str] = item["data"]["baseData"].get("properties") or {}
    return found


def trace_of(item: Item) -> str:
    """operation_Id."""
    return str(item["tags"].get("ai.operation.id", ""))


def parent_of(item: Item) -> str:
    """operation_ParentId."""
    return str(item["tags"].get("ai.operation.parentId", ""))


@contextlib.contextmanager
def ingestion() -> Iterator[Ingestion]:
    """A running endpoint."""
    endpoint = Ingestion()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body)
            endpoint.bodies.append(body)
            if endpoint.answer == 200:
                endpoint.items.extend(items)
            stopped.wait(endpoint.delay)
            reply = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
            with contextlib.suppress(OSError):
                self.send_response(endpoint.answer)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    stopped = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield endpoint
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
