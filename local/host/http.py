"""HTTP triggers: turns a request into an invocation and its result into the response.

Follows the .NET host (GrpcMessageConversionExtensions.cs `ToRpcHttp`, RawScriptResult.cs): header names in lower case,
repeated headers joined by commas, the whole body as bytes; an empty 500 for a failed invocation, an empty 404 without a
route. It also appends the client's `address:port` to X-Forwarded-For, as App Service's front end does in Azure.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from local.host.request_target import BadRequestError, read_host, read_path
from local.host.worker import Datum, InvocationFailedError, Trace, Worker

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from local.host.routing import RouteTable
    from local.host.telemetry import Telemetry

_OK = 200
_BAD_REQUEST, _NOT_FOUND, _TOO_LARGE, _FAILED = 400, 404, 413, 500
_WITHOUT_BODY = frozenset({204, 304})


class HttpHost:
    """The host as an ASGI application."""

    def __init__(self, worker: Worker, routes: RouteTable, max_body_bytes: int, telemetry: Telemetry) -> None:
        """Serves the routes' functions; a body of more than `max_body_bytes` gets 413 without an invocation."""
        self._telemetry = telemetry
        self._worker = worker
        self._routes = routes
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        assert scope["type"] == "http"  # uvicorn is started without lifespan and websockets
        try:
            headers = _read_headers(scope)
            host = read_host(headers.get("host", "").encode("latin-1"))
            path, encoded_path = read_path(scope["raw_path"])
        except BadRequestError:
            await _send_response(send, _BAD_REQUEST)
            return
        match = self._routes.match(scope["method"], path)
        if match is None:
            await _send_response(send, _NOT_FOUND)
            return
        body = await self._read_body(headers, receive)
        if body is None:
            await _send_response(send, _TOO_LARGE)
            return
        function, parameters = match
        query = scope["query_string"].decode("ascii")
        request = {
            "method": Datum(scope["method"], "string"),
            "url": Datum(f"http://{host}{encoded_path}{'?' if query else ''}{query}", "string"),
            "headers": {name: Datum(value, "string") for name, value in headers.items()},
            "body": Datum(body, "bytes"),
            "params": {name: Datum(value, "string") for name, value in parameters.items()},
            "query": {name: Datum(value, "string") for name, value in _read_query(query).items()},
        }
        incoming = Trace(headers.get("traceparent", ""), headers.get("tracestate", ""))
        with self._telemetry.request(scope["method"], function.trigger.route, incoming) as (trace, set_status):
            data = (function.parameter, Datum(request, "http"))
            try:
                reply = await self._worker.invoke(function.function_id, function.name, data, {}, trace)
            except InvocationFailedError:
                set_status(_FAILED)
                await _send_response(send, _FAILED)
                return
            set_status(_status_of(reply))
            await _send_result(send, reply)

    async def _read_body(self, headers: dict[str, str], receive: Receive) -> bytes | None:
        """The whole body; None if it is too large."""
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_body_bytes:
            return None
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            part: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size > self._max_body_bytes:
                return None
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    try:
        for name, value in scope["headers"]:
            key = name.decode("ascii")
            text = value.decode("utf-8")
            if key in headers:
                if key == "host":
                    raise BadRequestError("The request has more than one Host header.")
                headers[key] = f"{headers[key]},{text}"
            else:
                headers[key] = text
    except UnicodeDecodeError as error:
        raise BadRequestError("A header is not UTF-8.") from error
    if "host" not in headers and scope["http_version"] == "1.1":
        raise BadRequestError("The request has no Host header.")
    client = scope["client"]
    if client:
        address, port = client
        seen_from = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        before = headers.get("x-forwarded-for")
        headers["x-forwarded-for"] = f"{before}, {seen_from}" if before else seen_from
    return headers


def _read_query(query: str) -> dict[str, str]:
    """The query's parameters as the .NET host sends them: repeated values joined by commas, empty ones left out."""
    parameters: dict[str, str] = {}
    if query:
        for name, value in urllib.parse.parse_qsl(query):
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _status_of(reply: Datum | None) -> int:
    return int(reply.value["status_code"].value) if reply is not None and reply.type == "http" else _OK


async def _send_result(send: Send, reply: Datum | None) -> None:
    """Sends the result of a function: an HttpResponse, a text, or nothing."""
    if reply is None or reply.type != "http":
        body = str(reply.value).encode() if reply is not None and reply.value is not None else b""
        await _send_response(send, _OK, body, [(b"content-type", b"text/plain; charset=utf-8")])
        return
    response = reply.value
    status = _status_of(reply)
    headers = [
        (name.lower().encode("ascii"), value.value.encode("ascii")) for name, value in response["headers"].items()
    ]
    for cookies in response["cookies"] or ():
        headers.extend((b"set-cookie", cookie.OutputString().encode("ascii")) for cookie in cookies.values())
    await _send_response(send, status, response["body"].value, headers)


async def _send_response(
    send: Send, status: int, body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = headers or []
    if status in _WITHOUT_BODY:
        headers = [header for header in headers if header[0] != b"content-length"]
        body = b""
    elif not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
