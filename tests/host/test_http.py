"""HTTP functions: the requests that they get, and their replies."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.hosting import FunctionApp, HostProcess

MAX_BODY = 3_000_000


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("echo")
    app = FunctionApp.make(folder, "echo", {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(MAX_BODY)})
    with app.running() as host:
        yield host


class Reply:
    def __init__(self, connection: http.client.HTTPConnection) -> None:
        response = connection.getresponse()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    host: HostProcess,
    target: str,
    *,
    method: str = "GET",
    headers: list[tuple[str, str]] | None = None,
    body: Any = None,
) -> Reply:
    """Sends exactly this request, without normalizing the path or headers."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    try:
        given = {name.lower() for name, _ in headers or []}
        connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
        for name, value in headers or []:
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("content-length", str(len(body)))
        elif body is not None:
            connection.putheader("transfer-encoding", "chunked")
        connection.endheaders(body, encode_chunked=not isinstance(body, bytes))
        return Reply(connection)
    finally:
        connection.close()


def test_routes_are_tried_in_the_order_of_the_functions_names(echo: HostProcess) -> None:
    assert ask(echo, "/api/order/literal").json["function"] == "a_parameter"


def test_names_are_ordered_as_the_real_host_does_in_capitals(echo: HostProcess) -> None:
    assert ask(echo, "/api/under/b").json["function"] == "orderb"  # B < _, though _ < b


def test_routes_match_without_regard_to_case(echo: HostProcess) -> None:
    reply = ask(echo, "/API/Order/Some")
    assert (reply.json["function"], reply.json["path"]) == ("a_parameter", "/API/Order/Some")


def test_a_slash_at_the_end_of_a_path_does_not_matter_to_the_route(echo: HostProcess) -> None:
    assert ask(echo, "/api/order/some/").json["path"] == "/api/order/some/"


def test_a_wrong_method_is_no_match(echo: HostProcess) -> None:
    assert ask(echo, "/api/number/11", method="PUT").json["function"] == "number_write"
    reply = ask(echo, "/api/number/11", method="DELETE")
    assert (reply.status, reply.body) == (404, b"")


def test_a_path_without_a_route_is_an_empty_404(echo: HostProcess) -> None:
    for path in ("/", "/api", "/echo/x", "/api/nothing/here", "/api/order/a/b"):
        reply = ask(echo, path)
        assert (reply.status, reply.body) == (404, b""), path


def test_constraints_of_a_route_hold(echo: HostProcess) -> None:
    assert ask(echo, "/api/number/10").json["function"] == "number"
    assert ask(echo, "/api/number/9").status == 404
    assert ask(echo, "/api/number/ten").status == 404


def test_parameters_of_route_and_query_reach_the_function(echo: HostProcess) -> None:
    assert ask(echo, "/api/parameters/a%20b?x=1&x=2&y=%C3%A9&empty=").body.decode() == str(
        [("first", "a b"), ("x", "1,2"), ("y", "é")]
    )
    assert ask(echo, "/api/parameters/a/b").body.decode() == str([("first", "a"), ("second", "b")])


def test_a_catch_all_takes_everything_and_nothing(echo: HostProcess) -> None:
    for path in ("/api/echo", "/api/echo/", "/api/echo/a/b//c"):
        assert ask(echo, path).json["path"] == path


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/a%20b", "/a b"),
        ("/caf%C3%A9", "/café"),
        ("/%41", "/A"),
        ("/a%3Fb%23c", "/a?b#c"),
        ("/a%2Fb", "/a/b"),  # kept by the web server, decoded by AsgiMiddleware
        ("/100%25", "/100%"),
        ("/%253Cb", "/<b"),  # decoded by both, in Azure too
        ("/a+b&c=d", "/a+b&c=d"),
        ("/a/../b", "/b"),
        ("/%E2%82%AC%F0%9F%98%80", "/€😀"),
    ],
)
def test_a_percent_encoded_path_reaches_the_app_as_in_azure(echo: HostProcess, sent: str, seen: str) -> None:
    assert ask(echo, f"/api/echo{sent}").json["path"] == f"/api/echo{seen}"


@pytest.mark.parametrize(
    "query", ["a=%20b&a=+c", "%C3%A9=%2525", "a=b=c&&;d", "q=%", "q=%zz&q=%FF", "q=a/b?c", "cursor=abc%3D%3D", ""]
)
def test_a_query_reaches_the_app_exactly(echo: HostProcess, query: str) -> None:
    assert ask(echo, f"/api/echo/x?{query}").json["query"] == query


def test_the_clients_address_is_appended_to_x_forwarded_for(echo: HostProcess) -> None:
    seen = ask(echo, "/api/echo/x").json["headers"]["x-forwarded-for"]
    assert seen.startswith("127.0.0.1:")
    headers = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-For", "198.51.100.9, 10.0.0.1")]
    seen = ask(echo, "/api/echo/x", headers=headers).json["headers"]["x-forwarded-for"]
    assert seen.startswith("203.0.113.7,198.51.100.9, 10.0.0.1, 127.0.0.1:")


def test_repeated_headers_are_joined_by_commas(echo: HostProcess) -> None:
    headers = [("If-None-Match", '"a"'), ("X-Other", "é".encode().decode("latin-1")), ("If-None-Match", '"b"')]
    seen = ask(echo, "/api/echo/x", headers=headers).json["headers"]
    assert seen["if-none-match"] == '"a","b"'


def test_several_cookies_are_set(echo: HostProcess) -> None:
    cookies = ask(echo, "/api/cookies").headers.get_all("set-cookie")
    assert cookies is not None
    assert [cookie.split(";")[0] for cookie in cookies] == ["first=1", "second=2"]
    assert "HttpOnly" in cookies[1]


def test_head_is_answered_with_gets_headers_and_no_body(echo: HostProcess) -> None:
    whole, head = (ask(echo, "/api/echo/x", method=method) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    (length,) = head.headers.get_all("content-length") or []
    assert int(length) > 0
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_a_304_has_no_body_whatever_its_length_says(echo: HostProcess) -> None:
    reply = ask(echo, "/api/nothing-new")
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", '"1"')


@pytest.mark.parametrize("size", [0, 1, 65_537, 1_048_577, MAX_BODY])
def test_a_body_reaches_the_app_whole(echo: HostProcess, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    seen = ask(echo, "/api/echo/x", method="POST", body=body).json
    assert (seen["size"], seen["sha256"]) == (size, hashlib.sha256(body).hexdigest())


def test_a_body_in_chunks_reaches_the_app_whole(echo: HostProcess) -> None:
    chunks = [b"x" * 100_000] * 12
    seen = ask(echo, "/api/echo/x", method="POST", body=iter(chunks)).json
    assert (seen["size"], seen["sha256"]) == (1_200_000, hashlib.sha256(b"".join(chunks)).hexdigest())


def test_a_body_beyond_the_hosts_bound_is_413(echo: HostProcess) -> None:
    reply = ask(echo, "/api/echo/x", method="POST", headers=[("content-length", str(MAX_BODY + 1))])
    assert reply.status == 413


def test_a_body_in_chunks_beyond_the_hosts_bound_is_413(echo: HostProcess) -> None:
    reply = ask(echo, "/api/echo/x", method="POST", body=iter([b"x" * (MAX_BODY // 2)] * 3))
    assert reply.status == 413


@pytest.mark.parametrize("host", ["a/b", "a?b", "a b", "[::1", "a:99999", "a#b"])
def test_a_host_header_that_could_change_the_url_is_400(echo: HostProcess, host: str) -> None:
    assert ask(echo, "/api/echo/x", headers=[("Host", host)]).status == 400


def test_two_host_headers_are_400(echo: HostProcess) -> None:
    assert ask(echo, "/api/echo/x", headers=[("Host", "a"), ("Host", "b")]).status == 400


def test_a_nul_in_the_path_is_400(echo: HostProcess) -> None:
    assert ask(echo, "/api/echo/%00").status == 400


def test_the_trace_is_passed_on(echo: HostProcess) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen = ask(echo, "/api/echo/x", headers=[("traceparent", parent)]).json
    assert (seen["trace_parent"], seen["headers"]["traceparent"]) == (parent, parent)


def test_a_function_that_fails_is_an_empty_500_and_its_traceback_is_logged(echo: HostProcess) -> None:
    reply = ask(echo, "/api/fails")
    assert (reply.status, reply.body) == (500, b"")
    echo.wait_for_output("a failure of the function's own")
    said = echo.output
    assert " ERROR   fails: " in said
    assert 'function_app.py", line' in said


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_log_line_begins_with_the_functions_name(echo: HostProcess, kind: str) -> None:
    assert ask(echo, f"/api/logs/{kind}").status == 200
    echo.wait_for_output(f" WARNING in_{kind}: said in a")
