"""`python -m local.datafactory --port P`: runs the local Data Factory.

Its data is where the environment says: IMPORT_STORAGE (a connection string) and DATABASE_URL.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette

from local.datafactory.definitions import Definitions
from local.datafactory.factory import Factory
from local.datafactory.run_records import RunRecords
from local.datafactory.server import create_app
from local.datafactory.stores import Stores, sql_store
from local.datafactory.stores.blobs import BlobStore

_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.datafactory", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--definitions", type=Path, default=_ROOT / "datafactory", help="the folder of the JSON")
    parser.add_argument(
        "--state", type=Path, default=_ROOT / ".local" / "datafactory", help="the folder of the records of runs"
    )
    parser.add_argument(
        "--longest-retry-wait", type=float, help="maximum seconds between retries (default: the JSON's interval)"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    stores = Stores(sql_store(sa.make_url(os.environ["DATABASE_URL"])), BlobStore(os.environ["IMPORT_STORAGE"]))
    records = RunRecords(options.state / "runs.db")
    factory = Factory(Definitions(options.definitions), records, stores, options.longest_retry_wait)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        factory.start()
        yield
        factory.close()

    app = create_app(factory)
    app.router.lifespan_context = lifespan
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
