"""Our AsgiMiddleware gives the application and the client the same as Azure's own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.azure.functions_bridge import AsgiMiddleware

_SEEN = ("type", "method", "scheme", "path", "query_string", "root_path", "headers", "client", "http_version")
_HEADERS = {"host": "example.org:7071", "x-forwarded-for": "10.0.0.1:55", "if-none-match": '"a", W/"b"', "x-text": "ü"}

REQUESTS: dict[str, tuple[str, str, bytes]] = {
    "a list": ("GET", "http://example.org:7071/api/products?category_id=1&min_price=0.01", b""),
    "no query": ("GET", "https://example.org/api/categories", b""),
    "encoded path": ("GET", "http://example.org/api/products/B0%20%C3%BC%2B?q=%C3%BC+b%26", b""),
    "the root": ("GET", "http://example.org/", b""),
    "a body": ("POST", "http://example.org/api/products", '{"title": "ü"}'.encode()),
    "a question mark twice": ("GET", "http://example.org/api/docs?a=b?c", b""),
    "a URL in the query": ("GET", "http://example.org/api/docs?next=http://example.org/x", b""),
}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Replies in three parts with what it received, and with one header twice."""
    request = await receive()
    seen = {key: scope[key] for key in _SEEN} | {"body": request["body"], "more": request["more_body"]}
    headers = [
        (b"content-type", b"application/json"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"etag", b"x"),
    ]
    await send({"type": "http.response.start", "status": 207, "headers": headers})
    body = json.dumps(seen, default=repr, sort_keys=True).encode()
    for part in (body[:10], body[10:]):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def echo_in_one_part(scope: Scope, receive: Receive, send: Send) -> None:
    """As `echo` for Azure's middleware, which fails on a message without a body."""

    async def send_with_body(message: Message) -> None:
        await send({"body": b"", **message} if message["type"] == "http.response.body" else message)

    await echo(scope, receive, send_with_body)


def send(middleware: Any, method: str, url: str, body: bytes) -> func.HttpResponse:
    request = func.HttpRequest(method, url, headers=_HEADERS, body=body)
    response: func.HttpResponse = asyncio.run(middleware.handle_async(request, None))
    return response


@pytest.mark.parametrize("name", REQUESTS)
def test_request_and_reply_are_those_of_azures_own_middleware(name: str) -> None:
    ours = send(AsgiMiddleware(echo), *REQUESTS[name])
    theirs = send(func.AsgiMiddleware(echo_in_one_part), *REQUESTS[name])  # type: ignore[no-untyped-call]  # untyped
    assert json.loads(ours.get_body()) == json.loads(theirs.get_body())
    assert ours.status_code == theirs.status_code == 207
    assert ours.mimetype == theirs.mimetype == "application/json"
    assert list(ours.headers.items()) == list(theirs.headers.items())


def test_a_path_that_is_not_utf8_raises_as_azures_own_middleware_does() -> None:
    for middleware in (AsgiMiddleware(echo), func.AsgiMiddleware(echo)):  # type: ignore[no-untyped-call]  # untyped
        with pytest.raises(UnicodeDecodeError):
            send(middleware, "GET", "http://example.org/api/products/%FF", b"")


def test_receiving_after_the_reply_gives_a_disconnect() -> None:
    received: list[str] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        listener = asyncio.ensure_future(receive())
        await echo_nothing(scope, receive, send)
        received.append((await listener)["type"])

    async def echo_nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert send(AsgiMiddleware(listening), "GET", "http://example.org/", b"").status_code == 204
    assert received == ["http.disconnect"]
