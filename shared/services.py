"""The composition root: builds the parts of the application, each when it is first needed.

A function app pays for its imports at every cold start, and a request that the cache answers needs neither SQL nor
Azure's SDKs. So each part's module is imported here, at first use, and nowhere at the top of a module that
`function_app` loads.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from shared.settings import Settings

if TYPE_CHECKING:
    from shared.cache.outbox import Outbox
    from shared.cache.settings import CacheSettings
    from shared.cache.store import CacheStore
    from shared.cache.views import CachedViews
    from shared.catalog.service import CatalogService
    from shared.database.database import Database
    from shared.identity.service import IdentityService
    from shared.imports.reconcile import Reconciliation
    from shared.imports.service import ImportService
    from shared.telemetry.cache import MeasuredCache


@runtime_checkable
class Closeable(Protocol):
    """A part that holds connections, threads or tasks."""

    async def close(self) -> None:
        """Ends them."""


class Services:
    """The application's parts for one set of settings; one of these per process (or per test)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @functools.cached_property
    def database(self) -> Database:
        """SQL connections."""
        from shared.database.database import Database

        return Database(self.settings)

    @functools.cached_property
    def cache(self) -> CacheStore:
        """Pages and generations in Redis; needs SQL only once Redis comes back after it was away."""
        from shared.cache.store import CacheStore

        async def catch_up() -> None:
            await self.outbox.catch_up()

        return CacheStore(_cache_settings(self.settings), catch_up, self._cache_telemetry)

    @functools.cached_property
    def outbox(self) -> Outbox:
        """Writes, with the invalidation of the pages that they make stale."""
        from shared.cache.outbox import Outbox
        from shared.database.outbox import OutboxTransactions
        from shared.database.tables import cache_invalidations

        transactions = OutboxTransactions(self.database.catalog)
        return Outbox(transactions, cache_invalidations, self.cache, self._cache_telemetry)

    @functools.cached_property
    def views(self) -> CachedViews:
        """Cached replies."""
        from shared.cache.views import CachedViews

        return CachedViews(self.cache, self._cache_telemetry)

    @functools.cached_property
    def _cache_telemetry(self) -> MeasuredCache:
        from shared.telemetry.cache import MeasuredCache

        return MeasuredCache()

    @functools.cached_property
    def catalog(self) -> CatalogService:
        """Products and categories."""
        from shared.catalog.service import CatalogService

        return CatalogService(self.database, self.outbox)

    @functools.cached_property
    def imports(self) -> ImportService:
        """Imports of CSV files, from blob to table."""
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
        """Ends the parts that were built, the newest first, and the database, which they use, last."""
        built = vars(self)
        for name, part in reversed(list(built.items())):
            if name != "database" and isinstance(part, Closeable):
                await part.close()
        if "database" in built:
            self.database.close()


def _cache_settings(settings: Settings) -> CacheSettings:
    from shared.azure.redis_credentials import redis_credentials
    from shared.cache.settings import CacheSettings

    url = settings.redis_url.get_secret_value()
    return CacheSettings(
        url=url,
        credentials=redis_credentials(url, settings.azure_client_id),
        enabled=settings.cache_enabled,
        ttl=settings.cache_ttl,
        read_timeout=settings.cache_timeout,
        write_timeout=settings.cache_write_timeout,
        key_prefix="catalog",
    )
