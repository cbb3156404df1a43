"""A local Data Factory in the test's process, with the test's own pipelines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from local.datafactory.definitions import Definitions
from local.datafactory.factory import Factory
from local.datafactory.run_records import PipelineRun, RunRecords
from local.datafactory.stores import Stores
from local.datafactory.stores.blobs import BlobStore
from shared.database.metadata import IMPORT_SCHEMA
from shared.database.sqlite import files
from testkit import databases

REPOSITORY_FOLDER = Path(__file__).parents[2] / "datafactory"
# Babelfish merges some hundred rows a second.
_SECONDS = 120 if databases.SERVER else 30
ENDED = {"Succeeded", "Failed", "Cancelled"}


def wait_until[T](look: Callable[[], T | None]) -> T:
    """Calls `look` until it returns something, and returns that."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None and found is not False:
            return found
        time.sleep(0.01)  # between two calls, until the deadline
    raise AssertionError(f"Expected a result within {_SECONDS} s, got none")


def activity(name: str, kind: str, after: dict[str, list[str]] | None = None, **properties: Any) -> dict[str, Any]:
    """An activity's JSON; `after` are its dependencies with their conditions."""
    policy = properties.pop("policy", None)
    depends = [{"activity": up, "dependencyConditions": conditions} for up, conditions in (after or {}).items()]
    found = {"name": name, "type": kind, "dependsOn": depends, "typeProperties": properties}
    return found | ({"policy": policy} if policy else {})


def mapping_of(columns: Iterable[str]) -> str:
    """The pipelines' parameter `mapping` for a file that has these columns."""
    mappings = [
        {"source": {"name": name, "type": "String"}, "sink": {"name": name, "type": "String"}}
        for name in (*columns, "run_id")
    ]
    return json.dumps({"type": "TabularTranslator", "mappings": mappings})


class Workshop:
    """A factory and the folder of its JSON."""

    def __init__(self, folder: Path, storage: str) -> None:
        self.folder = folder
        self.url = sa.make_url(databases.fresh_database(folder))
        self._storage = storage
        (folder / "json" / "pipeline").mkdir(parents=True)
        self.start()

    def start(self) -> None:
        """Starts the factory, once more after `stop`."""
        stores = Stores(databases.factory_store(self.url), BlobStore(self._storage))
        self.records = RunRecords(self.folder / "state" / "runs.db")
        self.factory = Factory(Definitions(self.folder / "json"), self.records, stores, longest_retry_wait=0)
        self.factory.start()

    def imports(self) -> sa.Engine:
        """The database of the imports' tables."""
        if self.url.get_backend_name() != "sqlite":
            return databases.server_engine(self.url)
        engine = sa.create_engine(files.imports_url(self.url), poolclass=sa.NullPool)
        return engine.execution_options(schema_translate_map={IMPORT_SCHEMA: None})

    def stop(self) -> None:
        self.factory.close()

    def write(self, name: str, *activities: dict[str, Any], **properties: Any) -> None:
        """Adds a pipeline."""
        content = {"name": name, "properties": {"activities": list(activities), **properties}}
        (self.folder / "json" / "pipeline" / f"{name}.json").write_text(json.dumps(content))

    def use_repository(self) -> None:
        """The repository's own pipelines."""
        for file in REPOSITORY_FOLDER.glob("*/*.json"):
            target = self.folder / "json" / file.parent.name / file.name
            target.parent.mkdir(exist_ok=True)
            target.write_text(file.read_text())

    def ended(self, run_id: str) -> PipelineRun:
        """The run, once it has ended."""

        def look() -> PipelineRun | None:
            run = self.records.run(run_id)
            return run if run and run.status in ENDED else None

        return wait_until(look)

    def run(self, *activities: dict[str, Any], **properties: Any) -> PipelineRun:
        """Runs a pipeline of these activities to its end."""
        self.write("p", *activities, **properties)
        return self.ended(self.factory.create_run("p", {}))

    def statuses(self, run_id: str) -> list[tuple[str, str]]:
        """Name and status of each activity run, in their order."""
        return [(item.activity_name, item.status) for item in self.records.activities(run_id)]


@pytest.fixture
def workshop(tmp_path: Path, session_azurite: str) -> Iterator[Workshop]:
    found = Workshop(tmp_path, session_azurite)
    yield found
    found.stop()
