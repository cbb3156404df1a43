"""Executes one run of a pipeline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from local.datafactory import control_flow
from local.datafactory.activities import run_activity
from local.datafactory.activity_context import ActivityContext
from local.datafactory.control_flow import Outcome
from local.datafactory.definitions import AnyActivity, Definitions, Pipeline, seconds_of
from local.datafactory.expressions import Scope
from local.datafactory.failures import ActivityFailedError, InvalidDefinitionError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.pipeline_parameters import parameters_of
from local.datafactory.run_records import ActivityRun, PipelineRun, RunRecords
from local.datafactory.stop import Stop
from local.datafactory.stores import Stores

log = logging.getLogger(__name__)

type EndStatus = Literal["Succeeded", "Failed", "Cancelled"]


@dataclass(frozen=True)
class Execution:
    """A run and its surroundings. `longest_retry_wait` is the maximum seconds between retries."""

    run: PipelineRun
    definitions: Definitions
    stores: Stores
    records: RunRecords
    stop: Stop
    longest_retry_wait: float | None


def execute(execution: Execution) -> tuple[EndStatus, str]:
    """Runs the pipeline to its end and deletes its staging. Returns the run's status and message."""
    run = execution.run
    try:
        pipeline = execution.definitions.pipeline(run.pipeline_name)
        control_flow.check_order(pipeline.activities)
        parameters = parameters_of(pipeline.parameters, run.parameters, f"pipeline '{pipeline.name}'")
        return _Activities(execution, pipeline, parameters).run()
    except StoppedError:
        return "Cancelled", ""
    except InvalidDefinitionError as error:
        log.warning("run %s of %s failed: %s", run.run_id, run.pipeline_name, error)
        return "Failed", str(error)
    except Exception as error:
        # The boundary of the run's thread: any error fails the run and stands in its message.
        log.exception("run %s of %s failed", run.run_id, run.pipeline_name)
        return "Failed", f"The local Data Factory failed: {error}"
    finally:
        execution.stores.sql.end_run(run.run_id)


class _Activities:
    """The activities of one run, with the values that their expressions see."""

    def __init__(self, execution: Execution, pipeline: Pipeline, parameters: dict[str, Json]) -> None:
        self._execution = execution
        self._pipeline = pipeline
        self._ended: dict[str, ActivityRun] = {}
        seen: dict[str, Json] = {
            "parameters": parameters,
            "RunId": execution.run.run_id,
            "Pipeline": pipeline.name,
            "DataFactory": "local",
            "TriggerTime": execution.run.run_start,
        }
        self._scope = Scope({"pipeline": lambda _arguments: seen, "activity": self._activity})

    def run(self) -> tuple[EndStatus, str]:
        outcomes = control_flow.run_activities(self._pipeline.activities, self._run_activity)
        name = control_flow.decisive_failure(self._pipeline.activities, outcomes)
        if name is None:
            return "Succeeded", ""
        return "Failed", f"Operation on target {name} failed: {self._ended[name].error.get('message')}"

    def _activity(self, arguments: Sequence[Json]) -> Json:
        if len(arguments) != 1 or arguments[0] not in self._ended:
            raise InvalidDefinitionError(
                f"The activity '{', '.join(map(str, arguments))}' has not run before this one."
            )
        ended = self._ended[str(arguments[0])]
        return {
            "output": ended.output,
            "error": ended.error,
            "Status": ended.status,
            "ActivityName": ended.activity_name,
        }

    def _run_activity(self, activity: AnyActivity) -> Outcome:
        policy = activity.policy
        for attempt in range(policy.retry + 1):
            self._execution.stop.check()
            outcome = self._attempt(activity)
            if outcome == "Succeeded" or attempt == policy.retry:
                return outcome
            pause = float(policy.retry_interval_in_seconds)
            if self._execution.longest_retry_wait is not None:
                pause = min(pause, self._execution.longest_retry_wait)
            self._execution.stop.wait(pause)
        raise AssertionError("the last attempt returns")

    def _attempt(self, activity: AnyActivity) -> Outcome:
        execution = self._execution
        record = ActivityRun(execution.run.run_id, activity.name, activity.type)
        execution.records.begin_activity(record)
        stop = Stop()
        timeout = threading.Timer(seconds_of(activity.policy.timeout), stop.request)
        timeout.daemon = True
        context = ActivityContext(record, self._scope, execution.definitions, execution.stores, stop)
        try:
            timeout.start()
            with execution.stop.on_request(stop.request):
                record.output = run_activity(activity, context)
            record.status = "Succeeded"
        except ActivityFailedError as error:
            _fail(record, error.code, error.message, error.failure_type)
        except StoppedError:
            if execution.stop.requested:
                record.status = "Cancelled"
                raise
            _fail(record, "2105", f"The activity ran beyond its timeout of {activity.policy.timeout}.", "UserError")
        except InvalidDefinitionError as error:
            _fail(record, "2106", str(error), "UserError")
            raise
        except Exception as error:
            _fail(record, "2108", str(error), "SystemError")
            raise
        finally:
            timeout.cancel()
            execution.records.end_activity(record)
        self._ended[activity.name] = record
        return "Succeeded" if record.status == "Succeeded" else "Failed"


def _fail(record: ActivityRun, code: str, message: str, failure_type: str) -> None:
    log.warning("activity %s of run %s failed: %s", record.activity_name, record.run_id, message)
    record.status = "Failed"
    record.error = {
        "errorCode": code,
        "message": message,
        "failureType": failure_type,
        "target": record.activity_name,
        "details": "",
    }
