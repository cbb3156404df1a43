"""Copy: streams a CSV file from the blob store into a staging table.

Like Data Factory's Copy, it maps columns by name, adds columns, and skips and logs rows with too many columns. The
merge judges the values.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pyarrow as pa

from local.datafactory.activity_context import ActivityContext, table_of
from local.datafactory.definitions import (
    CopyActivity,
    CopyProperties,
    DatasetReference,
    TableProperties,
    Translator,
    validated,
)
from local.datafactory.delimited_text import DelimitedText, TooLongRow
from local.datafactory.failures import ActivityFailedError, InvalidDefinitionError
from local.datafactory.functions import text_of
from local.datafactory.json_values import Json
from local.datafactory.pipeline_parameters import parameters_of
from local.datafactory.run_records import now
from local.datafactory.session_log import SessionLog
from local.datafactory.stores.blobs import ahead


def copy(activity: CopyActivity, context: ActivityContext) -> dict[str, Json]:
    """Runs a Copy and returns its output. Meanwhile the record's output shows its progress."""
    properties = activity.type_properties
    container, name = _blob_of(activity.inputs[0], context)
    table = table_of(activity.outputs[0].reference_name, context).type_properties
    # Source: "Schema and type mapping in copy activity", "Parameterize mapping".
    mapping = context.scope.evaluate(properties.translator.value)
    translator = validated(Translator, mapping, "translator of the Copy")
    progress = _Progress(context)
    with contextlib.closing(ahead(progress.counted(context.stores.blobs.read(container, name)))) as chunks:
        text = DelimitedText(chunks)
        with SessionLog(context.record, name, len(text.header)) as log:
            rows = _Rows(text, properties, translator, context, log, progress)
            try:
                progress.rows_copied = _write_rows(rows, properties, table, context)
            finally:
                # Arrow keeps freed memory for its next rows. The merge that follows needs it now.
                pa.default_memory_pool().release_unused()
                log_path = _write_log(log, properties, context)
    output = progress.output()
    if properties.validate_data_consistency:
        if progress.rows_read != progress.rows_copied + progress.rows_skipped:
            raise ActivityFailedError("DataConsistencyFailed", "The rows read are not the rows copied and skipped.")
        output["dataConsistencyVerification"] = {"VerificationResult": "Verified"}
    if log_path:
        output["logFilePath"] = log_path
    return output


def _write_rows(rows: _Rows, properties: CopyProperties, table: TableProperties, context: ActivityContext) -> int:
    script = properties.sink.pre_copy_script
    with contextlib.closing(ahead(rows.batches())) as batches:
        reader = pa.RecordBatchReader.from_batches(rows.schema, batches)
        try:
            return context.stores.sql.copy_into(
                context.record.run_id,
                table.schema_,
                table.table,
                None if script is None else context.text(script),
                reader,
            )
        finally:
            # The driver's C interface replaces an error of the source by another class with its text. The source's own
            # error is raised instead.
            if rows.error is not None:
                raise rows.error from None


class _Progress:
    """The figures of a Copy. The activity's record shows them after each block."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context
        self._started = time.monotonic()
        self.bytes_read = self.rows_read = self.rows_copied = self.rows_skipped = 0

    def counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Counts the chunks' bytes. Raises StoppedError after a request to stop."""
        for chunk in chunks:
            self._context.stop.check()
            self.bytes_read += len(chunk)
            self.show()
            yield chunk

    def show(self) -> None:
        """Puts the present figures into the record."""
        self._context.record.output = self.output()

    def output(self) -> dict[str, Json]:
        """The figures in the form of Data Factory's output, in bytes, rows, seconds and KiB/s."""
        seconds = time.monotonic() - self._started
        return {
            "dataRead": self.bytes_read,
            "dataWritten": self.bytes_read,
            "filesRead": 1,
            "rowsRead": self.rows_read,
            "rowsCopied": self.rows_copied,
            "rowsSkipped": self.rows_skipped,
            "copyDuration": round(seconds),
            "throughput": round(self.bytes_read / 1024 / max(seconds, 0.001), 3),
            "usedParallelCopies": 1,
            "effectiveIntegrationRuntime": "Local",
            "errors": [],
        }


class _Rows:
    """The file's rows: the columns of the mapping, named as in the table, and the added columns."""

    def __init__(  # noqa: PLR0913, PLR0917  # what a Copy works with
        self,
        text: DelimitedText,
        properties: CopyProperties,
        translator: Translator,
        context: ActivityContext,
        log: SessionLog,
        progress: _Progress,
    ) -> None:
        self._text = text
        self._context = context
        self._log = log
        self._progress = progress
        self._skips = properties.enable_skip_incompatible_row
        self.error: Exception | None = None
        added = {column.name: context.text(column.value) for column in properties.source.additional_columns}
        self._columns: list[int] = []
        self._added: list[str] = []
        from_file: list[str] = []
        from_added: list[str] = []
        for mapping in translator.mappings:
            source = mapping.source.name
            if source in added:
                self._added.append(added[source])
                from_added.append(mapping.sink.name)
            elif source in text.header:
                self._columns.append(text.header.index(source))
                from_file.append(mapping.sink.name)
            else:
                raise ActivityFailedError(
                    "MappingColumnNameNotFoundInSourceFile",
                    f"Column '{source}' specified in column mapping cannot be found in source file.",
                )
        self.schema = pa.schema([(name, pa.string()) for name in (*from_file, *from_added)])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in blocks. An error is also kept in `error`."""
        try:
            yield from self._batches()
        except Exception as error:
            self.error = error
            raise

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for block in self._text.blocks(self._columns):
            self._context.stop.check()
            if block.skipped:
                self._skip(block.skipped)
            count = block.rows.num_rows
            added = [pa.repeat(value, count) for value in self._added]
            if count:
                yield pa.RecordBatch.from_arrays([*block.rows.columns, *added], schema=self.schema)
            # Counted when the sink asks for the next batch: this one is written.
            self._progress.rows_read += count + len(block.skipped)
            self._progress.rows_copied += count
            self._progress.rows_skipped += len(block.skipped)
            self._progress.show()

    def _skip(self, rows: list[TooLongRow]) -> None:
        if not self._skips:
            raise ActivityFailedError("DelimitedTextMoreColumnsThanDefined", self._log.message(rows[0]))
        self._log.add(rows, now())


def _blob_of(reference: DatasetReference, context: ActivityContext) -> tuple[str, str]:
    """The container and name of a dataset's blob."""
    dataset = context.definitions.delimited_text(reference.reference_name)
    service = context.definitions.linked_service(dataset.linked_service_name.reference_name)
    if service.type != "AzureBlobStorage":
        raise InvalidDefinitionError(f"The dataset '{dataset.name}' expects a linked service of type AzureBlobStorage.")
    given = {name: context.scope.resolve(value) for name, value in reference.parameters.items()}
    values: Json = dict(parameters_of(dataset.parameters, given, f"dataset '{dataset.name}'"))
    inner = context.in_dataset(values)
    location = dataset.type_properties.location
    folder = "" if location.folder_path is None else inner.text(location.folder_path).strip("/") + "/"
    return inner.text(location.container), folder + inner.text(location.file_name)


def _write_log(log: SessionLog, properties: CopyProperties, context: ActivityContext) -> str | None:
    settings = properties.log_settings
    if settings is None:
        return None
    location = settings.log_location_settings
    service = context.definitions.linked_service(location.linked_service_name.reference_name)
    if service.type != "AzureBlobStorage":
        raise InvalidDefinitionError("The log's location expects a linked service of type AzureBlobStorage.")
    return log.write(context.stores.blobs, text_of(context.text(location.path)))
