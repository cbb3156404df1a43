"""Stand-ins for the gRPC messages that the worker runtime takes and makes.

The wheel of `azure-functions-runtime` brings no message classes: its host hands it a module of them (`protos`). These
are plain objects of the same names and fields (FunctionRpc.proto of Azure/azure-functions-language-worker-protobuf),
as many as the runtime touches.
"""

from __future__ import annotations

from types import SimpleNamespace


class StatusResult(SimpleNamespace):
    """`status`, and `exception` where it failed."""

    Failure = 0
    Success = 1


class RpcException(SimpleNamespace):
    """`message` and `stack_trace`."""


class WorkerMetadata(SimpleNamespace):
    """The runtime's name and version."""


class WorkerInitResponse(SimpleNamespace):
    """`capabilities` and `result`."""


class FunctionMetadataResponse(SimpleNamespace):
    """`function_metadata_results`."""


class RpcFunctionMetadata(SimpleNamespace):
    """One function: `name`, `function_id`, `raw_bindings` (JSON texts), `retry_options`."""


class RpcRetryOptions(SimpleNamespace):
    """A function's retry policy."""


class BindingInfo(SimpleNamespace):
    """A binding's type and direction."""

    undefined = 0
    out = 1
    inout = 2


class ModelBindingData(SimpleNamespace):
    """A reference in place of the data itself: `version`, `source`, `content_type`, `content` (bytes)."""


class TypedData(SimpleNamespace):
    """One value; the name of its only field says of what kind it is."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802  the runtime calls it by protobuf's name
        """The kind of the value, or None."""
        return next(iter(vars(self)), None)


class ParameterBinding(SimpleNamespace):
    """`name` of a parameter and its `data`."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802  the runtime calls it by protobuf's name
        """Always data: nothing is passed through shared memory here."""
        return "data"


class InvocationRequest(SimpleNamespace):
    """One call: `invocation_id`, `function_id`, `input_data`, `trigger_metadata`, `trace_context`, `retry_context`."""


class InvocationResponse(SimpleNamespace):
    """`result`, and `return_value` and `output_data` where it succeeded."""
