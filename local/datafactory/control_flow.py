"""The order of a pipeline's activities, and the status of the run that follows from theirs.

An activity runs when all its dependencies have ended and each meets one of its conditions; otherwise it is skipped. The
leaves, on which nothing depends, decide the run: it fails if one failed. A skipped leaf defers to its dependencies.
Source: Microsoft's "Pipeline failure and error message".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Literal

from local.datafactory.definitions import AnyActivity, Dependency
from local.datafactory.failures import InvalidDefinitionError

type Outcome = Literal["Succeeded", "Failed", "Skipped"]
type Runner = Callable[[AnyActivity], Outcome]


def check_order(activities: Sequence[AnyActivity]) -> None:
    """Raises InvalidDefinitionError if a name repeats or a dependency can never be met."""
    names = [activity.name for activity in activities]
    if len(set(names)) < len(names):
        raise InvalidDefinitionError("Two activities have the same name.")
    placed: set[str] = set()
    left = list(activities)
    while left:
        ready = [activity for activity in left if all(item.activity in placed for item in activity.depends_on)]
        if not ready:
            stuck = ", ".join(activity.name for activity in left)
            raise InvalidDefinitionError(f"These activities wait for each other or for one that isn't there: {stuck}.")
        placed.update(activity.name for activity in ready)
        left = [activity for activity in left if activity.name not in placed]


def run_activities(activities: Sequence[AnyActivity], run: Runner) -> dict[str, Outcome]:
    """Runs all activities, independent ones at the same time. Returns the outcome of each.

    An error of `run` is raised when the running activities have ended.
    """
    outcomes: dict[str, Outcome] = {}
    waiting = list(activities)
    running: dict[Future[Outcome], str] = {}
    with ThreadPoolExecutor(max(1, len(activities)), thread_name_prefix="activity") as threads:
        while waiting or running:
            for activity in [item for item in waiting if all(up.activity in outcomes for up in item.depends_on)]:
                waiting.remove(activity)
                if all(_is_met(dependency, outcomes) for dependency in activity.depends_on):
                    running[threads.submit(run, activity)] = activity.name
                else:
                    outcomes[activity.name] = "Skipped"
            if not running:
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                outcomes[running.pop(future)] = future.result()
    return outcomes


def decisive_failure(activities: Sequence[AnyActivity], outcomes: dict[str, Outcome]) -> str | None:
    """The name of the activity whose failure fails the run; None if the run succeeded."""
    by_name = {activity.name: activity for activity in activities}
    upstream = {dependency.activity for activity in activities for dependency in activity.depends_on}

    def failure_of(name: str) -> str | None:
        if outcomes[name] == "Failed":
            return name
        if outcomes[name] == "Succeeded":
            return None
        parents = (failure_of(dependency.activity) for dependency in by_name[name].depends_on)
        return next((parent for parent in parents if parent), None)

    leaves = (failure_of(name) for name in by_name if name not in upstream)
    return next((leaf for leaf in leaves if leaf), None)


def _is_met(dependency: Dependency, outcomes: dict[str, Outcome]) -> bool:
    outcome = outcomes[dependency.activity]
    return any(
        condition == outcome or (condition == "Completed" and outcome != "Skipped")
        for condition in dependency.dependency_conditions
    )
