"""The factory's JSON (ADF's git format) as typed definitions, with exactly the properties that this engine obeys.

Anything else (a type, a property, a value that asks for another behavior) raises an InvalidDefinitionError that names
it, so that nothing behaves differently here than in Azure.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.json_values import Json

type DependencyCondition = Literal["Succeeded", "Failed", "Skipped", "Completed"]

_SECONDS_PATTERN = r"^(\d+\.)?\d\d:\d\d:\d\d$"


class Definition(BaseModel):
    """A JSON object of the factory. Its properties are in camelCase; others are refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Expression(Definition):
    """An expression, evaluated when its activity runs."""

    type: Literal["Expression"]
    value: str


type Text = str | Expression


class LinkedServiceReference(Definition):
    """The name of a linked service."""

    type: Literal["LinkedServiceReference"]
    reference_name: str


class DatasetReference(Definition):
    """The name of a dataset and the values of its parameters."""

    type: Literal["DatasetReference"]
    reference_name: str
    parameters: dict[str, Json] = {}


class ParameterSpecification(Definition):
    """A parameter. Without a default it is required."""

    type: Literal["string", "String", "int", "Int", "bool", "Bool"]
    default_value: Json = None


class Dependency(Definition):
    """An activity to wait for. One of the conditions is enough."""

    activity: str
    dependency_conditions: Annotated[list[DependencyCondition], Field(min_length=1)]


class Policy(Definition):
    """How long an attempt may take, how often it is repeated, and after how many seconds."""

    timeout: Annotated[str, Field(pattern=_SECONDS_PATTERN)] = "0.12:00:00"
    retry: Annotated[int, Field(ge=0)] = 0
    retry_interval_in_seconds: Annotated[int, Field(ge=0)] = 30
    secure_input: Literal[False] = False
    secure_output: Literal[False] = False


class Activity(Definition):
    """The properties of every activity."""

    name: str
    description: str = ""
    depends_on: list[Dependency] = []
    policy: Policy = Policy()
    user_properties: list[Json] = []


class AdditionalColumn(Definition):
    """A column that Copy adds to each row of the source."""

    name: str
    value: Text


class BlobReadSettings(Definition):
    """Reads one blob."""

    type: Literal["AzureBlobStorageReadSettings"]
    recursive: Literal[False] = False
    enable_partition_discovery: Literal[False] = False


class DelimitedTextReadSettings(Definition):
    """Skips no lines and decompresses nothing."""

    type: Literal["DelimitedTextReadSettings"]


class DelimitedTextSource(Definition):
    """A CSV file as the source of a Copy."""

    type: Literal["DelimitedTextSource"]
    additional_columns: list[AdditionalColumn] = []
    store_settings: BlobReadSettings
    format_settings: DelimitedTextReadSettings


class SqlSink(Definition):
    """A table as the sink of a Copy, which appends rows."""

    type: Literal["AzureSqlSink"]
    pre_copy_script: Text | None = None
    write_behavior: Literal["insert"] = "insert"
    max_concurrent_connections: Literal[1] = 1
    sql_writer_use_table_lock: Literal[False] = False
    disable_metrics_collection: bool = False


class NamedColumn(Definition):
    """A column of a mapping. Staging has texts only."""

    name: str
    type: Literal["String"] = "String"


class ColumnMapping(Definition):
    """Maps a column of the file to a column of the table."""

    source: NamedColumn
    sink: NamedColumn


class Translator(Definition):
    """The mapping of columns by name."""

    type: Literal["TabularTranslator"]
    mappings: list[ColumnMapping]


class CopyLogSettings(Definition):
    """Logs skipped rows. The log is complete."""

    log_level: Literal["Warning"]
    enable_reliable_logging: bool = False


class LogLocation(Definition):
    """Container and folder of the log."""

    linked_service_name: LinkedServiceReference
    path: Text


class LogSettings(Definition):
    """Where Copy writes what it skipped."""

    enable_copy_activity_log: Literal[True]
    copy_activity_log_settings: CopyLogSettings
    log_location_settings: LogLocation


class CopyProperties(Definition):
    """A Copy from one CSV file into one table. Its `translator` evaluates to a Translator."""

    source: DelimitedTextSource
    sink: SqlSink
    translator: Expression
    enable_staging: Literal[False] = False
    parallel_copies: Literal[1] = 1
    validate_data_consistency: bool = False
    enable_skip_incompatible_row: bool = False
    log_settings: LogSettings | None = None


class CopyActivity(Activity):
    """The Copy activity."""

    type: Literal["Copy"]
    type_properties: CopyProperties
    inputs: Annotated[list[DatasetReference], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[DatasetReference], Field(min_length=1, max_length=1)]


class ProcedureParameter(Definition):
    """An argument of a stored procedure."""

    type: Literal["String", "Int64", "Int32"]
    value: Json


class ProcedureSource(Definition):
    """A stored procedure that returns one result set."""

    type: Literal["AzureSqlSource"]
    sql_reader_stored_procedure_name: str
    stored_procedure_parameters: dict[str, ProcedureParameter] = {}
    query_timeout: Annotated[str, Field(pattern=_SECONDS_PATTERN)] = "02:00:00"
    partition_option: Literal["None"] = "None"


class LookupProperties(Definition):
    """A Lookup of the first row of a procedure's result."""

    source: ProcedureSource
    dataset: DatasetReference
    first_row_only: Literal[True] = True


class LookupActivity(Activity):
    """The Lookup activity."""

    type: Literal["Lookup"]
    type_properties: LookupProperties


class WaitProperties(Definition):
    """How long to wait: a number of seconds."""

    wait_time_in_seconds: int | Expression


class WaitActivity(Activity):
    """The Wait activity."""

    type: Literal["Wait"]
    type_properties: WaitProperties


class FailProperties(Definition):
    """The error to end with."""

    message: Text
    error_code: Text


class FailActivity(Activity):
    """The Fail activity."""

    type: Literal["Fail"]
    type_properties: FailProperties


type AnyActivity = CopyActivity | LookupActivity | WaitActivity | FailActivity
_ACTIVITY_TYPES: dict[str, type[CopyActivity | LookupActivity | WaitActivity | FailActivity]] = {
    "Copy": CopyActivity,
    "Lookup": LookupActivity,
    "Wait": WaitActivity,
    "Fail": FailActivity,
}


class Pipeline(Definition):
    """A pipeline. The dependencies of its activities give their order."""

    name: str
    description: str = ""
    activities: list[Annotated[AnyActivity, Field(discriminator="type")]]
    parameters: dict[str, ParameterSpecification] = {}
    concurrency: Annotated[int, Field(ge=1)] | None = None
    annotations: list[Json] = []


class BlobLocation(Definition):
    """One blob."""

    type: Literal["AzureBlobStorageLocation"]
    container: Text
    folder_path: Text | None = None
    file_name: Text


class DelimitedTextProperties(Definition):
    """RFC 4180: a doubled quote stands for a quote."""

    location: BlobLocation
    column_delimiter: Literal[","]
    encoding_name: Literal["UTF-8"]
    quote_char: Literal['"']
    escape_char: Literal['"']
    first_row_as_header: Literal[True]


class Dataset(Definition):
    """The properties of every dataset."""

    name: str
    description: str = ""
    linked_service_name: LinkedServiceReference
    parameters: dict[str, ParameterSpecification] = {}
    annotations: list[Json] = []


class DelimitedTextDataset(Dataset):
    """A CSV file."""

    type: Literal["DelimitedText"]
    type_properties: DelimitedTextProperties


class TableProperties(Definition):
    """A table's schema and name."""

    schema_: Annotated[str, Field(alias="schema")]
    table: str


class TableDataset(Dataset):
    """A table."""

    type: Literal["AzureSqlTable"]
    type_properties: TableProperties


class LinkedService(Definition):
    """A store by name and type. Its address on this machine comes from the environment, not from `typeProperties`."""

    name: str
    type: Literal["AzureBlobStorage", "AzureSqlDatabase"]
    description: str = ""
    annotations: list[Json] = []
    type_properties: dict[str, Json]


class Definitions:
    """The folder of the factory's JSON. Each run reads it again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pipeline_names(self) -> list[str]:
        """The pipelines that can be run."""
        return sorted(file.stem for file in (self._folder / "pipeline").glob("*.json"))

    def concurrency(self, name: str) -> int | None:
        """How many runs of the pipeline run at once. None is any number, also for a definition that can't be used."""
        value = self._properties("pipeline", name).get("concurrency")
        return value if isinstance(value, int) and value > 0 else None

    def pipeline(self, name: str) -> Pipeline:
        """A pipeline. Raises InvalidDefinitionError, like all methods below."""
        properties = self._properties("pipeline", name)
        activities = properties.get("activities")
        for activity in activities if isinstance(activities, list) else []:
            kind = activity.get("type") if isinstance(activity, dict) else None
            if kind not in _ACTIVITY_TYPES:
                raise InvalidDefinitionError(f"The activity type '{kind}' is not known to the local Data Factory.")
        return validated(Pipeline, properties, f"pipeline '{name}'")

    def delimited_text(self, name: str) -> DelimitedTextDataset:
        """A dataset that is a CSV file."""
        return validated(DelimitedTextDataset, self._properties("dataset", name), f"dataset '{name}'")

    def table(self, name: str) -> TableDataset:
        """A dataset that is a table."""
        return validated(TableDataset, self._properties("dataset", name), f"dataset '{name}'")

    def linked_service(self, name: str) -> LinkedService:
        """A linked service."""
        return validated(LinkedService, self._properties("linkedService", name), f"linked service '{name}'")

    def _properties(self, kind: str, name: str) -> dict[str, Json]:
        file = next((file for file in (self._folder / kind).glob("*.json") if file.stem == name), None)
        if file is None:
            raise InvalidDefinitionError(f"The {kind} '{name}' doesn't exist in the factory.")
        try:
            resource: dict[str, Json] = json.loads(file.read_text(encoding="utf-8"))
            unknown = set(resource) - {"name", "type", "properties"}
            properties = resource["properties"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDefinitionError(f"The {kind} '{name}' is not JSON in the factory's form: {error}") from error
        if unknown or not isinstance(properties, dict):
            raise InvalidDefinitionError(f"The {kind} '{name}' has unknown properties: {', '.join(sorted(unknown))}")
        return {"name": name, **properties}


def validated[T: Definition](model: type[T], properties: Json, what: str) -> T:
    """The JSON as a definition; `what` names it in messages. Raises InvalidDefinitionError for a property or value."""
    try:
        return model.model_validate(properties)
    except ValidationError as error:
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        # The location also has the type by which the activity's model was chosen.
        place = ".".join(str(part) for part in first["loc"] if part not in _ACTIVITY_TYPES)
        if not place:
            message = f"The {what} can't be used: {first['msg']}."
        elif first["type"] == "extra_forbidden":
            message = f"The property '{place}' of {what} is not known to the local Data Factory."
        else:
            message = f"The property '{place}' of {what} can't be used: {first['msg']}."
        raise InvalidDefinitionError(message) from error


def seconds_of(text: str) -> float:
    """The seconds of a time span like `0.12:00:00` (days.hours:minutes:seconds)."""
    days, _, clock = text.rpartition(".")
    hours, minutes, seconds = clock.split(":")
    return ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
