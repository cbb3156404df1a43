"""The faults of Redis, each injected into a real Valkey."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import override

from local.services import HOST
from proofs.cache.processes import Valkey, running
from proofs.cache.redis_proxy import RedisProxy

_REPEAT_SECONDS = 0.3  # interval of what a fault repeats
_FULL_BYTES = 64 * 1024
_MARGIN_BYTES = 32 * 1024


class Fault:
    """A fault of a Valkey."""

    # After a failover only the second application of an invalidation helps, when the invalidation is 15 s old.
    applied_again_after = 0.0

    def __init__(self) -> None:
        self.valkey: Valkey

    def start(self, folder: Path, stack: ExitStack) -> str:
        """Starts the servers, which the stack ends, and returns REDIS_URL of the instances."""
        self.valkey = Valkey(folder)
        stack.enter_context(running([self.valkey]))
        return self.valkey.url

    @contextlib.asynccontextmanager
    async def proxied(self) -> AsyncIterator[None]:
        """Runs the proxy, if the fault needs one, from before the instances start until they have ended."""
        yield

    @contextlib.asynccontextmanager
    async def active(self) -> AsyncIterator[None]:
        """Injects the fault, and restores Redis at the end."""
        await asyncio.to_thread(self.begin)
        repeating = asyncio.create_task(self._repeat())
        try:
            yield
        finally:
            repeating.cancel()
            await asyncio.gather(repeating, return_exceptions=True)
            await asyncio.to_thread(self.end)

    def begin(self) -> None:
        """Injects the fault."""

    def repeat(self) -> None:
        """Repeats a part of the fault while it lasts."""

    def end(self) -> None:
        """Restores Redis."""

    async def _repeat(self) -> None:
        while True:
            await asyncio.to_thread(self.repeat)
            await asyncio.sleep(_REPEAT_SECONDS)


class Ended(Fault):
    """Valkey ends with SIGTERM, and starts again empty."""

    number = signal.SIGTERM

    @override
    def begin(self) -> None:
        self.valkey.end(self.number)

    @override
    def end(self) -> None:
        self.valkey.start()
        self.valkey.wait_until_ready()


class Killed(Ended):
    """Valkey is killed, and starts again empty."""

    number = signal.SIGKILL


class Frozen(Fault):
    """Valkey keeps its connections and doesn't answer."""

    @override
    def begin(self) -> None:
        self.valkey.send(signal.SIGSTOP)

    @override
    def end(self) -> None:
        self.valkey.send(signal.SIGCONT)


class RefusingWrites(Fault):
    """Valkey answers reads, and writes with NOREPLICAS."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("min-replicas-to-write", 1)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("min-replicas-to-write", 0)


class Full(Fault):
    """Valkey answers reads, and writes with OOM."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("maxmemory-policy", "noeviction")
        self.valkey.client.config_set("maxmemory", _FULL_BYTES)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("maxmemory", 0)


class Evicting(Fault):
    """Valkey has memory for a few keys, and evicts at random."""

    @override
    def begin(self) -> None:
        self.valkey.client.config_set("maxmemory-policy", "allkeys-random")

    @override
    def repeat(self) -> None:
        # The limit shrinks until hardly a key is left. Then it allows a few more keys.
        used = int(self.valkey.client.info("memory")["used_memory"])
        self.valkey.client.config_set("maxmemory", used - _MARGIN_BYTES)
        self.valkey.client.config_set("maxmemory", used + _MARGIN_BYTES)

    @override
    def end(self) -> None:
        self.valkey.client.config_set("maxmemory", 0)


class Flushed(Fault):
    """Valkey is flushed again and again."""

    @override
    def repeat(self) -> None:
        self.valkey.client.flushall()


class ConnectionsCut(Fault):
    """Valkey closes all connections again and again."""

    @override
    def repeat(self) -> None:
        self.valkey.client.client_kill_filter(_type="normal", skipme=True)


class Garbage(Fault):
    """Another program overwrites all of our keys, with texts and lists in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._repetitions = 0

    @override
    def repeat(self) -> None:
        self._repetitions += 1
        with self.valkey.client.pipeline(transaction=False) as pipeline:
            for number, key in enumerate(self.valkey.client.scan_iter("catalog:*", count=1000)):
                pipeline.delete(key)
                if (number + self._repetitions) % 3 == 0:
                    pipeline.rpush(key, "garbage")
                else:
                    pipeline.set(key, b"garbage" if number % 2 else b"0123456789abcdef")
            pipeline.execute()


class OlderSnapshot(Fault):
    """Valkey is killed, and starts from a snapshot that lacks the last writes."""

    @override
    def begin(self) -> None:
        self.valkey.client.save()

    @override
    def end(self) -> None:
        self.valkey.end(signal.SIGKILL)
        self.valkey.start()
        self.valkey.wait_until_ready()


class Failover(Fault):
    """A replica without the last writes replaces its primary on the same port."""

    def __init__(self) -> None:
        super().__init__()
        self.replica: Valkey

    @override
    def start(self, folder: Path, stack: ExitStack) -> str:
        url = super().start(folder, stack)
        self.replica = Valkey(folder)
        stack.enter_context(running([self.replica]))
        self.replica.client.replicaof(HOST, str(self.valkey.port))
        return url

    @override
    def begin(self) -> None:
        # Later writes don't reach the replica.
        self.valkey.client.wait(1, 10_000)
        self.replica.client.replicaof("NO", "ONE")

    @override
    def end(self) -> None:
        self.valkey.end(signal.SIGKILL)
        self.replica.client.config_set("port", self.valkey.port)


class FailoverBehindProxy(Failover):
    """The same failover behind an endpoint that keeps connections open and hides the server's run_id."""

    applied_again_after = 15.0

    @override
    def start(self, folder: Path, stack: ExitStack) -> str:
        super().start(folder, stack)
        self._proxy = RedisProxy()
        return f"redis://{HOST}:{self._proxy.port}/0"

    @override
    @contextlib.asynccontextmanager
    async def proxied(self) -> AsyncIterator[None]:
        async with self._proxy.serving(self.valkey.port):
            yield

    @override
    @contextlib.asynccontextmanager
    async def active(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.begin)
        yield
        self._proxy.switch(self.replica.port)
        await asyncio.to_thread(self.valkey.end, signal.SIGKILL)


FAULTS: Mapping[str, Callable[[], Fault]] = {
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
