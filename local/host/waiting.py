"""Waits for a time that an event can cut short."""

from __future__ import annotations

import asyncio


async def wait_for_any(*events: asyncio.Event, timeout: float) -> None:  # noqa: ASYNC109 - a timeout isn't an error here
    """Waits until one of the events is set, at most `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
