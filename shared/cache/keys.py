"""Names: tags, views, and the keys in Redis that belong to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# Every tag that has a generation, so that all can be made anew at once; see generations.py.
TAGS_KEY = "catalog:tags"
# The run_id of the server that the generations were last known good on.
SERVER_KEY = "catalog:server"
# Written now and then, to know whether the server takes writes; see store.py.
WRITABLE_KEY = "catalog:writable"


def generation_key(tag: str) -> str:
    """Where a tag's generation stands."""
    return f"catalog:g:{{{tag}}}"


@dataclass(frozen=True, slots=True)
class View:
    """A cached reply: the tag whose changes make it stale, and what it shows, validated and normalised.

    Both of its keys share the hash tag `{tag}`, so that one MGET reads them on a cluster too. What a user typed
    stands in the page's key only as a digest.
    """

    generation_key: str
    page_key: str

    @classmethod
    def of(cls, tag: str, shows: str) -> View:
        """The view of `shows` (any text that is equal for equal replies and differs for different ones)."""
        digest = hashlib.blake2b(shows.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return cls(generation_key(tag), f"catalog:p:{{{tag}}}:{digest}")
