"""Event Grid and the containers against the code that they are for."""

from __future__ import annotations

import re

from local import PROJECT
from shared.imports.storage import UPLOADS
from tests.deployment import bicep
from tests.deployment.functions import triggers

_SUBSCRIPTION = bicep.the("Microsoft.EventGrid/systemTopics/eventSubscriptions").config["properties"]


def _names(kind: str) -> set[str]:
    return {resource.config["name"] for resource in bicep.resources(kind)}


def test_every_container_of_the_code_is_made() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "shared" / "imports").glob("*.py"))
    used = {UPLOADS, *re.findall(r'"(imports-\w+)"', code)}
    assert len(used) == 3
    assert used <= _names("Microsoft.Storage/storageAccounts/blobServices/containers")


def test_the_poison_queue_is_made_by_its_name() -> None:
    assert _names("Microsoft.Storage/storageAccounts/queueServices/queues") == {"webjobs-blobtrigger-poison"}


def test_events_go_to_the_blob_triggered_function_by_its_name() -> None:
    (trigger,) = (trigger for trigger in triggers() if trigger.type == "blobTrigger")
    url = _SUBSCRIPTION["destination"]["properties"]["endpointUrl"]
    assert f"/runtime/webhooks/blobs?functionName=Host.Functions.{trigger.function}&code=" in url


def test_events_are_those_of_new_blobs_in_the_uploads() -> None:
    wanted = _SUBSCRIPTION["filter"]
    assert wanted["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert wanted["subjectBeginsWith"] == f"/blobServices/default/containers/{UPLOADS}/blobs/"
    # `.csv` counts in any case.
    assert wanted["subjectEndsWith"] == ".csv"
    assert wanted["isSubjectCaseSensitive"] is False


def test_what_cannot_be_delivered_is_kept_where_event_grid_may_write() -> None:
    destination = _SUBSCRIPTION["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
    container = destination["blobContainerName"]
    assert container in _names("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert container != UPLOADS
    assert ("undelivered", "storageBlobDataContributor") in {
        (assignment.scope, assignment.role)
        for assignment in bicep.role_assignments()
        if assignment.principal == "topic.identity.principalId"
    }


def test_the_trigger_is_driven_by_events() -> None:
    assert bicep.app_settings()["BLOB_TRIGGER_SOURCE"] == "EventGrid"
