"""`python -m infra.image.health FOLDER`, run in the image: checks that the app can be indexed and is healthy.

It calls Microsoft's worker runtime through local/host/worker.py and needs no Functions host. The rest of local/host
needs packages that the image doesn't have.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from local.host.worker import Datum, IndexedFunction, Trace, Worker

_OK = 200


async def main(app: Path) -> None:
    """Prints the results; exits with 1 if the app can't be indexed or is not healthy."""
    worker = Worker()
    functions = await worker.index(app)
    kinds = [binding["type"] for function in functions for binding in function.bindings]
    print(f"Indexed: {len(functions)} functions, {kinds.count('httpTrigger')} of them over HTTP.")
    live = next((function for function in functions if function.name == "health_live"), None)
    if live is None:
        sys.exit("The app in the image has no function health_live.")
    status = await _request(worker, live, "/api/health/live")
    worker.stop()
    # AsgiMiddleware logs an error about its lifespan, which only the process ends.
    logging.disable()
    if status != _OK:
        sys.exit(f"GET /api/health/live in the image: expected {_OK}, got {status}")
    print(f"Answers: GET /api/health/live {status}.")


async def _request(worker: Worker, function: IndexedFunction, path: str) -> int:
    """The status of an HTTP function's response."""
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
