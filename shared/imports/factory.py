"""The runs of Azure Data Factory, through Microsoft's own client; locally the same calls go to the local factory."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from shared.identity.azure_credential import azure_credential
from shared.imports.schemas import Kind
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.mgmt.datafactory import DataFactoryManagementClient, models

log = logging.getLogger(__name__)

_TOO_MANY_REQUESTS = 429


class FactoryBusyError(Exception):
    """The factory's queue is full, or it can't be reached just now: the run is started later."""


@dataclass(frozen=True, slots=True)
class ActivityRun:
    """One activity of a run; `output` as Data Factory gives it (rowsRead, rowsCopied, dataRead in bytes, …).

    `error` is its error code and message, "" for none.
    """

    name: str
    status: str
    seconds: float
    output: dict[str, Any]
    error: str


@dataclass(frozen=True, slots=True)
class Run:
    """A pipeline run: Queued, InProgress, Succeeded, Failed, Canceling or Cancelled."""

    status: str
    message: str
    activities: tuple[ActivityRun, ...]


class Factory:
    """Blocking calls; raises FactoryBusyError where one may be tried again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, kind: Kind, import_id: str) -> str:
        """Starts the pipeline of this kind and gives the run's id."""
        try:
            reply = self._client.pipelines.create_run(
                *self._names, f"import_{kind}", parameters={"import_id": import_id}
            )
        except HttpResponseError as error:
            raise self._later(error) from error
        return str(reply.run_id)

    def run(self, run_id: str) -> Run | None:
        """How a run stands; None where the factory knows none of this id."""
        try:
            run = self._client.pipeline_runs.get(*self._names, run_id)
            activities = self._activities(run_id)
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            raise self._later(error) from error
        return Run(str(run.status), str(run.message or ""), activities)

    def cancel(self, run_id: str) -> None:
        """Asks for the run's end; one that has ended, or that the factory doesn't know, is left alone."""
        try:
            self._client.pipeline_runs.cancel(*self._names, run_id)
        except ResourceNotFoundError:
            return
        except HttpResponseError as error:
            log.info("Data Factory did not take the cancel of run %s: %s", run_id, error.message)

    def _activities(self, run_id: str) -> tuple[ActivityRun, ...]:
        from azure.mgmt.datafactory.models import RunFilterParameters

        now = dt.datetime.now(dt.UTC)
        window = RunFilterParameters(
            last_updated_after=now - dt.timedelta(days=2), last_updated_before=now + dt.timedelta(days=1)
        )
        found = self._client.activity_runs.query_by_pipeline_run(*self._names, run_id, window)
        return tuple(
            ActivityRun(
                name=str(activity.activity_name),
                status=str(activity.status),
                seconds=_seconds(activity, now),
                output=dict(activity.output) if isinstance(activity.output, dict) else {},
                error=_error_of(activity),
            )
            for activity in found.value or ()
        )

    def _later(self, error: HttpResponseError) -> FactoryBusyError:
        if error.status_code != _TOO_MANY_REQUESTS:
            log.warning("Data Factory: %s", error.message)
        return FactoryBusyError(str(error.message))

    @property
    def _names(self) -> tuple[str, str]:
        return self._settings.data_factory_resource_group, self._settings.data_factory_name

    @functools.cached_property
    def _client(self) -> DataFactoryManagementClient:
        from azure.core.pipeline.policies import SansIOHTTPPolicy
        from azure.mgmt.datafactory import DataFactoryManagementClient

        options: dict[str, Any] = {}
        endpoint = self._settings.data_factory_endpoint
        if _is_loopback(endpoint):
            # Plain HTTP to the local factory: a token must not go over it.
            options["authentication_policy"] = SansIOHTTPPolicy()
        return DataFactoryManagementClient(
            azure_credential(self._settings),
            self._settings.data_factory_subscription_id,
            base_url=endpoint,
            retry_total=2,
            connection_timeout=5,
            read_timeout=20,
            **options,
        )


def _seconds(activity: models.ActivityRun, now: dt.datetime) -> float:
    """How long an activity took, or has taken so far: Data Factory says so only of one that has ended."""
    if activity.duration_in_ms:
        return activity.duration_in_ms / 1000
    return (now - activity.activity_run_start).total_seconds() if activity.activity_run_start else 0.0


def _error_of(activity: models.ActivityRun) -> str:
    error = activity.error
    return f"{error.get('errorCode', '')} {error.get('message', '')}".strip() if isinstance(error, dict) else ""


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
