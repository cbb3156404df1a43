"""The app's functions and their triggers, read from the worker's index.

The keys of a binding are those of function.json,
https://learn.microsoft.com/azure/azure-functions/functions-triggers-bindings. The host refuses to start an app with a
binding that it doesn't support: otherwise the trigger would silently never fire.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.host.app_settings import resolve
from local.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.host.worker import IndexedFunction


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """`route` is without the prefix; `methods` are in upper case, None for all."""

    route: str
    methods: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class BlobTrigger:
    """`path` is `container/name`; the name may contain `{parameter}`."""

    path: str
    connection: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """`queue_name` is a queue in the account that `connection` names."""

    queue_name: str
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """`schedule` is an NCRONTAB expression; with `use_monitor` a missed run is made up for at the next start."""

    schedule: str
    run_on_startup: bool
    use_monitor: bool


type Trigger = HttpTrigger | BlobTrigger | QueueTrigger | TimerTrigger


@dataclass(frozen=True, slots=True)
class Function[T: Trigger]:
    """A function; `parameter` is the name of its trigger's argument."""

    name: str
    function_id: str
    parameter: str
    trigger: T

    @property
    def descriptor_id(self) -> str:
        """The id in receipts and blob trigger messages (the .NET host's FunctionDescriptor.Id)."""
        return f"Host.Functions.{self.name}"


def read_functions(indexed: Iterable[IndexedFunction]) -> list[Function[Trigger]]:
    """The app's functions, sorted by name, without those that the app setting `AzureWebJobs.{name}.Disabled` disables.

    The order is that of the .NET host, which compares names in upper case: `_` comes after the letters
    (FunctionMetadataManager.cs: OrderBy(Name, OrdinalIgnoreCase)).

    Raises:
        HostError: this host doesn't support a binding, or a setting that a binding uses is missing.
    """
    enabled = (function for function in indexed if not _is_disabled(function.name))
    return sorted((_read_function(function) for function in enabled), key=lambda function: function.name.upper())


def with_trigger[T: Trigger](functions: Iterable[Function[Trigger]], kind: type[T]) -> list[Function[T]]:
    """The functions with a trigger of this type."""
    return [
        Function(function.name, function.function_id, function.parameter, function.trigger)
        for function in functions
        if isinstance(function.trigger, kind)
    ]


def _is_disabled(name: str) -> bool:
    return os.environ.get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("1", "true")


def _read_function(indexed: IndexedFunction) -> Function[Trigger]:
    if indexed.has_retry_policy:
        raise HostError(f"The function {indexed.name} has a retry policy, which this host doesn't support.")
    triggers = [binding for binding in indexed.bindings if binding["type"].endswith("Trigger")]
    if len(triggers) != 1:
        raise HostError(f"The function {indexed.name}: expected one trigger, got {len(triggers)}.")
    trigger = _read_trigger(indexed.name, triggers[0])
    # The response of an HTTP function is the only output binding that this host supports.
    known = {"http", triggers[0]["type"]} if isinstance(trigger, HttpTrigger) else {triggers[0]["type"]}
    unknown = [binding["type"] for binding in indexed.bindings if binding["type"] not in known]
    if unknown:
        raise HostError(f"The function {indexed.name} has a binding that this host doesn't support: {unknown[0]}.")
    return Function(indexed.name, indexed.function_id, triggers[0]["name"], trigger)


def _read_trigger(function: str, binding: dict[str, Any]) -> Trigger:
    def text(key: str) -> str:
        return resolve(str(binding[key]), f"{key} of the function {function}")

    match binding["type"]:
        case "httpTrigger":
            methods = frozenset(str(method).upper() for method in binding.get("methods", ()))
            return HttpTrigger(binding.get("route") or function, methods or None)
        case "blobTrigger":
            if not binding.get("properties", {}).get("SupportsDeferredBinding"):
                raise HostError(
                    f"The function {function} takes its blob as bytes; this host passes only references (BlobClient)."
                )
            return BlobTrigger(text("path"), text("connection"))
        case "queueTrigger":
            return QueueTrigger(text("queueName"), text("connection"))
        case "timerTrigger":
            return TimerTrigger(
                text("schedule"), bool(binding.get("runOnStartup")), bool(binding.get("useMonitor", True))
            )
        case kind:
            raise HostError(f"The function {function} has a trigger that this host doesn't support: {kind}.")
