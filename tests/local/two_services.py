"""A supervisor of Valkey and of a program that ignores SIGTERM. Tests kill the supervisor."""

from __future__ import annotations

import asyncio
import sys

from local import services
from local.services import Service
from local.supervisor import Supervisor
from local.terminal import Terminal

_STUBBORN = "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); threading.Event().wait()"


async def main() -> None:
    """Runs both until this process is killed."""
    stubborn = Service("stubborn", (sys.executable, "-c", _STUBBORN), 0, answers=lambda: True)
    terminal = Terminal()
    with Supervisor(terminal) as supervisor:
        answered = supervisor.start([services.valkey(services.free_ports(1)[0]), stubborn])
        await asyncio.gather(*answered.values())
        terminal.say("both answer")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
