"""A function app with a blob trigger on `drop`. It fails for blobs whose name begins with `bad`."""

from __future__ import annotations

import asyncio
import os

import azure.functions as func
from azurefunctions.extensions.bindings import blob

from tests.host.apps.recording import record

app = func.FunctionApp()
at_work = 0


@app.blob_trigger("upload", "drop/{name}.csv", "DATA", source=func.BlobSource.LOGS_AND_CONTAINER_SCAN)
async def take(upload: blob.BlobClient) -> None:
    global at_work  # noqa: PLW0603 - the test checks how many run at once
    at_work += 1
    record(name=upload.blob_name, text=upload.download_blob().readall().decode(), at_work=at_work)
    await asyncio.sleep(float(os.environ.get("WORK_SECONDS", "0")))
    at_work -= 1
    if upload.blob_name.startswith("bad"):
        raise RuntimeError("a blob that can't be taken")


@app.queue_trigger("message", "webjobs-blobtrigger-poison", "DATA")
async def give_up(message: func.QueueMessage) -> None:
    record(poison=message.get_body().decode(), dequeue_count=message.dequeue_count)
