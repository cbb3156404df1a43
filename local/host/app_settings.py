"""The app's settings: local.settings.json into the environment, host.json, and `%NAME%` in bindings.

Sources: https://learn.microsoft.com/azure/azure-functions/functions-develop-local (local.settings.json),
https://learn.microsoft.com/azure/azure-functions/functions-host-json (host.json and its defaults).
"""

from __future__ import annotations

import json
import logging
import os
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

# The .NET host's own limit (ScriptConstants.DefaultMaxRequestBodySize) and the setting that moves it.
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

# Parsed JSON: its shape is whatever the file holds, and each value's type is checked where it is read.
type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`extensions.queues` of host.json; times in seconds."""

    max_dequeue_count: int = 5
    batch_size: int = 16
    new_batch_threshold: int = 8
    visibility_timeout: float = 0.0
    base64: bool = True


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """`extensions.blobs` of host.json."""

    max_degree_of_parallelism: int = field(default_factory=lambda: 8 * (os.cpu_count() or 1))
    poison_blob_threshold: int = 5


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What this host reads of host.json; everything else in it is left to the .NET host.

    `host_id` stands in the names of the app's receipts and announcements.
    """

    host_id: str
    route_prefix: str = "api"
    queues: QueueSettings = QueueSettings()
    blobs: BlobSettings = field(default_factory=BlobSettings)
    log_level: int = logging.INFO


def read_host_json(app: Path) -> HostSettings:
    """Reads host.json of the app folder.

    Raises:
        HostError: it is missing, isn't JSON, or holds a value of the wrong kind.
    """
    path = app / "host.json"
    if not path.is_file():
        raise HostError(f"{app} is no function app: it has no host.json.")
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
                **{
                    name: int(blobs[key])
                    for name, key in (
                        ("max_degree_of_parallelism", "maxDegreeOfParallelism"),
                        ("poison_blob_threshold", "poisonBlobThreshold"),
                    )
                    if key in blobs
                }
            ),
            log_level=_LOG_LEVELS[level],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"{path} holds a value that this host can't use: {error}.") from error


def apply_local_settings(app: Path, environment: MutableMapping[str, str]) -> None:
    """Puts `Values` of local.settings.json, where there is one, into the environment; what stands there already wins.

    Sets AZURE_FUNCTIONS_ENVIRONMENT to Development unless it is set, as Core Tools do.

    Raises:
        HostError: the file isn't JSON, is encrypted, or a value isn't a string.
    """
    path = app / "local.settings.json"
    if path.is_file():
        document = _read_json(path)
        if document.get("IsEncrypted"):
            raise HostError(f"{path} is encrypted, which only Core Tools can read: set IsEncrypted to false.")
        for name, value in _section(document, "Values").items():
            if not isinstance(value, str):
                raise HostError(f"{path}: the value of {name} isn't a string.")
            environment.setdefault(name, value)
    environment.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")


def max_body_bytes() -> int:
    """The largest request body that is read at all, in bytes."""
    value = os.environ.get(MAX_BODY_SETTING, str(DEFAULT_MAX_BODY_BYTES))
    if not value.isdigit():
        raise HostError(f"{MAX_BODY_SETTING} isn't a number of bytes.")
    return int(value)


def resolve(text: str, used_by: str) -> str:
    """Replaces each `%NAME%` by the app setting of that name.

    Raises:
        HostError: there is no such setting.
    """

    def setting(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise HostError(f"The app setting {match[1]}, named by {used_by}, is missing.")
        return value

    return _SETTING.sub(setting, text)


def connection_string(name: str, used_by: str) -> str:
    """The storage connection string that a binding's `connection` names (with or without the prefix AzureWebJobs).

    Raises:
        HostError: there is none, or the connection is made with an identity, which no storage emulator knows over HTTP.
    """
    for setting in (f"AzureWebJobs{name}", name):
        if setting in os.environ:
            return os.environ[setting]
    if any(setting.startswith(f"{name}__") for setting in os.environ):
        raise HostError(
            f"The connection {name} of {used_by} is made with an identity; this host needs a connection string."
        )
    raise HostError(f"The app setting {name}, the storage connection of {used_by}, is missing.")


def _host_id(app: Path) -> str:
    """The setting of that name, or one made from the app's folder (ScriptHostIdProvider.cs does so with its name)."""
    return os.environ.get(HOST_ID_SETTING, f"local-{zlib.crc32(str(app).encode()):08x}").lower()


def _read_json(path: Path) -> Json:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise HostError(f"{path} isn't JSON: {error}.") from error
    if not isinstance(document, dict):
        raise HostError(f"{path} isn't a JSON object.")
    return document


def _section(document: Json, *names: str) -> Json:
    """A nested object of the document; an absent one is empty."""
    for name in names:
        inner = document.get(name)
        document = inner if isinstance(inner, dict) else {}
    return document


def _seconds(time_span: str) -> float:
    """A .NET TimeSpan, `[d.]hh:mm:ss`, in seconds."""
    match = _TIME_SPAN.fullmatch(time_span)
    if match is None:
        raise ValueError(f"{time_span!r} isn't of the form hh:mm:ss")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
