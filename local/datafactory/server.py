"""Data Factory's REST API (api-version 2018-06-01) as azure-mgmt-datafactory sends it.

As in Azure Resource Manager, the case of paths doesn't matter, and errors have its form.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.datafactory.definitions import Definition
from local.datafactory.factory import (
    QUEUE_LIMIT,
    Factory,
    RunHasEndedError,
    ThrottledError,
    UnknownPipelineError,
    UnknownRunError,
)
from local.datafactory.json_values import Json
from local.datafactory.run_records import ActivityRun, PipelineRun

type Handler = Callable[[Factory, re.Match[str], Json], Response]

_API_VERSION = "2018-06-01"
_PREFIX = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.DataFactory/factories/[^/]+"
_PAGE = 100


class RunFilter(Definition):
    """A condition of a query."""

    operand: str
    operator: str
    values: list[str]


class RunOrder(Definition):
    """The order of a query's result."""

    order_by: str
    order: str = "ASC"


class RunQuery(Definition):
    """The body of queryPipelineRuns and queryActivityruns."""

    last_updated_after: dt.datetime
    last_updated_before: dt.datetime
    filters: list[RunFilter] = Field(default=[])
    order_by: list[RunOrder] = Field(default=[])
    continuation_token: str | None = None


class ArmError(Exception):
    """An error in the form of Azure Resource Manager."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def create_app(factory: Factory) -> Starlette:
    """The API of the factory. A client may use any subscription, resource group and factory name."""

    async def handle(request: Request) -> Response:
        if request.query_params.get("api-version") != _API_VERSION:
            raise ArmError(400, "InvalidApiVersionParameter", f"Expected the api-version '{_API_VERSION}'.")
        body = await _body_of(request)
        for (method, pattern), handler in _ROUTES.items():
            match = pattern.fullmatch(request.url.path)
            if match and method == request.method:
                return await run_in_threadpool(handler, factory, match, body)
        raise ArmError(404, "InvalidResourceType", f"There is nothing at {request.method} {request.url.path}.")

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except ArmError as error:
            content = {"error": {"code": error.code, "message": str(error)}}
            return JSONResponse(content, error.status)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])])


async def _body_of(request: Request) -> Json:
    if not await request.body():
        return {}
    try:
        body: Json = await request.json()
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", "The request content is not valid JSON.") from error
    return body


def _create_run(factory: Factory, match: re.Match[str], body: Json) -> Response:
    if not isinstance(body, dict):
        raise ArmError(400, "BadRequest", "Expected the run's parameters as a JSON object.")
    try:
        return JSONResponse({"runId": factory.create_run(match["name"], body)})
    except UnknownPipelineError as error:
        raise ArmError(404, "PipelineNotFound", f"The document could not be retrieved: pipeline {error}.") from error
    except ThrottledError as error:
        raise ArmError(
            400,
            "BadRequest",
            "Pipeline execution throttled. If the concurrency value is set for a pipeline, "
            f"a maximum of {QUEUE_LIMIT} runs will be queued for execution.",
        ) from error


def _get_run(factory: Factory, match: re.Match[str], _body: Json) -> Response:
    return JSONResponse(_pipeline_run(_run_of(factory, match["id"])))


def _cancel_run(factory: Factory, match: re.Match[str], _body: Json) -> Response:
    try:
        factory.cancel(match["id"])
    except UnknownRunError as error:
        raise _no_such_run(match["id"]) from error
    except RunHasEndedError as error:
        raise ArmError(400, "BadRequest", f"The pipeline run {match['id']} has ended already.") from error
    return Response(status_code=200)


def _query_pipeline_runs(factory: Factory, _match: re.Match[str], body: Json) -> Response:
    query = _query_of(body)
    runs = factory.records.updated_between(_text(query.last_updated_after), _text(query.last_updated_before))
    fields: Mapping[str, Callable[[PipelineRun], str]] = {
        "pipelinename": lambda run: run.pipeline_name,
        "status": lambda run: run.status,
        "runstart": lambda run: run.run_start,
        "runend": lambda run: run.run_end or "",
        "rungroupid": lambda run: run.run_id,
    }
    return _page(_selected(runs, query, fields), query, _pipeline_run)


def _query_activity_runs(factory: Factory, match: re.Match[str], body: Json) -> Response:
    query = _query_of(body)
    run = _run_of(factory, match["id"])
    fields: Mapping[str, Callable[[ActivityRun], str]] = {
        "activityname": lambda activity: activity.activity_name,
        "activitytype": lambda activity: activity.activity_type,
        "status": lambda activity: activity.status,
        "activityrunstart": lambda activity: activity.activity_run_start,
        "activityrunend": lambda activity: activity.activity_run_end or "",
    }
    begin, end = _text(query.last_updated_after), _text(query.last_updated_before)
    activities = [
        activity
        for activity in factory.records.activities(run.run_id)
        if begin <= (activity.activity_run_end or activity.activity_run_start) <= end
    ]
    return _page(_selected(activities, query, fields), query, lambda activity: _activity_run(activity, run))


_ROUTES: dict[tuple[str, re.Pattern[str]], Handler] = {
    (method, re.compile(_PREFIX + pattern, re.IGNORECASE)): handler
    for method, pattern, handler in (
        ("POST", r"/pipelines/(?P<name>[^/]+)/createRun", _create_run),
        ("GET", r"/pipelineruns/(?P<id>[^/]+)", _get_run),
        ("POST", r"/pipelineruns/(?P<id>[^/]+)/cancel", _cancel_run),
        ("POST", r"/pipelineruns/(?P<id>[^/]+)/queryActivityruns", _query_activity_runs),
        ("POST", r"/queryPipelineRuns", _query_pipeline_runs),
    )
}


def _run_of(factory: Factory, run_id: str) -> PipelineRun:
    run = factory.records.run(run_id)
    if run is None:
        raise _no_such_run(run_id)
    return run


def _no_such_run(run_id: str) -> ArmError:
    return ArmError(404, "PipelineRunNotFound", f"No pipeline run with id {run_id} was found.")


def _query_of(body: Json) -> RunQuery:
    try:
        return RunQuery.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ArmError(400, "BadRequest", f"The query can't be used: {place}: {first['msg']}.") from error


def _selected[T](runs: list[T], query: RunQuery, fields: Mapping[str, Callable[[T], str]]) -> list[T]:
    for condition in query.filters:
        field = _known(fields, condition.operand)
        operator = condition.operator.lower()
        if operator not in {"equals", "in", "notequals", "notin"}:
            raise ArmError(400, "BadRequest", f"The operator '{condition.operator}' is not known.")
        wanted = operator in {"equals", "in"}
        runs = [run for run in runs if (field(run) in condition.values) == wanted]
    for order in reversed(query.order_by):
        runs = sorted(runs, key=_known(fields, order.order_by), reverse=order.order.upper() == "DESC")
    return runs


def _known[T](fields: Mapping[str, Callable[[T], str]], name: str) -> Callable[[T], str]:
    field = fields.get(name.lower())
    if field is None:
        raise ArmError(400, "BadRequest", f"'{name}' is not known to the local Data Factory's queries.")
    return field


def _page[T](runs: list[T], query: RunQuery, render: Callable[[T], dict[str, Json]]) -> Response:
    token = query.continuation_token or "0"
    if not token.isdecimal():
        raise ArmError(400, "BadRequest", "The continuationToken is not valid.")
    begin = int(token)
    content: dict[str, Json] = {"value": [render(run) for run in runs[begin : begin + _PAGE]]}
    if begin + _PAGE < len(runs):
        content["continuationToken"] = str(begin + _PAGE)
    return JSONResponse(content)


def _text(time: dt.datetime) -> str:
    """A time in the form of the records. A time without a zone is UTC."""
    utc = time.astimezone(dt.UTC) if time.tzinfo else time
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _milliseconds(begin: str, end: str | None) -> int | None:
    if end is None:
        return None
    return round((dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(begin)).total_seconds() * 1000)


def _pipeline_run(run: PipelineRun) -> dict[str, Json]:
    return {
        "runId": run.run_id,
        "runGroupId": run.run_id,
        "isLatest": True,
        "pipelineName": run.pipeline_name,
        "parameters": dict(run.parameters),
        "invokedBy": {"name": "Manual", "id": run.run_id, "invokedByType": "Manual"},
        "lastUpdated": run.last_updated,
        "runStart": run.run_start,
        "runEnd": run.run_end,
        "durationInMs": _milliseconds(run.run_start, run.run_end),
        "status": run.status,
        "message": run.message,
    }


def _activity_run(activity: ActivityRun, run: PipelineRun) -> dict[str, Json]:
    return {
        "pipelineName": run.pipeline_name,
        "pipelineRunId": run.run_id,
        "activityName": activity.activity_name,
        "activityType": activity.activity_type,
        "activityRunId": activity.activity_run_id,
        "status": activity.status,
        "activityRunStart": activity.activity_run_start,
        "activityRunEnd": activity.activity_run_end,
        "durationInMs": _milliseconds(activity.activity_run_start, activity.activity_run_end),
        "output": activity.output,
        "error": activity.error
        or {"errorCode": "", "message": "", "failureType": "", "target": activity.activity_name, "details": ""},
    }
