"""Runs an activity of each type."""

from __future__ import annotations

from local.datafactory.activity_context import ActivityContext, table_of
from local.datafactory.definitions import (
    AnyActivity,
    CopyActivity,
    Expression,
    FailActivity,
    LookupActivity,
    WaitActivity,
    seconds_of,
)
from local.datafactory.failures import ActivityFailedError, InvalidDefinitionError
from local.datafactory.json_values import Json, kind_of


def run_activity(activity: AnyActivity, context: ActivityContext) -> dict[str, Json]:
    """Runs the activity and returns its output.

    Raises ActivityFailedError, StoppedError, or InvalidDefinitionError, which fails the whole run.
    """
    match activity:
        case CopyActivity():
            # Imports pyarrow and azure.storage.blob, which would delay the server's start by 0.3 s.
            from local.datafactory.copy_activity import copy

            return copy(activity, context)
        case LookupActivity():
            return _look_up(activity, context)
        case WaitActivity():
            return _wait(activity, context)
        case FailActivity(type_properties=properties):
            raise ActivityFailedError(context.text(properties.error_code), context.text(properties.message))


def _look_up(activity: LookupActivity, context: ActivityContext) -> dict[str, Json]:
    properties = activity.type_properties
    table_of(properties.dataset.reference_name, context)
    source = properties.source
    parameters = {
        name: _as_type(context.scope.resolve(parameter.value), parameter.type, name)
        for name, parameter in source.stored_procedure_parameters.items()
    }
    row = context.stores.sql.call(
        source.sql_reader_stored_procedure_name, parameters, seconds_of(source.query_timeout), context.stop
    )
    return {"firstRow": row, "effectiveIntegrationRuntime": "Local"}


def _as_type(value: Json, kind: str, name: str) -> Json:
    if kind == "String" and isinstance(value, str):
        return value
    if kind.startswith("Int") and isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidDefinitionError(f"The procedure's parameter '{name}' expects {kind}, got {kind_of(value)}.")


def _wait(activity: WaitActivity, context: ActivityContext) -> dict[str, Json]:
    value = activity.type_properties.wait_time_in_seconds
    seconds = context.scope.evaluate(value.value) if isinstance(value, Expression) else value
    if not isinstance(seconds, int):
        raise InvalidDefinitionError(f"'waitTimeInSeconds' expects Integer, got {kind_of(seconds)}.")
    context.stop.wait(seconds)
    return {}
