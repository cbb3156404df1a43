"""Each kind of trouble: how it begins, goes on and ends; on a real Valkey."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import override

from local.services import HOST
from proofs.cache.parts import Valkey, started
from proofs.cache.redis_proxy import RedisProxy

_AGAIN_SECONDS = 0.3  # of what is done again and again while a trouble lasts
_FULL_BYTES = 64 * 1024
_LEFT_BYTES = 32 * 1024


class Trouble:
    """A Valkey, and what happens to it."""

    # A failover forgets what only the second time of telling heals: applied once more when it is 15 s old.
    applied_again_after = 0.0

    def __init__(self) -> None:
        self.valkey: Valkey

    def start(self, folder: Path, stack: ExitStack) -> str:
        """Starts what is needed, until the stack unwinds; gives the URL for the instances."""
        self.valkey = Valkey(folder)
        stack.enter_context(started([self.valkey]))
        return self.valkey.url

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """What is there from before the instances start until they have ended."""
        yield

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """The trouble, from its beginning until Redis has returned."""
        await asyncio.to_thread(self.begin)
        again = asyncio.create_task(self._again())
        try:
            yield
        finally:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)
            await asyncio.to_thread(self.end)

    def begin(self) -> None:
        """The trouble begins."""

    def repeat(self) -> None:
        """What is done again and again meanwhile."""

    def end(self) -> None:
        """Redis returns."""

    async def _again(self) -> None:
        while True:
            await asyncio.to_thread(self.repeat)
            await asyncio.sleep(_AGAIN_SECONDS)


class Ended(Trouble):
    """Ended by a signal, and started again, empty."""

    number = signal.SIGTERM

    @override
    def begin(self) -> None:
        self.valkey.end(self.number)

    @override
    def end(self) -> None:
        self.valkey.start()
        self.valkey.wait()


class Killed(Ended):
    """Killed, and started again, empty."""

    number = signal.SIGKILL


class Frozen(Trouble):
    """It keeps its connections and answers nothing."""

    @override
    def begin(self) -> None:
        self.valkey.send(signal.SIGSTOP)

    @override
    def end(self) -> None:
        self.valkey.send(signal.SIGCONT)


class RefusingWrites(Trouble):
    """It answers reads; writes get NOREPLICAS."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("min-replicas-to-write", 1)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("min-replicas-to-write", 0)


class Full(Trouble):
    """It answers reads; writes get OOM."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("maxmemory-policy", "noeviction")
        self.valkey.client.config_set("maxmemory", _FULL_BYTES)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("maxmemory", 0)


class Evicting(Trouble):
    """It has room for a few keys, and drops any for the next."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("maxmemory-policy", "allkeys-random")

    @override
    def repeat(self) -> None:
        # Shrinks with what is left, until there is hardly anything; then it grows by a few keys again.
        used = int(self.valkey.client.info("memory")["used_memory"])
        self.valkey.client.config_set("maxmemory", used - _LEFT_BYTES)
        self.valkey.client.config_set("maxmemory", used + _LEFT_BYTES)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("maxmemory", 0)


class Flushed(Trouble):
    """Everything in it is gone, again and again."""

    @override
    def repeat(self) -> None:
        self.valkey.client.flushall()


class ConnectionsCut(Trouble):
    """All connections are closed, again and again."""

    @override
    def repeat(self) -> None:
        self.valkey.client.client_kill_filter(_type="normal", skipme=True)


class Garbage(Trouble):
    """Another program writes over all of our keys, texts and lists in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds = 0

    @override
    def repeat(self) -> None:
        self._kinds += 1
        with self.valkey.client.pipeline(transaction=False) as pipeline:
            for number, key in enumerate(self.valkey.client.scan_iter("catalog:*", count=1000)):
                pipeline.delete(key)
                if (number + self._kinds) % 3 == 0:
                    pipeline.rpush(key, "garbage")
                else:
                    pipeline.set(key, b"garbage" if number % 2 else b"0123456789abcdef")
            pipeline.execute()


class OlderSnapshot(Trouble):
    """Killed, and started from a snapshot that lacks the last writes."""

    @override
    def begin(self) -> None:
        self.valkey.client.save()

    @override
    def end(self) -> None:
        self.valkey.end(signal.SIGKILL)
        self.valkey.start()
        self.valkey.wait()


class Failover(Trouble):
    """A replica takes its primary's place on the same port, without the primary's last writes."""

    def __init__(self) -> None:
        super().__init__()
        self.replica: Valkey

    @override
    def start(self, folder: Path, stack: ExitStack) -> str:
        url = super().start(folder, stack)
        self.replica = Valkey(folder)
        stack.enter_context(started([self.replica]))
        self.replica.client.replicaof(HOST, str(self.valkey.port))
        return url

    @override
    def begin(self) -> None:
        # What is written from here on never reaches the replica.
        self.valkey.client.wait(1, 10_000)
        self.replica.client.replicaof("NO", "ONE")

    @override
    def end(self) -> None:
        self.valkey.end(signal.SIGKILL)
        self.replica.client.config_set("port", self.valkey.port)


class FailoverBehindProxy(Failover):
    """As before, behind an endpoint that keeps the connections and hides the server's run_id."""

    applied_again_after = 15.0

    @override
    def start(self, folder: Path, stack: ExitStack) -> str:
        super().start(folder, stack)
        self._proxy = RedisProxy()
        return f"redis://{HOST}:{self._proxy.port}/0"

    @override
    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        async with self._proxy.serving(self.valkey.port):
            yield

    @override
    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.begin)
        yield
        self._proxy.switch(self.replica.port)
        await asyncio.to_thread(self.valkey.end, signal.SIGKILL)


TROUBLES: Mapping[str, Callable[[], Trouble]] = {
    "stopped": Ended,
    "killed": Killed,
    "frozen": Frozen,
    "refusing_writes": RefusingWrites,
    "full": Full,
    "evicting": Evicting,
    "flushed": Flushed,
    "connections_cut": ConnectionsCut,
    "garbage": Garbage,
    "older_snapshot": OlderSnapshot,
    "failover": Failover,
    "failover_behind_proxy": FailoverBehindProxy,
}
