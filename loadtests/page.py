"""The page that compares two runs of one load. It is one file, and works offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from loadtests.charts import COLOURS, over_time
from loadtests.figures import Requests
from loadtests.profiles import Profile

TEMPLATE = "page.html.j2"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was measured, and where. The head of the page shows it."""

    name: str
    profile: Profile
    products: int
    machine: str
    date: str


def render(runs: Mapping[str, Requests], circumstances: Circumstances) -> str:
    """Renders the page of the runs `off` and `on`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    seconds = {name: list(requests.over_time()) for name, requests in runs.items()}
    charts = {
        "Requests answered per second": over_time(seconds, lambda second: second.requests, "requests"),
        "Median response time": over_time(seconds, lambda second: second.p50, "p50, ms"),
        "95th percentile of response times": over_time(seconds, lambda second: second.p95, "p95, ms"),
        "Answered from the cache": over_time(
            seconds,
            lambda second: None if second.hit_share is None else second.hit_share * 100,
            "hits, %",
        ),
    }
    totals = {name: requests.total() for name, requests in runs.items()}
    operations = {name: requests.operations() for name, requests in runs.items()}
    return environment.get_template(TEMPLATE).render(
        circumstances=circumstances,
        totals=totals,
        operations={name: {run: operations[run].get(name) for run in runs} for name in sorted(operations["on"])},
        with_cache=runs["on"].by_cache(),
        errors={name: requests.errors.most_common(5) for name, requests in runs.items()},
        charts=charts,
        colours=COLOURS,
    )
