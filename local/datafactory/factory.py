"""The factory: a queue per pipeline with its concurrency, cancelling, and restarts.

A run that was in progress when the factory was killed begins again with its first activity. Both pipelines may be
repeated: Copy empties its staging, and Merge does nothing twice. (Azure's Data Factory outlives its machines.) A run
that was started three times without an end fails, so that a run that kills the factory is not repeated for ever.
"""

from __future__ import annotations

import logging
import threading
import uuid

from local.datafactory.definitions import Definitions
from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.json_values import Json
from local.datafactory.pipeline_run import Execution, execute
from local.datafactory.run_records import PipelineRun, RunRecords, now
from local.datafactory.stop import Stop
from local.datafactory.stores import Stores

log = logging.getLogger(__name__)

# Source: Data Factory's limits, "Maximum queued runs per pipeline".
QUEUE_LIMIT = 100
_STARTS_AT_MOST = 3


class UnknownPipelineError(Exception):
    """There is no pipeline of that name."""


class UnknownRunError(Exception):
    """There is no run of that id."""


class RunHasEndedError(Exception):
    """A run that has ended can't be cancelled."""


class ThrottledError(Exception):
    """The pipeline's queue is full."""


class Factory:
    """Runs pipelines in threads. Their concurrency limits how many runs of a pipeline run at once."""

    def __init__(
        self, definitions: Definitions, records: RunRecords, stores: Stores, longest_retry_wait: float | None = None
    ) -> None:
        self.records = records
        self._definitions = definitions
        self._stores = stores
        self._longest_retry_wait = longest_retry_wait
        self._lock = threading.RLock()
        self._running: dict[str, tuple[PipelineRun, Stop, threading.Thread]] = {}
        self._closing = False

    def start(self) -> None:
        """Ends or queues again the runs that were in progress at the last stop, then starts queued runs."""
        for run in self.records.with_status("InProgress", "Canceling"):
            self.records.end_lost_activities(run.run_id)
            if run.status == "Canceling":
                self.records.end(run.run_id, "Cancelled")
            elif run.starts >= _STARTS_AT_MOST:
                self.records.end(run.run_id, "Failed", f"The factory was stopped {run.starts} times during this run.")
            else:
                self.records.mark(run.run_id, "Queued")
        self._stores.sql.sweep()
        with self._lock:
            for name in {run.pipeline_name for run in self.records.with_status("Queued")}:
                self._start_waiting(name)

    def close(self) -> None:
        """Interrupts the running runs, which begin again at the next start."""
        with self._lock:
            self._closing = True
            running = list(self._running.values())
            for _, stop, _ in running:
                stop.request()
        for _, _, thread in running:
            thread.join()
        self.records.close()

    def create_run(self, pipeline_name: str, parameters: dict[str, Json]) -> str:
        """Queues a run and returns its id. Raises UnknownPipelineError, ThrottledError."""
        name = next(
            (item for item in self._definitions.pipeline_names() if item.lower() == pipeline_name.lower()), None
        )
        if name is None:
            raise UnknownPipelineError(pipeline_name)
        with self._lock:
            queued = sum(run.pipeline_name == name for run in self.records.with_status("Queued"))
            if queued >= QUEUE_LIMIT:
                raise ThrottledError(name)
            run = PipelineRun(str(uuid.uuid4()), name, parameters, "Queued", now())
            self.records.add(run)
            self._start_waiting(name)
        return run.run_id

    def cancel(self, run_id: str) -> None:
        """Ends a queued run, or stops a running one. Raises UnknownRunError, RunHasEndedError."""
        with self._lock:
            run = self.records.run(run_id)
            if run is None:
                raise UnknownRunError(run_id)
            if run.status == "Queued":
                self.records.end(run_id, "Cancelled")
            elif run_id in self._running:
                self.records.mark(run_id, "Canceling")
                self._running[run_id][1].request()
            else:
                raise RunHasEndedError(run_id)

    def _start_waiting(self, pipeline_name: str) -> None:
        """Starts the oldest queued runs of a pipeline, up to its concurrency."""
        if self._closing:
            return
        limit = self._concurrency(pipeline_name)
        going = sum(run.pipeline_name == pipeline_name for run, _, _ in self._running.values())
        for run in [item for item in self.records.with_status("Queued") if item.pipeline_name == pipeline_name]:
            if limit is not None and going >= limit:
                return
            going += 1
            stop = Stop()
            thread = threading.Thread(target=self._run, args=(run, stop), name=f"run-{run.run_id}")
            self._running[run.run_id] = (run, stop, thread)
            self.records.begin(run.run_id)
            thread.start()

    def _concurrency(self, pipeline_name: str) -> int | None:
        try:
            return self._definitions.concurrency(pipeline_name)
        except InvalidDefinitionError:
            return 1  # the run fails with this error

    def _run(self, run: PipelineRun, stop: Stop) -> None:
        status, message = execute(
            Execution(run, self._definitions, self._stores, self.records, stop, self._longest_retry_wait)
        )
        with self._lock:
            del self._running[run.run_id]
            if status == "Cancelled" and self._closing and self._status(run.run_id) != "Canceling":
                return  # the run begins again at the next start
            self.records.end(run.run_id, status, message)
            self._start_waiting(run.pipeline_name)

    def _status(self, run_id: str) -> str:
        run = self.records.run(run_id)
        return run.status if run else ""
