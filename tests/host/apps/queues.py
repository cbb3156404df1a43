"""A function app that is triggered by messages of `jobs`. It fails for the message `bad`."""

from __future__ import annotations

import azure.functions as func

from tests.host.apps.recording import record

app = func.FunctionApp()


@app.queue_trigger("message", "%QUEUE%", "DATA")
def work(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    record(
        body=body,
        id=message.id,
        dequeue_count=message.dequeue_count,
        inserted=message.insertion_time is not None and message.insertion_time.isoformat(),
    )
    if body == "bad":
        raise RuntimeError("a message that can't be worked on")
