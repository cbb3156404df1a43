"""Route templates, with the rules of ASP.NET."""

from __future__ import annotations

import pytest

from local.host.errors import HostError
from local.host.functions import Function, HttpTrigger
from local.host.routing import RouteTable


def table(*routes: str, prefix: str = "api") -> RouteTable:
    return RouteTable(
        [Function(route, route, "req", HttpTrigger(route, frozenset({"GET"}))) for route in routes], prefix
    )


def parameters(route: str, path: str) -> dict[str, str] | None:
    match = table(route).match("GET", path)
    return match[1] if match else None


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("a/b", "/api/a/b", {}),
        ("a/b", "/api/a/b/", {}),
        ("a/b", "/api/a/b/c", None),
        ("a/b", "/api/a//b", None),
        ("a.b", "/api/axb", None),
        ("{x}", "/api/é b", {"x": "é b"}),
        ("{x}", "/api/", None),
        ("{x}/y", "/api/1/Y", {"x": "1"}),
        ("a/{x?}", "/api/a", {}),
        ("a/{x?}", "/api/a/1", {"x": "1"}),
        ("a/{x=5}", "/api/a", {"x": "5"}),
        ("a/{x=5}", "/api/a/6", {"x": "6"}),
        ("{*x}", "/api", {}),
        ("{*x}", "/api/a/b", {"x": "a/b"}),
        ("{**x}", "/api/a/b", {"x": "a/b"}),
        ("a/{*x}", "/api/ab", None),
        ("{x:int}", "/api/-12", {"x": "-12"}),
        ("{x:int}", "/api/1.2", None),
        ("{x:int}", "/api/1_2", None),
        ("{x:min(1)}", "/api/1_2", None),
        ("{x:int?}", "/api", {}),
        ("{x:bool}", "/api/TRUE", {"x": "TRUE"}),
        ("{x:bool}", "/api/1", None),
        ("{x:guid}", "/api/6f9619ff-8b86-d011-b42d-00c04fc964ff", {"x": "6f9619ff-8b86-d011-b42d-00c04fc964ff"}),
        ("{x:guid}", "/api/6f9619ff", None),
        ("{x:double}", "/api/1.5", {"x": "1.5"}),
        ("{x:alpha}", "/api/abc", {"x": "abc"}),
        ("{x:alpha}", "/api/ab1", None),
        ("{x:length(3)}", "/api/abc", {"x": "abc"}),
        ("{x:length(3)}", "/api/abcd", None),
        ("{x:length(2,3)}", "/api/ab", {"x": "ab"}),
        ("{x:minlength(3)}", "/api/ab", None),
        ("{x:maxlength(3)}", "/api/abcd", None),
        ("{x:max(10)}", "/api/11", None),
        ("{x:range(1,10)}", "/api/10", {"x": "10"}),
        ("{x:range(1,10)}", "/api/0", None),
        ("{x:int:min(5)}", "/api/4", None),
        ("{x:regex(^a{{2}}$)}", "/api/aa", {"x": "aa"}),
        ("{x:regex(^a{{2}}$)}", "/api/aaa", None),
    ],
)
def test_a_template_matches_as_in_asp_net(route: str, path: str, expected: dict[str, str] | None) -> None:
    assert parameters(route, path) == expected


@pytest.mark.parametrize("route", ["{x:datetime}", "{a}-{b}", "{x", "{x:min(y)}", "{x:regex([)}"])
def test_a_template_that_is_not_known_is_refused(route: str) -> None:
    with pytest.raises(HostError, match=r"this host doesn't support|invalid argument"):
        table(route)


def test_without_a_prefix_the_routes_begin_at_the_root() -> None:
    match = table("{*x}", prefix="").match("GET", "/a")
    assert match is not None
    assert match[1] == {"x": "a"}


def test_a_function_without_methods_takes_every_method() -> None:
    every = RouteTable([Function("f", "f", "req", HttpTrigger("a", None))], "api")
    assert all(every.match(method, "/api/a") for method in ("GET", "TRACE", "PROPFIND"))
