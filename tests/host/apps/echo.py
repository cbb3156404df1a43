"""A function app whose HTTP functions reply with the request that they got, through AsgiMiddleware and FastAPI."""

# ruff: noqa: ARG001 - the binding names the argument, used or not
from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import azure.functions as func
from fastapi import FastAPI, Request, Response

from tests.host.apps.recording import record

log = logging.getLogger("echo")
api = FastAPI()


@api.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "DELETE"])
async def echo(request: Request) -> Any:
    body = await request.body()
    return {
        "function": request.scope["azure_functions.function_name"],
        "trace_parent": request.scope["azure_functions.trace_context"].trace_parent,
        "method": request.method,
        "path": request.scope["path"],
        "query": request.scope["query_string"].decode(),
        "headers": dict(request.headers),
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


middleware: Any = func.AsgiMiddleware(api)  # type: ignore[no-untyped-call]  # an untyped library
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


async def answer(through: Any, req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    response: func.HttpResponse = await through.handle_async(req, context)
    return response


async def to_api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await answer(middleware, req, context)


def serve(name: str, route: str, *methods: str) -> None:
    app.function_name(name)(app.route(route, methods=list(methods) or None)(to_api))


serve("echo", "echo/{*rest}")
serve("a_parameter", "order/{id}", "GET")
serve("b_literal", "order/literal", "GET")
serve("order_z", "under/{x}", "GET")
serve("orderb", "under/b", "GET")
serve("number", "number/{id:int:min(10)}", "GET")
serve("number_write", "number/{id}", "PUT")


@app.function_name("parameters")
@app.route("parameters/{first}/{second?}", methods=["GET"])
async def parameters(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(sorted(req.route_params.items()) + sorted(req.params.items())))


@app.function_name("cookies")
@app.route("cookies", methods=["GET"])
async def cookies(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    async def reply(scope: Any, receive: Any, send: Any) -> None:
        response = Response("crumbs")
        response.set_cookie("first", "1", path="/api")
        response.set_cookie("second", "2", httponly=True)
        await response(scope, receive, send)

    crumbs: Any = func.AsgiMiddleware(reply)  # type: ignore[no-untyped-call]  # an untyped library
    return await answer(crumbs, req, context)


@app.function_name("nothing_new")
@app.route("nothing-new", methods=["GET"])
async def nothing_new(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"", status_code=304, headers={"etag": '"1"', "content-length": "5"})


@app.function_name("fails")
@app.route("fails", methods=["GET"])
async def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a failure of the function's own")


@app.function_name("in_async")
@app.route("logs/async", methods=["GET"])
async def in_async(req: func.HttpRequest) -> func.HttpResponse:
    log.warning("said in an async function")
    return func.HttpResponse("")


@app.function_name("in_sync")
@app.route("logs/sync", methods=["GET"])
def in_sync(req: func.HttpRequest) -> func.HttpResponse:
    log.warning("said in a sync function")
    return func.HttpResponse("")


@app.function_name("setting")
@app.route("setting/{name}", methods=["GET"])
async def setting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "(none)"))


@app.function_name("held")
@app.route("held", methods=["GET"])
async def held(req: func.HttpRequest) -> func.HttpResponse:
    """Replies once the file that RELEASE names exists."""
    record(held=True)
    while not Path(os.environ["RELEASE"]).exists():  # noqa: ASYNC110, ASYNC240 - a file can't be awaited
        await asyncio.sleep(0.01)
    return func.HttpResponse("released")
