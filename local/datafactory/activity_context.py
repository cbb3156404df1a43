"""The context in which an activity runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local.datafactory.definitions import Definitions, Expression, TableDataset
from local.datafactory.expressions import Scope
from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.functions import text_of
from local.datafactory.json_values import Json
from local.datafactory.run_records import ActivityRun
from local.datafactory.stop import Stop
from local.datafactory.stores import Stores


@dataclass(frozen=True)
class ActivityContext:
    """The activity's record (for progress), the scope of its expressions, the stores."""

    record: ActivityRun
    scope: Scope
    definitions: Definitions
    stores: Stores
    stop: Stop

    def text(self, value: str | Expression) -> str:
        """The text of a property that may be an expression."""
        return text_of(self.scope.evaluate(value if isinstance(value, str) else value.value))

    def in_dataset(self, parameters: Json) -> ActivityContext:
        """This context for the expressions of a dataset with these parameters."""
        return replace(self, scope=self.scope.with_source("dataset", parameters))


def table_of(name: str, context: ActivityContext) -> TableDataset:
    """The dataset of a table. Raises InvalidDefinitionError for another kind of store."""
    dataset = context.definitions.table(name)
    service = context.definitions.linked_service(dataset.linked_service_name.reference_name)
    if service.type != "AzureSqlDatabase":
        raise InvalidDefinitionError(f"The dataset '{name}' expects a linked service of type AzureSqlDatabase.")
    return dataset
