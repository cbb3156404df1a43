"""ASGI middleware for every request: request id, HEAD, maximum body size, and replies to unexpected exceptions."""

from __future__ import annotations

import logging
import random
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import PROBLEM_MEDIA_TYPE, problem_body

log = logging.getLogger(__name__)

# Where an ASGI scope carries the id of the request's trace (32 hexadecimal digits), while telemetry is on.
TRACE_ID = "catalog.trace_id"
MAX_BODY_BYTES = 1024 * 1024
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


def _header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def _request_id(scope: Scope) -> bytes:
    """The client's id if it is 1 to 128 visible ASCII characters, else the trace's id."""
    given = _header(scope, b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    traced: bytes | None = scope.get(TRACE_ID)
    if traced is not None:
        return traced
    parent = _header(scope, b"traceparent")
    trace = _TRACEPARENT.fullmatch(parent) if parent is not None else None
    # Not a secret, so the pseudo-random generator is enough; it costs a tenth of the system's.
    return trace.group(1) if trace else b"%032x" % random.getrandbits(128)


class RequestIdMiddleware:
    """Puts X-Request-ID on the reply."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = (b"x-request-id", _request_id(scope))

        async def send_identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(header)
            await send(message)

        await self._app(scope, receive, send_identified)


class HeadMiddleware:
    """Answers HEAD with the headers of GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class BodyLimitMiddleware:
    """Refuses a body over 1 MiB, with or without Content-Length, before the application reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = _header(scope, b"content-length")
        if declared is not None and declared.isdigit():
            body = None if int(declared) > MAX_BODY_BYTES else b""
            receive_body = receive
        else:
            body = await _read(receive)
            receive_body = _replay(body or b"", receive)
        if body is None:
            detail = f"The body: expected at most {MAX_BODY_BYTES:,} bytes, got more."
            await send_problem(scope, send, 413, detail)
            return
        await self._app(scope, receive_body, send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None if it is over the limit."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


class ErrorBoundaryMiddleware:
    """Turns an unexpected exception into a 500 reply without internal details, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            from shared.http.routes import route_of

            # The route and not the path, which may contain a user's id or any other text.
            log.exception("Unexpected error in %s", route_of(scope["method"], scope["path"]).span_name)
            await send_problem(scope, send, 500, "An unexpected error occurred. It has been logged.")


async def send_problem(scope: Scope, send: Send, status: int, detail: str) -> None:
    """Sends an error reply from middleware."""
    body = problem_body(status, detail, scope["path"])
    headers = [(b"content-type", PROBLEM_MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
