"""`python -m infra.image.answers FOLDER`, run in the image: Microsoft's worker runtime indexes the app, and it answers.

The Functions host isn't needed: local/host's way into the worker runtime is (only that; its servers and services
would need packages that the image rightly lacks).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from local.host.worker import Datum, IndexedFunction, Trace, Worker

_OK = 200


async def main(app: Path) -> None:
    """Prints what it saw; ends with 1 where the app can't be indexed or doesn't answer."""
    worker = Worker()
    functions = await worker.index(app)
    kinds = [binding["type"] for function in functions for binding in function.bindings]
    print(f"Indexed: {len(functions)} functions, {kinds.count('httpTrigger')} of them over HTTP.")
    live = next((function for function in functions if function.name == "health_live"), None)
    if live is None:
        sys.exit("The app in the image has no function health_live.")
    status = await _ask(worker, live, "/api/health/live")
    worker.stop()
    # AsgiMiddleware reports its lifespan, which nobody ends but the process, as an error.
    logging.disable()
    if status != _OK:
        sys.exit(f"GET /api/health/live in the image: {status}")
    print(f"Answers: GET /api/health/live {status}.")


async def _ask(worker: Worker, function: IndexedFunction, path: str) -> int:
    """The status of an HTTP-triggered function's reply."""
    request = {
        "method": Datum("GET", "string"),
        "url": Datum(f"http://localhost{path}", "string"),
        "headers": {"host": Datum("localhost", "string")},
        "body": Datum(b"", "bytes"),
        "params": {},
        "query": {},
    }
    trigger = next(binding for binding in function.bindings if binding["type"] == "httpTrigger")
    data = (trigger["name"], Datum(request, "http"))
    reply = await worker.invoke(function.function_id, function.name, data, {}, Trace())
    assert reply is not None
    return int(reply.value["status_code"].value)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
