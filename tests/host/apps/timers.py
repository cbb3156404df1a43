"""A function app of two timers; a run of `tick` takes RUN_SECONDS."""

from __future__ import annotations

import asyncio
import os
import time

import azure.functions as func

from tests.host.apps.recording import record

app = func.FunctionApp()


@app.timer_trigger("timer", "%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    began = time.monotonic()
    await asyncio.sleep(float(os.environ.get("RUN_SECONDS", "0")))
    record(timer="tick", began=began, ended=time.monotonic(), pid=os.getpid(), past_due=timer.past_due)


@app.timer_trigger("timer", "0 0 0 1 1 *")
async def new_year(timer: func.TimerRequest) -> None:
    record(timer="new_year", past_due=timer.past_due)
