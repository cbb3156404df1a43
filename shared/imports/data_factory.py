"""Client of Azure Data Factory's pipeline runs. Locally the same calls go to the local factory."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from shared.azure.credential import azure_credential
from shared.imports.schemas import Kind
from shared.settings import Settings, is_loopback

if TYPE_CHECKING:
    from azure.mgmt.datafactory import DataFactoryManagementClient, models

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_RETRIES = 2
_LONGEST_WAIT_SECONDS = 5
_SERVER_ERROR = 500
# Margin of a query's time window: clocks differ, and an activity's last update is before that of its run.
_WINDOW_MARGIN = dt.timedelta(hours=1)
# How many pages of pipeline runs are searched. In Azure a page has 100 runs.
_PAGES = 10

_ENDED = frozenset({"Succeeded", "Failed", "Cancelled"})
_QUEUED = "Queued"
_ADOPTABLE = frozenset({_QUEUED, "InProgress", "Succeeded"})


class DataFactoryUnavailableError(Exception):
    """Data Factory didn't answer, or answered with a server error: it may have done what was requested."""


class DataFactoryRejectedError(Exception):
    """Data Factory refused the request and did nothing, most likely because its queue is full."""


@dataclass(frozen=True, slots=True)
class ActivityRun:
    """One activity of a run.

    `output` is Data Factory's (rowsRead, rowsCopied, dataRead in bytes, …). `error` is the error code and message, or
    "".
    """

    name: str
    status: str
    seconds: float
    output: Mapping[str, object]
    error: str


@dataclass(frozen=True, slots=True)
class Run:
    """A pipeline run: Queued, InProgress, Succeeded, Failed, Canceling or Cancelled."""

    status: str
    message: str
    activities: tuple[ActivityRun, ...]

    @property
    def has_ended(self) -> bool:
        """Whether it has a final status."""
        return self.status in _ENDED

    @property
    def was_throttled(self) -> bool:
        """Whether it was created and then failed because the queue was full ("Pipeline execution throttled")."""
        return self.status == "Failed" and not self.activities and "throttled" in self.message.lower()

    @property
    def failed_activities(self) -> Sequence[ActivityRun]:
        """The activities that failed, in their order."""
        return [activity for activity in self.activities if activity.status == "Failed"]

    def latest(self, name: str) -> ActivityRun | None:
        """The last attempt of the activity with this name."""
        return next((activity for activity in reversed(self.activities) if activity.name == name), None)


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Raises DataFactoryRejectedError for a refused request, DataFactoryUnavailableError where none was answered."""
    try:
        yield
    except HttpResponseError as error:
        if error.status_code is None or error.status_code >= _SERVER_ERROR:
            raise DataFactoryUnavailableError(error.message) from error
        raise DataFactoryRejectedError(error.message) from error
    except AzureError as error:
        raise DataFactoryUnavailableError(error.message) from error


class DataFactoryClient:
    """All calls block, and may raise DataFactoryUnavailableError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def create_run(self, kind: Kind, import_id: str, columns: Sequence[str]) -> str:
        """Starts the pipeline of this kind for a file with these columns; the run's id.

        Raises DataFactoryRejectedError.
        """
        parameters = {"import_id": import_id, "mapping": _mapping(columns)}
        with _answered():
            return str(self._client.pipelines.create_run(*self._names, _pipeline(kind), parameters).run_id)

    def find_run(self, kind: Kind, import_id: str, since: dt.datetime) -> str | None:
        """The id of a run of this import that was started after `since` and hasn't failed, or None."""
        from azure.mgmt.datafactory.models import RunFilterParameters, RunQueryFilter

        token: str | None = None
        for _ in range(_PAGES):
            query = RunFilterParameters(
                last_updated_after=since - _WINDOW_MARGIN,
                last_updated_before=dt.datetime.now(dt.UTC) + _WINDOW_MARGIN,
                filters=[RunQueryFilter(operand="PipelineName", operator="Equals", values_property=[_pipeline(kind)])],
                continuation_token=token,
            )
            try:
                found = self._client.pipeline_runs.query_by_factory(*self._names, query)
            except AzureError as error:
                raise DataFactoryUnavailableError(error.message) from error
            for run in found.value:
                if (run.parameters or {}).get("import_id") == import_id and run.status in _ADOPTABLE:
                    return str(run.run_id)
            token = found.continuation_token
            if not token:
                return None
        return None

    def get_run(self, run_id: str, since: dt.datetime) -> Run | None:
        """A run that was started after `since`; None where the factory doesn't know its id."""
        try:
            run = self._client.pipeline_runs.get(*self._names, run_id)
            # A queued run has no activities.
            activities = () if run.status == _QUEUED else self._activities(run_id, since)
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise DataFactoryUnavailableError(error.message) from error
        return Run(str(run.status), str(run.message or ""), activities)

    def has_run_ended(self, run_id: str) -> bool | None:
        """Whether a run has a final status; None where the factory doesn't know its id."""
        try:
            run = self._client.pipeline_runs.get(*self._names, run_id)
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise DataFactoryUnavailableError(error.message) from error
        return run.status in _ENDED

    def cancel_run(self, run_id: str) -> None:
        """Requests that a run is cancelled; does nothing where it has ended or the factory doesn't know its id."""
        try:
            with _answered():
                self._client.pipeline_runs.cancel(*self._names, run_id)
        except DataFactoryRejectedError as error:
            log.info("Data Factory refused to cancel run %s: %s", run_id, error)

    def _activities(self, run_id: str, since: dt.datetime) -> tuple[ActivityRun, ...]:
        from azure.mgmt.datafactory.models import RunFilterParameters

        now = dt.datetime.now(dt.UTC)
        window = RunFilterParameters(
            last_updated_after=since - _WINDOW_MARGIN, last_updated_before=now + _WINDOW_MARGIN
        )
        found = self._client.activity_runs.query_by_pipeline_run(*self._names, run_id, window)
        return tuple(
            ActivityRun(
                name=str(activity.activity_name),
                status=str(activity.status),
                seconds=_seconds(activity, now),
                output=activity.output if isinstance(activity.output, dict) else {},
                error=_error_of(activity),
            )
            for activity in sorted(found.value, key=lambda activity: activity.activity_run_start or now)
        )

    @property
    def _names(self) -> tuple[str, str]:
        return self._settings.data_factory_resource_group, self._settings.data_factory_name

    @functools.cached_property
    def _client(self) -> DataFactoryManagementClient:
        """Created at the first call: its package takes most of a second to load."""
        from azure.core.pipeline.policies import SansIOHTTPPolicy
        from azure.mgmt.datafactory import DataFactoryManagementClient

        endpoint = self._settings.data_factory_endpoint
        # No token is sent to the local factory over plain HTTP. None means the SDK's own policy.
        authentication: SansIOHTTPPolicy[Any, Any] | None = (  # Any: requests and replies of any transport
            SansIOHTTPPolicy() if is_loopback(urlsplit(endpoint).hostname or "") else None
        )
        return DataFactoryManagementClient(
            azure_credential(self._settings.azure_client_id),
            self._settings.data_factory_subscription_id,
            base_url=endpoint,
            retry_total=_RETRIES,
            retry_backoff_max=_LONGEST_WAIT_SECONDS,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            authentication_policy=authentication,
        )


def _pipeline(kind: Kind) -> str:
    return f"import_{kind}"


def _mapping(columns: Sequence[str]) -> str:
    """The TabularTranslator of Copy as JSON: maps the file's columns, and the run id that Copy adds, to staging."""
    names = ({"name": name, "type": "String"} for name in (*columns, "run_id"))
    mappings = [{"source": name, "sink": name} for name in names]
    return json.dumps({"type": "TabularTranslator", "mappings": mappings})


def _seconds(activity: models.ActivityRun, now: dt.datetime) -> float:
    """Duration of an activity. Data Factory has it only after the end; before, it is computed from the start."""
    if activity.duration_in_ms is not None:
        return activity.duration_in_ms / 1000
    started = activity.activity_run_start
    return max(0.0, (now - started).total_seconds()) if started else 0.0


def _error_of(activity: models.ActivityRun) -> str:
    error = activity.error
    return f"{error.get('errorCode', '')} {error.get('message', '')}".strip() if isinstance(error, dict) else ""
