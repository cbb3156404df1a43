"""Builds the parts of the application, each when it is first needed.

A function app pays for its imports at every cold start, and a request that the cache answers needs neither SQL nor
Azure's SDKs: so each part's module is imported here, at first use, and nowhere at the top of a module that
`function_app` loads.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shared.settings import Settings

if TYPE_CHECKING:
    from shared.cache.outbox import Outbox
    from shared.cache.store import CacheStore
    from shared.cache.views import CachedViews
    from shared.catalog.service import CatalogService
    from shared.database.engine import Database
    from shared.identity.service import IdentityService
    from shared.imports.reconcile import Reconciliation
    from shared.imports.service import ImportService


class Services:
    """The application's parts for one set of settings; one of these per process (or per test)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @functools.cached_property
    def database(self) -> Database:
        """SQL connections."""
        from shared.database.engine import Database

        return Database(self.settings)

    @functools.cached_property
    def cache(self) -> CacheStore:
        """Pages and generations in Redis; needs SQL only once Redis comes back after it was away."""
        from shared.cache.store import CacheStore

        async def catch_up() -> None:
            await self.outbox.catch_up()

        return CacheStore(self.settings, catch_up)

    @functools.cached_property
    def outbox(self) -> Outbox:
        """The outbox of stale tags."""
        from shared.cache.outbox import Outbox

        return Outbox(self.database, self.cache)

    @functools.cached_property
    def views(self) -> CachedViews:
        """Cached replies."""
        from shared.cache.views import CachedViews

        return CachedViews(self.cache)

    @functools.cached_property
    def catalog(self) -> CatalogService:
        """Products and categories."""
        from shared.catalog.service import CatalogService

        return CatalogService(self.database, self.outbox)

    @functools.cached_property
    def imports(self) -> ImportService:
        """A CSV's way from blob to table."""
        from shared.imports.service import ImportService

        return ImportService(self.database, self.outbox, self.settings)

    @functools.cached_property
    def reconciliation(self) -> Reconciliation:
        """What the timer does for imports."""
        return self.imports.reconciliation

    @functools.cached_property
    def identity(self) -> IdentityService:
        """Users, tokens and roles."""
        from shared.identity.service import IdentityService

        return IdentityService(self.settings, lambda: self.database.imports)

    async def close(self) -> None:
        """Ends what was begun: connections, threads, tasks."""
        if "imports" in self.__dict__:
            await self.imports.close()
        if "cache" in self.__dict__:
            await self.cache.close()
        if "identity" in self.__dict__:
            await self.identity.close()
        if "database" in self.__dict__:
            self.database.close()
