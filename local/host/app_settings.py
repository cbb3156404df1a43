"""The app's settings: local.settings.json, host.json, and `%NAME%` in bindings.

Sources: https://learn.microsoft.com/azure/azure-functions/functions-develop-local (local.settings.json),
https://learn.microsoft.com/azure/azure-functions/functions-host-json (host.json and its defaults).
"""

from __future__ import annotations

import json
import logging
import os
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

# The .NET host's limit (ScriptConstants.DefaultMaxRequestBodySize) and the setting that changes it.
DEFAULT_MAX_BODY_BYTES = 104_857_600
MAX_BODY_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
HOST_ID_SETTING = "AzureFunctionsWebHost__hostid"

_SETTING = re.compile(r"%([^%]+)%")
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")
_LOG_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}

# Any: the type of each value is checked where it is read.
type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`extensions.queues` in host.json; times in seconds."""

    max_dequeue_count: int
    batch_size: int
    new_batch_threshold: int
    visibility_timeout: float
    base64: bool


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """`extensions.blobs` in host.json."""

    max_degree_of_parallelism: int
    poison_blob_threshold: int


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The settings in host.json that this host supports; it ignores all others.

    `host_id` is part of the names of the app's blob receipts and blob trigger queue.
    """

    host_id: str
    route_prefix: str
    queues: QueueSettings
    blobs: BlobSettings
    log_level: int


def read_host_json(app: Path) -> HostSettings:
    """Reads host.json in the app's folder.

    Raises:
        HostError: it is missing, is not JSON, or has a value that this host can't use.
    """
    path = app / "host.json"
    if not path.is_file():
        raise HostError(f"{app} is not a function app: it has no host.json.")
    document = _read_json(path)
    http = _section(document, "extensions", "http")
    queues = _section(document, "extensions", "queues")
    blobs = _section(document, "extensions", "blobs")
    level = str(_section(document, "logging", "logLevel").get("default", "Information")).lower()
    try:
        batch_size = int(queues.get("batchSize", 16))
        return HostSettings(
            host_id=_host_id(app),
            route_prefix=str(http.get("routePrefix", "api")).strip("/"),
            queues=QueueSettings(
                max_dequeue_count=int(queues.get("maxDequeueCount", 5)),
                batch_size=batch_size,
                new_batch_threshold=int(queues.get("newBatchThreshold", batch_size // 2)),
                visibility_timeout=_seconds(str(queues.get("visibilityTimeout", "00:00:00"))),
                base64=str(queues.get("messageEncoding", "base64")).lower() == "base64",
            ),
            blobs=BlobSettings(
                max_degree_of_parallelism=int(blobs.get("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1))),
                poison_blob_threshold=int(blobs.get("poisonBlobThreshold", 5)),
            ),
            log_level=_LOG_LEVELS[level],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"{path} has a value that this host can't use: {error}.") from error


def apply_local_settings(app: Path, environment: MutableMapping[str, str]) -> None:
    """Copies `Values` of local.settings.json, if there is one, to the environment, but not over variables that are set.

    Sets AZURE_FUNCTIONS_ENVIRONMENT to Development unless it is set, as Core Tools do.

    Raises:
        HostError: the file is not JSON or is encrypted, or a value is not a string.
    """
    path = app / "local.settings.json"
    if path.is_file():
        document = _read_json(path)
        if document.get("IsEncrypted"):
            raise HostError(f"{path} is encrypted, and only Core Tools can read it. Set IsEncrypted to false.")
        for name, value in _section(document, "Values").items():
            if not isinstance(value, str):
                raise HostError(f"{path}: expected a string as the value of {name}.")
            environment.setdefault(name, value)
    environment.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")


def max_body_bytes() -> int:
    """The largest request body that the host accepts, in bytes.

    Raises:
        HostError: the setting is not a whole number.
    """
    value = os.environ.get(MAX_BODY_SETTING, str(DEFAULT_MAX_BODY_BYTES))
    if not value.isdigit():
        raise HostError(f"{MAX_BODY_SETTING}: expected a whole number of bytes, got {value[:100]}.")
    return int(value)


def resolve(text: str, used_by: str) -> str:
    """Replaces each `%NAME%` by the app setting of that name.

    Raises:
        HostError: the setting is missing.
    """

    def setting(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise HostError(f"The app setting {match[1]}, used by {used_by}, is missing.")
        return value

    return _SETTING.sub(setting, text)


def connection_string(name: str, used_by: str) -> str:
    """The storage connection string in the app setting `name`, or AzureWebJobs`name`.

    Raises:
        HostError: it is missing, or the connection uses an identity, which storage emulators don't support over HTTP.
    """
    for setting in (f"AzureWebJobs{name}", name):
        if setting in os.environ:
            return os.environ[setting]
    if any(setting.startswith(f"{name}__") for setting in os.environ):
        raise HostError(f"The connection {name} of {used_by} uses an identity; this host needs a connection string.")
    raise HostError(f"The app setting {name}, the storage connection of {used_by}, is missing.")


def _host_id(app: Path) -> str:
    """The host id setting, or an id made from the app's path (ScriptHostIdProvider.cs uses the app's name)."""
    return os.environ.get(HOST_ID_SETTING, f"local-{zlib.crc32(str(app).encode()):08x}").lower()


def _read_json(path: Path) -> Json:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise HostError(f"{path} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise HostError(f"{path} is not a JSON object.")
    return document


def _section(document: Json, *names: str) -> Json:
    """A nested object of the document; {} if it is missing."""
    for name in names:
        inner = document.get(name)
        document = inner if isinstance(inner, dict) else {}
    return document


def _seconds(time_span: str) -> float:
    """The seconds of a .NET TimeSpan, `[d.]hh:mm:ss`."""
    match = _TIME_SPAN.fullmatch(time_span)
    if match is None:
        raise ValueError(f"expected a time as hh:mm:ss, got {time_span[:100]}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
