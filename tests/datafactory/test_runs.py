"""Control flow, retry, timeout, concurrency, cancel, and what isn't known: as Data Factory does it."""

from __future__ import annotations

from typing import Any

import pytest

from local.datafactory.factory import QUEUE_LIMIT, RunHasEndedError, ThrottledError, UnknownPipelineError
from tests.datafactory.conftest import Workshop, activity, wait_until


def ok(name: str, after: dict[str, list[str]] | None = None) -> dict[str, Any]:
    return activity(name, "Wait", after, waitTimeInSeconds=0)


def fails(name: str, after: dict[str, list[str]] | None = None, **more: Any) -> dict[str, Any]:
    return activity(name, "Fail", after, message=f"{name} broke", errorCode="E1", **more)


def waits(name: str, **more: Any) -> dict[str, Any]:
    return activity(name, "Wait", waitTimeInSeconds=60, **more)


@pytest.mark.parametrize(
    ("activities", "status", "ran"),
    [
        ([ok("A")], "Succeeded", ["A"]),
        ([fails("A")], "Failed", ["A"]),
        # try-catch: the handler is the leaf, and it succeeded
        ([fails("A"), ok("B", {"A": ["Failed"]})], "Succeeded", ["A", "B"]),
        # do-if-else: the skipped leaf defers to the one that failed
        ([fails("A"), ok("B", {"A": ["Succeeded"]}), ok("C", {"A": ["Failed"]})], "Failed", ["A", "C"]),
        ([ok("A"), ok("B", {"A": ["Succeeded"]}), ok("C", {"A": ["Failed"]})], "Succeeded", ["A", "B"]),
        # conditions of one upstream are OR, of several AND
        ([fails("A"), ok("B", {"A": ["Succeeded", "Failed"]})], "Succeeded", ["A", "B"]),
        ([ok("A"), fails("B"), ok("C", {"A": ["Succeeded"], "B": ["Succeeded"]})], "Failed", ["A", "B"]),
        ([fails("A"), ok("B", {"A": ["Completed"]})], "Succeeded", ["A", "B"]),
        ([fails("A"), ok("B", {"A": ["Succeeded"]}), ok("C", {"B": ["Skipped"]})], "Succeeded", ["A", "C"]),
        ([fails("A"), ok("B", {"A": ["Succeeded"]}), ok("C", {"B": ["Completed"]})], "Failed", ["A"]),
    ],
)
def test_leaves_decide_the_run(
    activities: list[dict[str, Any]], status: str, ran: list[str], workshop: Workshop
) -> None:
    run = workshop.run(*activities)
    assert run.status == status
    assert sorted(name for name, _ in workshop.statuses(run.run_id)) == ran


def test_a_failed_run_says_which_activity_failed_and_why(workshop: Workshop) -> None:
    run = workshop.run(fails("A"))
    assert run.message == "Operation on target A failed: A broke"
    (record,) = workshop.records.activities(run.run_id)
    assert (record.error["errorCode"], record.error["failureType"], record.error["target"]) == ("E1", "UserError", "A")


def test_an_activity_is_tried_again_as_often_as_its_policy_says(workshop: Workshop) -> None:
    run = workshop.run(fails("A", policy={"retry": 2, "retryIntervalInSeconds": 30}))
    assert workshop.statuses(run.run_id) == [("A", "Failed")] * 3


def test_an_activity_ends_at_its_timeout(workshop: Workshop) -> None:
    run = workshop.run(waits("A", policy={"timeout": "0.00:00:01"}))
    assert run.status == "Failed"
    assert "timeout" in run.message


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (activity("A", "Filter"), "activity type 'Filter'"),
        (activity("A", "Wait", waitTimeInSeconds=0, jitter=1), "'activities.0.typeProperties.jitter'"),
        (activity("A", "Wait", waitTimeInSeconds=0, policy={"secureOutput": True}), "secureOutput"),
        (activity("A", "Fail", message="@nonsense(1)", errorCode="1"), "function 'nonsense'"),
        (activity("A", "Fail", message="@pipeline().parameters.x", errorCode="1"), "property 'x'"),
        (ok("A", {"Z": ["Succeeded"]}), "one that isn't there"),
        (ok("A", {"A": ["Succeeded"]}), "wait for each other"),
    ],
)
def test_what_is_not_known_fails_the_run_by_name(part: dict[str, Any], named: str, workshop: Workshop) -> None:
    run = workshop.run(part, ok("Other"))
    assert run.status == "Failed"
    assert named in run.message


def test_a_missing_an_unknown_and_a_wrong_parameter_fail_the_run(workshop: Workshop) -> None:
    workshop.write("p", ok("A"), parameters={"x": {"type": "string"}})
    for given, named in (({}, "'x'"), ({"x": "1", "y": "2"}, "'y'"), ({"x": 1}, "expects String")):
        run = workshop.ended(workshop.factory.create_run("p", dict(given)))
        assert run.status == "Failed"
        assert named in run.message


def test_runs_of_one_pipeline_wait_for_each_other_up_to_the_limit(workshop: Workshop) -> None:
    workshop.write("p", waits("A"), concurrency=1)
    workshop.write("q", ok("A"), concurrency=1)
    first = workshop.factory.create_run("p", {})
    queued = [workshop.factory.create_run("p", {}) for _ in range(QUEUE_LIMIT)]
    with pytest.raises(ThrottledError):
        workshop.factory.create_run("p", {})
    assert workshop.ended(workshop.factory.create_run("q", {})).status == "Succeeded"
    statuses = [run.status for run in workshop.records.with_status("InProgress", "Queued")]
    assert (statuses.count("InProgress"), statuses.count("Queued")) == (1, QUEUE_LIMIT)
    workshop.factory.cancel(first)
    assert workshop.ended(first).status == "Cancelled"
    wait_until(lambda: [run.run_id for run in workshop.records.with_status("InProgress")] == queued[:1])
    for run_id in reversed(queued):
        workshop.factory.cancel(run_id)
        assert workshop.ended(run_id).status == "Cancelled"


def test_a_run_that_has_ended_can_not_be_cancelled(workshop: Workshop) -> None:
    run = workshop.run(ok("A"))
    with pytest.raises(RunHasEndedError):
        workshop.factory.cancel(run.run_id)


def test_an_unknown_pipeline_is_refused(workshop: Workshop) -> None:
    with pytest.raises(UnknownPipelineError):
        workshop.factory.create_run("none", {})


def test_runs_outlive_the_factory(workshop: Workshop) -> None:
    workshop.write("p", waits("A"), concurrency=1)
    begun, queued = workshop.factory.create_run("p", {}), workshop.factory.create_run("p", {})
    wait_until(lambda: workshop.statuses(begun) == [("A", "InProgress")])
    workshop.stop()
    workshop.write("p", ok("B"), concurrency=1)
    workshop.start()
    assert workshop.ended(begun).status == workshop.ended(queued).status == "Succeeded"
    assert ("B", "Succeeded") in workshop.statuses(begun)


def test_a_run_under_which_the_factory_ends_again_and_again_fails(workshop: Workshop) -> None:
    workshop.write("p", waits("A"))
    run_id = workshop.factory.create_run("p", {})
    for _ in range(3):
        wait_until(lambda: ("A", "InProgress") in workshop.statuses(run_id))
        workshop.stop()
        workshop.start()
    run = workshop.ended(run_id)
    assert run.status == "Failed"
    assert "stopped 3 times" in run.message
