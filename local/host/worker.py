"""Calls Microsoft's Python worker, `azure_functions_runtime`, in this process.

The .NET host calls the worker over gRPC. This module calls the worker's entry points: `worker_init_request` indexes the
app; `invocation_request_native` runs a function without gRPC messages; `invocation_request`, the entry point for gRPC,
runs a function that takes an SDK type such as BlobClient, which the native entry point doesn't support.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import uuid
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from azure_functions_runtime import (
    functions_metadata_request,
    invocation_id_cv,
    invocation_request,
    start_threadpool_executor,
    stop_threadpool_executor,
    worker_init_request,
)
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from local.host import protos
from local.host.errors import HostError
from local.host.logs import running_functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

__all__ = ["Datum", "IndexedFunction", "InvocationFailedError", "Trace", "Worker"]


class InvocationFailedError(Exception):
    """The function raised an exception; its traceback is in the log."""


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """A function as the worker describes it; a binding has the keys of function.json."""

    name: str
    function_id: str
    # Any: each type of binding has its own keys, which functions.py reads.
    bindings: list[dict[str, Any]]
    has_retry_policy: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The W3C trace context of an invocation: `traceparent` and `tracestate`, or ""."""

    parent: str = ""
    state: str = ""


_CHAINED = re.compile(r"\n\n(?:During handling of the above exception|The above exception was the direct cause).*\n\n")


class Worker:
    """The worker of a function app. A process can have only one: the runtime's registry is global."""

    async def index(self, app: Path) -> list[IndexedFunction]:
        """Imports function_app.py in the folder and lists its functions.

        Raises:
            HostError: it is missing, or can't be imported or indexed. The message has the traceback of the app's code.
        """
        sys.path.insert(0, str(app))
        start_threadpool_executor()
        request = SimpleNamespace(
            request=SimpleNamespace(
                worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(app))
            ),
            properties={"protos": protos, "host": "127.0.0.1"},
        )
        with _silenced("azure.functions"):  # the runtime's logger; the error below reports a failure
            result = (await worker_init_request(request)).result
        if result.status == protos.StatusResult.Failure:
            raise HostError(_index_failure(app, result.exception))
        metadata = (await functions_metadata_request(request)).function_metadata_results
        if metadata is None:
            raise HostError(f"{app} is not a function app: it has no function_app.py.")
        return [
            IndexedFunction(
                name=function.name,
                function_id=function.function_id,
                bindings=[json.loads(binding) for binding in function.raw_bindings],
                has_retry_policy=function.retry_options is not None,
            )
            for function in metadata
        ]

    async def invoke(
        self,
        function_id: str,
        name: str,
        data: tuple[str, Datum],
        metadata: Mapping[str, Datum],
        trace: Trace,
    ) -> Datum | None:
        """Runs a function and returns its result.

        Args:
            function_id: the id in the index.
            name: the function's name, for the log.
            data: the trigger's parameter and its value.
            metadata: the trigger's metadata by the runtime's keys (`DequeueCount`, …).
            trace: the trace that the invocation continues.

        Raises:
            InvocationFailedError: the function raised an exception, or returned a type that its binding doesn't take.
        """
        with _invocation(name) as invocation_id:
            succeeded, returned, _outputs, error, _traceback = await invocation_request_native(
                invocation_id, function_id, [data], metadata, trace.parent, trace.state
            )
        if not succeeded:  # the runtime has logged the traceback
            raise InvocationFailedError(error)
        return returned

    async def invoke_with_reference(
        self, function_id: str, name: str, parameter: str, reference: protos.ModelBindingData, trace: Trace
    ) -> None:
        """Runs a function whose trigger parameter is an SDK type, which the runtime creates from the reference.

        Raises:
            InvocationFailedError: the function raised an exception, or the type couldn't be created.
        """
        with _invocation(name) as invocation_id:
            request = protos.InvocationRequest(
                invocation_id=invocation_id,
                function_id=function_id,
                input_data=[
                    protos.ParameterBinding(name=parameter, data=protos.TypedData(model_binding_data=reference)),
                ],
                trigger_metadata={},
                trace_context=SimpleNamespace(trace_parent=trace.parent, trace_state=trace.state, attributes={}),
                retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
            )
            response = await invocation_request(SimpleNamespace(request=SimpleNamespace(invocation_request=request)))
            if response.result.status == protos.StatusResult.Failure:
                failure = response.result.exception
                log.error("%s\n%s", failure.message, failure.stack_trace)
                raise InvocationFailedError(failure.message)

    def stop(self) -> None:
        """Ends the threads of synchronous functions after the functions have returned."""
        stop_threadpool_executor()


@contextlib.contextmanager
def _silenced(logger: str) -> Iterator[None]:
    logging.getLogger(logger).disabled = True
    try:
        yield
    finally:
        logging.getLogger(logger).disabled = False


@contextlib.contextmanager
def _invocation(name: str) -> Iterator[str]:
    """A context in which a function runs: returns the invocation's id, and tells the log the function's name."""
    invocation_id = str(uuid.uuid4())
    running_functions[invocation_id] = name
    # The runtime sets the id too, but resets it before it logs a failure.
    token = invocation_id_cv.set(invocation_id)
    try:
        yield invocation_id
    finally:
        invocation_id_cv.reset(token)
        del running_functions[invocation_id]


def _index_failure(app: Path, failure: protos.RpcException) -> str:
    """The reason, and the part of the traceback that is in the app's code."""
    message, advice, _ = failure.message.partition(". Cannot find module. ")
    chain = _CHAINED.split(failure.stack_trace)
    if advice:  # the runtime has replaced an import error by one with advice about Azure and all of sys.path
        chain.pop()
    script = app / os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    parts = [part.partition(f'  File "{script}"') for part in chain]
    traceback = "\n".join(f"{frame}{rest}".rstrip() for _runtimes, frame, rest in parts if frame)
    return f"The function app in {app} can't be indexed: {message}\n{traceback}".rstrip()
