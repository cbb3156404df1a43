"""Replacements for the gRPC messages that the worker runtime takes and returns.

The package `azure-functions-runtime` has no message classes: its host passes it a module of them (`protos`). These are
plain objects with the same names and fields (FunctionRpc.proto of Azure/azure-functions-language-worker-protobuf), for
the messages that the runtime uses.
"""

from __future__ import annotations

from types import SimpleNamespace


class StatusResult(SimpleNamespace):
    """`status`, and `exception` of a failure."""

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
    """A reference to the data: `version`, `source`, `content_type`, `content` (bytes)."""


class TypedData(SimpleNamespace):
    """A value; the name of its only field is its type."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802  the runtime calls it by protobuf's name
        """The type of the value, or None."""
        return next(iter(vars(self)), None)


class ParameterBinding(SimpleNamespace):
    """A parameter: `name` and `data`."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802  the runtime calls it by protobuf's name
        """Always `data`: this host doesn't use shared memory."""
        return "data"


class InvocationRequest(SimpleNamespace):
    """`invocation_id`, `function_id`, `input_data`, `trigger_metadata`, `trace_context`, `retry_context`."""


class InvocationResponse(SimpleNamespace):
    """`result`, and `return_value` and `output_data` of a success."""
