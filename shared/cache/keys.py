"""Names: views, cache tags, and their keys in Redis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A cached reply: the tag whose invalidation makes it stale, and a digest of what it shows."""

    tag: str
    digest: str
    ttl: float | None

    @classmethod
    def of(cls, tag: str, shows: str, ttl: float | None = None) -> View:
        """The view of `shows`: any text that is equal for equal replies and differs for different ones.

        Without `ttl` (seconds) its pages live as long as the settings say.
        """
        # A digest, so that no key in Redis contains what a user typed.
        return cls(tag, hashlib.blake2b(shows.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), ttl)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where a view stands in Redis: its tag's generation, and its page, which lives `ttl` seconds."""

    generation: str
    page: str
    ttl: float


class Keys:
    """All keys of one cache in Redis; they begin with the prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        # The set of the keys of all generations, so that all can be renewed at once; see generations.py.
        self.generations = f"{prefix}:tags"
        # The run_id of the server on which the generations were last known to be current.
        self.server = f"{prefix}:server"
        # Written now and then, to find out whether the server accepts writes; see store.py.
        self.writable = f"{prefix}:writable"

    def generation(self, tag: str) -> str:
        """The key of a tag's generation."""
        return f"{self._prefix}:g:{{{tag}}}"

    def of(self, view: View, default_ttl: float) -> CacheKey:
        """The keys of a view. They share the hash tag `{tag}`, so that one MGET reads both on a cluster too."""
        page = f"{self._prefix}:p:{{{view.tag}}}:{view.digest}"
        return CacheKey(self.generation(view.tag), page, default_ttl if view.ttl is None else view.ttl)
