"""The HTTP world against a real server: what is sent, what is refused, and what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopback_server import Loopback, Received, Wire, serving
from toolwise.errors import ConfigError, UserError, WorldError
from toolwise.types import (
    Catalog,
    Hints,
    HttpBinding,
    Observation,
    ObservationSource,
    ParameterLocation,
    ParameterStyle,
    Schema,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
)
from toolwise.worlds.credentials import Redaction, variable_name
from toolwise.worlds.http import HttpWorld, HttpWorldConfig

PATH, QUERY, HEADER = ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.HEADER
COOKIE, BODY, WHOLE = ParameterLocation.COOKIE, ParameterLocation.BODY, ParameterLocation.WHOLE_BODY
TEXT: Schema = {"type": "string"}
ANY: Schema = {}


def tool(name: str, method: str, path: str, locations: dict[str, ParameterLocation], **more: Any) -> Tool:
    schemas = more.pop("schemas", {})
    binding = {key: more.pop(key) for key in ("styles", "wire_names", "media_type") if key in more}
    return Tool(
        id=f"api.{name}",
        name=name,
        parameters={
            "type": "object",
            "properties": {parameter: schemas.get(parameter, ANY) for parameter in locations},
            "required": more.pop("required", []),
        },
        binding=HttpBinding(method=method, path=path, locations=locations, **binding),
        **more,
    )


JSON_OBJECT: Schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
TOOLS = (
    tool("get", "GET", "/items/{id}", {"id": PATH, "q": QUERY, "trace": HEADER, "sid": COOKIE},
         wire_names={"trace": "X-Trace"}, returns=JSON_OBJECT),
    tool("name", "GET", "/v1/{name}", {"name": PATH}, styles={"name": ParameterStyle.RESERVED}),
    tool("matrix", "GET", "/m{v}/x", {"v": PATH}, styles={"v": ParameterStyle.MATRIX_EXPLODED}),
    tool("label", "GET", "/l{v}/x", {"v": PATH}, styles={"v": ParameterStyle.LABEL}),
    tool("styles", "GET", "/styles",
         {"multi": QUERY, "csv": QUERY, "pipes": QUERY, "deep": QUERY, "doc": QUERY, "list": HEADER},
         styles={"csv": ParameterStyle.FORM, "pipes": ParameterStyle.PIPE_DELIMITED,
                 "deep": ParameterStyle.DEEP_OBJECT, "doc": ParameterStyle.JSON}),
    tool("create", "POST", "/items", {"title": BODY, "size": BODY, "dry_run": QUERY}, media_type="application/json",
         required=["title"], schemas={"title": TEXT, "size": {"type": "integer"}}),
    tool("form", "POST", "/form", {"a": BODY, "b": BODY}, media_type="application/x-www-form-urlencoded",
         styles={"b": ParameterStyle.DEEP_OBJECT}),
    tool("upload", "POST", "/upload", {"file": BODY, "note": BODY, "tags": BODY, "meta": BODY},
         media_type="multipart/form-data", schemas={"file": {"type": "string", "format": "binary"}}),
    tool("whole", "PUT", "/whole", {"body": WHOLE}, media_type="application/json"),
    tool("binary", "PUT", "/binary", {"body": WHOLE}, media_type="application/octet-stream"),
    tool("xml", "POST", "/xml", {"a": BODY}, media_type="application/xml"),
    tool("answer", "GET", "/answer/{kind}", {"kind": PATH}, returns=JSON_OBJECT),
    tool("free", "GET", "/answer/{kind}", {"kind": PATH}),
    tool("text", "GET", "/answer/{kind}", {"kind": PATH}, returns=TEXT),
    tool("remove", "DELETE", "/items/{id}", {"id": PATH}),
    tool("purge", "POST", "/purge", {}, hints=Hints(destructive=True)),
    Tool(id="api.loose", name="loose"),
)  # fmt: skip

ANSWERS: dict[str, Callable[[Wire], None]] = {
    "html": lambda w: w.answer(200, b"<html><body>Sign in</body></html>", content_type="text/html"),
    "truncated": lambda w: w.answer(200, b'{"ok": tr', content_type="application/json"),
    "empty": lambda w: w.answer(200),
    "none": lambda w: w.answer(204),
    "csv": lambda w: w.answer(200, b"a,b\n1,2\n", content_type="text/csv; charset=latin-1"),
    "png": lambda w: w.answer(200, b"\x89PNG\xff", content_type="image/png"),
    "deep": lambda w: w.answer(200, b"[" * 900 + b"]" * 900, content_type="application/json"),
    "401": lambda w: w.answer(401, b'{"error": "who are you?"}'),
    "403": lambda w: w.answer(403, b"no"),
    "404": lambda w: w.answer(404, b'{"error": {"message": "gone fishing", "id": 7}}'),
    "409": lambda w: w.answer(409),
    "422": lambda w: w.answer(422, b'{"detail": ["a"]}'),
    "418": lambda w: w.answer(418),
    "429": lambda w: w.answer(429, retry_after="17"),
    "429-date": lambda w: w.answer(429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"),
    "500": lambda w: w.answer(500, b"<html>oops</html>", content_type="text/html"),
    "503": lambda w: w.answer(503, retry_after="3"),
    "hang-up": lambda w: w.hang_up(),
    "slow": lambda w: time.sleep(1),
    "away": lambda w: w.answer(302, location="http://169.254.169.254/"),
    "300": lambda w: w.answer(300),
}


def answer(wire: Wire, received: Received) -> None:
    path = unquote(received.target.partition("?")[0])
    if path.startswith("/answer/") and (kind := path.removeprefix("/answer/")) in ANSWERS:
        ANSWERS[kind](wire)
        return
    echo = {"ok": True, "target": received.target, "headers": received.headers, "body": received.body.decode("latin-1")}
    wire.answer(200, json.dumps(echo).encode(), content_type="application/json")


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with serving(answer) as running:
        yield running


def world(server: Loopback, environment: dict[str, str] | None = None, **config: Any) -> HttpWorld:
    made = HttpWorldConfig(
        **{
            "servers": {"api": server.url},
            "hosts": (server.host,),
            "calls_per_second": 1000,
            "call_seconds": 2,
            "silence_seconds": 0.5,
            **config,
        }
    )
    toolset = Toolset(name="api", auth=("apiKey in query api_key",), tools=TOOLS)
    return HttpWorld(Catalog(toolsets=(toolset,)), made, environment or {})


def run(opened: HttpWorld, name: str, /, candidates: tuple[str, ...] = (), **arguments: Any) -> Observation:
    task = Task(instruction="", candidates=candidates, relevant=())
    return asyncio.run(opened.open(task).call(ToolCall(name=f"api.{name}", arguments=arguments)))


def sent(server: Loopback, name: str, /, **arguments: Any) -> Received:
    seen = run(world(server), name, **arguments)
    assert seen.ok, seen.body
    return server.received[-1]


def test_every_location_is_written(server: Loopback) -> None:
    got = sent(server, "get", id="a b/ü?#", q="x&y=z +", trace="t-1", sid="s;1")
    assert got.target == "/items/a%20b%2F%C3%BC%3F%23?q=x%26y%3Dz%20%2B"
    assert got.headers["X-Trace"] == "t-1"
    assert got.headers["Cookie"] == "sid=s%3B1"
    assert got.body == b""


def test_styles(server: Loopback) -> None:
    got = sent(server, "styles", multi=[1, "b"], csv=["a", "b"], pipes=["a", "b"], doc={"k": [1]}, list=[1, True],
               deep={"a": 1, "b": {"c": [None, False]}})  # fmt: skip
    assert parse_qsl(urlsplit(got.target).query, keep_blank_values=True) == [
        ("multi", "1"), ("multi", "b"), ("csv", "a,b"), ("pipes", "a|b"), ("deep[a]", "1"), ("deep[b][c][0]", ""),
        ("deep[b][c][1]", "false"), ("doc", '{"k":[1]}'),
    ]  # fmt: skip
    assert got.headers["list"] == "1,true"
    assert sent(server, "matrix", v=["a", "b/"]).target == "/m;v=a;v=b%2F/x"
    assert sent(server, "label", v={"k": 1, "l": 2}).target == "/l.k,1,l,2/x"
    assert sent(server, "styles", multi={"k": 1, "l": "m"}).target == "/styles?k=1&l=m"
    assert sent(server, "name", name="projects/p 1/disks/d").target == "/v1/projects/p%201/disks/d"


def test_bodies(server: Loopback) -> None:
    made = sent(server, "create", title="Ä", size=3, dry_run=True)
    assert (json.loads(made.body), made.headers["Content-Type"]) == ({"title": "Ä", "size": 3}, "application/json")
    assert made.target == "/items?dry_run=true"
    form = sent(server, "form", a=["1", "2"], b={"x": {"y": "&"}})
    assert parse_qsl(form.body.decode()) == [("a", "1"), ("a", "2"), ("b[x][y]", "&")]
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(sent(server, "whole", body=[1, None]).body) == [1, None]
    assert sent(server, "binary", body="data:image/png;base64,iVBORw==").body == b"\x89PNG"
    assert sent(server, "binary", body="plain").body == b"plain"
    assert sent(server, "create", title="x").headers["Content-Length"] == "13"


def test_multipart(server: Loopback) -> None:
    got = sent(server, "upload", file="data:image/png;base64,iVBORw==", note='a "b"', tags=["x", "y"], meta={"k": 1})
    head = f"Content-Type: {got.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + got.body).get_payload()
    seen = [
        (p.get_param("name", header="content-disposition"), p.get_content_type(), p.get_payload(decode=True))
        for p in parts
        if not isinstance(p, str)
    ]
    assert seen == [
        ("file", "image/png", b"\x89PNG"),
        ("note", "text/plain", b'a "b"'),
        ("tags", "text/plain", b"x"),
        ("tags", "text/plain", b"y"),
        ("meta", "application/json", b'{"k":1}'),
    ]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("create", {}, "title"),
    ("create", {"title": "x", "size": "large"}, "size"),
    ("create", {"title": "x", "colour": 1}, "colour"),
    ("get", {}, "id"),
    ("get", {"id": ""}, "id"),
    ("get", {"id": ".."}, "id"),
    ("get", {"id": "."}, "id"),
    ("get", {"id": "../admin"}, "id"),
    ("get", {"id": "a\\..\\b"}, "id"),
    ("get", {"id": []}, "id"),
    ("name", {"name": "projects/../secrets"}, "name"),
    ("name", {"name": "projects//x"}, "name"),
    ("name", {"name": "projects/"}, "name"),
    ("get", {"id": "1", "trace": "a\r\nX-Evil: 1"}, "trace"),
    ("binary", {"body": "data:x;base64,@@@"}, "body"),
    ("binary", {"body": {"a": 1}}, "body"),
    ("xml", {"a": 1}, ""),
]


@pytest.mark.parametrize(("name", "arguments", "field"), BAD)
def test_what_cannot_be_sent_as_documented_is_not_sent(
    server: Loopback, name: str, arguments: dict[str, Any], field: str
) -> None:
    before = server.connections
    seen = run(world(server), name, **arguments)
    assert (seen.status, seen.error) == (400, ToolErrorKind.INVALID_ARGUMENTS)
    assert seen.body["error"].get("field", "") == field
    assert server.connections == before


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12))
def test_no_value_leaves_its_path_segment(server: Loopback, value: str) -> None:
    before = len(server.received)
    seen = run(world(server), "get", id=value)
    if seen.ok:
        target = server.received[-1].target
        assert target.startswith("/items/")
        assert target.count("/") == 2
        assert unquote(target.removeprefix("/items/")) == value
    else:
        assert seen.error is ToolErrorKind.INVALID_ARGUMENTS
        assert len(server.received) == before


KINDS: list[tuple[str, int, ToolErrorKind]] = [
    ("html", 502, ToolErrorKind.MALFORMED),
    ("truncated", 502, ToolErrorKind.MALFORMED),
    ("empty", 502, ToolErrorKind.MALFORMED),
    ("csv", 502, ToolErrorKind.MALFORMED),
    ("deep", 502, ToolErrorKind.MALFORMED),
    ("300", 502, ToolErrorKind.MALFORMED),
    ("401", 401, ToolErrorKind.UNAUTHORIZED),
    ("403", 403, ToolErrorKind.UNAUTHORIZED),
    ("404", 404, ToolErrorKind.NOT_FOUND),
    ("409", 409, ToolErrorKind.CONFLICT),
    ("422", 422, ToolErrorKind.INVALID_ARGUMENTS),
    ("418", 418, ToolErrorKind.INVALID_ARGUMENTS),
    ("429", 429, ToolErrorKind.RATE_LIMITED),
    ("500", 500, ToolErrorKind.SERVER),
    ("503", 503, ToolErrorKind.SERVER),
    ("hang-up", 503, ToolErrorKind.CONNECTION),
    ("slow", 504, ToolErrorKind.TIMEOUT),
    ("away", 403, ToolErrorKind.REFUSED),
]


@pytest.mark.parametrize(("kind", "status", "error"), KINDS)
def test_failures_are_typed(server: Loopback, kind: str, status: int, error: ToolErrorKind) -> None:
    seen = run(world(server), "answer", kind=kind)
    assert (seen.status, seen.error, seen.source) == (status, error, ObservationSource.REAL)
    assert seen.body["error"]["code"]
    assert json.loads(seen.content)["status"] >= 400


def test_what_the_service_says_is_kept(server: Loopback) -> None:
    opened = world(server)
    assert run(opened, "answer", kind="404").body == {
        "error": {"code": "not_found", "message": "gone fishing", "id": 7}
    }
    assert run(opened, "answer", kind="429").body["error"]["retry_after"] == 17
    assert run(opened, "answer", kind="429-date").body["error"]["retry_after"].startswith("Fri, 31 Dec")
    assert "Sign in" in run(opened, "answer", kind="html").body["error"]["answer"]


def test_other_bodies_are_fine_where_no_json_was_promised(server: Loopback) -> None:
    opened = world(server)
    assert run(opened, "free", kind="html").body == "<html><body>Sign in</body></html>"
    assert run(opened, "text", kind="csv").body == "a,b\n1,2\n"
    assert run(opened, "free", kind="png").body == {"media_type": "image/png", "base64": "iVBOR/8="}
    assert run(opened, "free", kind="empty").body is None
    assert run(opened, "answer", kind="none").ok
    assert run(opened, "free", kind="truncated").error is ToolErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("value", "where", "expected"),
    [
        ("bearer:s3cr3t/tok", "Authorization", "Bearer s3cr3t/tok"),
        ("basic:me:p4ss word", "Authorization", "Basic bWU6cDRzcyB3b3Jk"),
        ("header:X-Key:s3cr3t", "X-Key", "s3cr3t"),
        ("cookie:sid:s3cr3t", "Cookie", "sid=s3cr3t"),
        ("query:key:s3 cr3t", None, "key=s3%20cr3t"),
        ("s3cr3t", None, "api_key=s3cr3t"),
        ("header:X-A:s3cr3t\nheader:X-B:0therS", "X-B", "0therS"),
    ],
)
def test_credentials_are_sent_and_never_shown(server: Loopback, value: str, where: str | None, expected: str) -> None:
    seen = run(world(server, {variable_name("api"): value}), "get", id="1")
    got = server.received[-1]
    assert (expected in got.target) if where is None else (got.headers[where] == expected)
    assert "[redacted]" in seen.content
    for secret in ("s3cr3t", "p4ss", "s3 cr3t", "s3%20cr3t", "bWU6", "0therS"):
        assert secret not in seen.content


def test_credentials_do_not_go_unencrypted_to_a_host_that_was_not_allowed(server: Loopback) -> None:
    opened = world(server, {variable_name("api"): "bearer:s3cr3t"}, servers={"api": "http://api.example"}, hosts=())
    seen = run(opened, "get", id="1")
    assert seen.error is ToolErrorKind.REFUSED
    assert "unencrypted" in seen.content


@pytest.mark.parametrize("value", ["bearer:", "basic:me", "header:X-Key", "query::x"])
def test_malformed_credentials_are_a_users_mistake_and_not_shown(server: Loopback, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(world(server, {variable_name("api"): value}), "get", id="1")
    assert variable_name("api") in str(caught.value)


@given(st.text(min_size=4, max_size=12), st.recursive(st.text(max_size=8), lambda s: st.lists(s, max_size=3)))
def test_redaction_leaves_no_secret(secret: str, value: Any) -> None:
    redaction = Redaction([secret])
    hidden = json.dumps(redaction.json({"a": value, secret: [f"<{secret}>"]}), ensure_ascii=False)
    assert secret not in json.loads(hidden)
    assert "<[redacted]>" in hidden


def test_destructive_tools_need_consent(server: Loopback) -> None:
    before = server.connections
    for name, arguments in (("remove", {"id": "1"}), ("purge", {})):
        seen = run(world(server), name, **arguments)
        assert (seen.error, seen.status) == (ToolErrorKind.REFUSED, 403)
    assert server.connections == before
    assert run(world(server, consent=True), "remove", id="1").ok


def test_what_is_not_offered_or_not_http_is_not_called(server: Loopback) -> None:
    opened = world(server)
    assert run(opened, "nothing").error is ToolErrorKind.UNKNOWN_TOOL
    assert run(opened, "get", ("api.create",), id="1").error is ToolErrorKind.UNKNOWN_TOOL
    assert run(opened, "loose").error is ToolErrorKind.REFUSED
    assert run(world(server, servers={}), "get", id="1").error is ToolErrorKind.REFUSED
    assert run(world(server, hosts=()), "get", id="1").error is ToolErrorKind.REFUSED
    for url in ("file:///etc", "http://u:p@h/"):
        with pytest.raises(UserError):
            world(server, servers={"api": url})


def test_it_cannot_fork_and_says_so(server: Loopback) -> None:
    opened = world(server)
    session = opened.open(Task(instruction="", candidates=(), relevant=()))
    assert not opened.can_fork
    assert session.state() == {}
    for act in (session.snapshot, lambda: session.restore(None)):
        with pytest.raises(WorldError):
            act()


def test_calls_at_once_are_spaced_and_all_answered(server: Loopback) -> None:
    opened = world(server, calls_per_second=100)

    async def several() -> list[Observation]:
        session = opened.open(Task(instruction="", candidates=(), relevant=()))
        calls = (ToolCall(name="api.get", arguments={"id": str(i)}) for i in range(20))
        return await asyncio.gather(*(session.call(call) for call in calls))

    slow = world(server, calls_per_second=0.01).pace
    assert [slow.reserve("one") for _ in range(3)] == pytest.approx([0, 100, 200], abs=50)
    assert slow.reserve("other") == pytest.approx(0, abs=50)
    seen = asyncio.run(several())
    assert [o.body["target"] for o in seen] == [f"/items/{i}" for i in range(20)]
