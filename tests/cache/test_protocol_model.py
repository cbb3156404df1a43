"""The cache's protocol as a model: every interleaving of two readers, two writers, a crash and a drain.

The model's steps are those of shared/cache: one SQL commit (with its outbox row), one renewal of the generation, the
reply; and one look-up, one query, one store, the reply. The explorer takes them in every order and looks for a read
that began after a write's reply and shows the state before it. It finds none; and it does find one wherever the
protocol is changed in one of the ways that look harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pytest

type Protocol = Literal[
    "ours", "invalidate before commit", "generation read after the query", "delete after write", "no outbox"
]


@dataclass(frozen=True)
class World:
    """SQL, Redis, and who is at which step; a version counts the commits, `replied` is the newest replied to."""

    version: int = 0
    outbox: frozenset[int] = frozenset()
    generation: int = 0
    # The page in Redis: the generation it was stored under and the version it shows.
    page: tuple[int, int] | None = None
    replied: int = 0
    # Each writer: step, and the version that it committed.
    writers: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    # Each reader: step, what had been replied when it began, generation, version read.
    readers: tuple[tuple[int, int, int, int], ...] = ((0, 0, 0, 0), (0, 0, 0, 0))
    # Versions whose writer died before its invalidation: allowed to be stale until the drain.
    crashed: bool = False
    drained: bool = False
    stale: bool = False


_WRITER_ENDED = 9
_READER_ENDED = 9


def _set[T](items: tuple[T, ...], index: int, item: T) -> tuple[T, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _renewed(world: World, protocol: Protocol) -> World:
    if protocol == "delete after write":
        return replace(world, page=None)
    return replace(world, generation=world.generation + 1)


def _writer_steps(world: World, index: int, protocol: Protocol) -> Iterator[World]:
    step, own = world.writers[index]
    if step == _WRITER_ENDED:
        return
    ended = _set(world.writers, index, (_WRITER_ENDED, own))
    order = ("renew", "commit", "reply") if protocol == "invalidate before commit" else ("commit", "renew", "reply")
    match order[step]:
        case "commit":
            version = world.version + 1
            outbox = world.outbox if protocol == "no outbox" else world.outbox | {version}
            after = _set(world.writers, index, (step + 1, version))
            yield replace(world, version=version, outbox=outbox, writers=after)
        case "renew":
            yield replace(_renewed(world, protocol), writers=_set(world.writers, index, (step + 1, own)))
        case _:
            yield replace(world, replied=max(world.replied, own), writers=ended)
    if step and not world.crashed:
        # The process dies without a reply: nothing is promised yet, and what it didn't invalidate is the drain's.
        yield replace(world, crashed=True, writers=ended)


def _reader_steps(world: World, index: int, protocol: Protocol) -> Iterator[World]:
    step, began, generation, version = world.readers[index]

    def at(*reader: int) -> tuple[tuple[int, int, int, int], ...]:
        return _set(world.readers, index, reader)  # type: ignore[arg-type]  # four of them

    late = protocol == "generation read after the query"
    if step == 0:  # look up
        hit = world.page is not None and (protocol == "delete after write" or world.page[0] == world.generation)
        if hit and world.page:
            stale = world.page[1] < world.replied
            yield replace(world, readers=at(_READER_ENDED, 0, 0, 0), stale=world.stale or stale)
        else:
            yield replace(world, readers=at(1, world.replied, world.generation, 0))
    elif step == 1:  # query
        yield replace(world, readers=at(2, began, generation, world.version))
    elif step == 2:  # store and reply
        under = world.generation if late else generation
        stale = version < began
        yield replace(world, page=(under, version), readers=at(3, 0, 0, 0), stale=world.stale or stale)
    elif step == 3:  # reads once more
        yield replace(world, readers=at(4, 0, 0, 0))
    elif step == 4:
        hit = world.page is not None and (protocol == "delete after write" or world.page[0] == world.generation)
        stale = bool(hit and world.page and world.page[1] < world.replied)
        yield replace(world, readers=at(_READER_ENDED, 0, 0, 0), stale=world.stale or stale)


def _steps(world: World, protocol: Protocol) -> Iterator[World]:
    for index in range(2):
        yield from _writer_steps(world, index, protocol)
        yield from _reader_steps(world, index, protocol)
    if world.outbox:
        yield replace(_renewed(world, protocol), outbox=frozenset(), drained=True)


def explore(protocol: Protocol) -> tuple[int, World | None]:
    """How many states there are, and one with a stale read where there is one."""
    seen: set[World] = set()
    todo = [World()]
    while todo:
        world = todo.pop()
        if world in seen:
            continue
        seen.add(world)
        if world.stale:
            return len(seen), world
        todo.extend(_steps(world, protocol))
    return len(seen), None


def test_no_interleaving_shows_a_state_from_before_a_reply() -> None:
    states, found = explore("ours")
    assert found is None, found
    assert states > 1_000


@pytest.mark.parametrize(
    "protocol", ["invalidate before commit", "generation read after the query", "delete after write"]
)
def test_the_explorer_finds_the_hole_of_a_weaker_protocol(protocol: Protocol) -> None:
    assert explore(protocol)[1] is not None


def stale_after_everything(protocol: Protocol) -> bool:
    """Whether a page from before a commit can still be served when all have ended and the drain had its turn."""
    seen: set[World] = set()
    todo = [World()]
    while todo:
        world = todo.pop()
        if world in seen:
            continue
        seen.add(world)
        following = list(_steps(world, protocol))
        todo.extend(following)
        at_rest = not following
        if at_rest and world.page and world.page[0] == world.generation and world.page[1] < world.version:
            return True
    return False


def test_a_crash_between_commit_and_invalidation_is_made_good_by_the_drain() -> None:
    assert not stale_after_everything("ours")
    assert stale_after_everything("no outbox")
