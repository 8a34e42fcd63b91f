"""Names, paths, routes and coercion, each on its own."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_catalog import DEPOT

from toolwise.serve.answers import Promise
from toolwise.serve.http_paths import RouteTable, parse_template
from toolwise.serve.http_styles import Reader
from toolwise.serve.served import MAX_NAME, public_names
from toolwise.serve.sessions import Sessions
from toolwise.types import Catalog, HttpBinding, Json, Observation, ParameterStyle, Tool, ToolErrorKind
from toolwise.worlds import SimulatedWorld
from toolwise.worlds.http_styles import pairs, path_text

Segments = st.lists(st.sampled_from(["a", "b", "{}", "{}:go", "x{}"]), min_size=1, max_size=4)


@given(st.lists(st.text(min_size=1, max_size=90), max_size=30, unique=True), st.booleans())
def test_public_names_are_legal_and_different(tails: list[str], prefixed: bool) -> None:
    names = public_names([f"set.{tail}" for tail in tails], prefixed=prefixed)
    assert len(set(names)) == len(names)
    assert all(0 < len(name) <= MAX_NAME and name.replace("-", "_").isascii() for name in names)
    assert all(character.isalnum() or character in "_-" for name in names for character in name)


def _matches(segments: list[str], path: list[str]) -> bool:
    """The definition, segment by segment."""

    def one(segment: str, text: str) -> bool:
        before, hole, after = segment.partition("{}")
        if not hole:
            return segment == text
        return text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)

    return len(segments) == len(path) and all(map(one, segments, path))


@given(
    st.lists(Segments, max_size=12),
    st.lists(st.sampled_from(["a", "b", "c", "c:go", "xa", "xa:go", ""]), min_size=1, max_size=4),
)
def test_a_route_is_found_just_when_one_matches(templates: list[list[str]], path: list[str]) -> None:
    table: RouteTable[list[str]] = RouteTable()
    for template in templates:
        table.add(template, "GET", template)
    found, allowed = table.find(path, "GET")
    matching = [template for template in templates if _matches(template, path)]
    assert (found is None) == (not matching)
    assert found is None or found in matching
    assert found is None or path not in templates or found == path
    assert table.find(path, "POST")[1] == (("GET",) if matching else ())
    assert allowed == ()


def test_a_template_is_added_once() -> None:
    table: RouteTable[str] = RouteTable()
    assert table.add(["a", "{}"], "GET", "first")
    assert not table.add(["a", "{}"], "GET", "second")
    assert table.add(["a", "{}"], "PUT", "third")


def _tool(path: str, pattern: str | None = None) -> tuple[Tool, HttpBinding]:
    schema = {"type": "string", **({"pattern": pattern} if pattern else {})}
    binding = HttpBinding(method="GET", path=path)
    return Tool(id="t.x", name="x", parameters={"properties": {"name": schema}}, binding=binding), binding


@pytest.mark.parametrize(
    ("path", "pattern", "rendered", "sent", "value"),
    [
        ("/a/{name}", None, "/a/{name}", ["a", "7"], "7"),
        ("/a/{name}.json", None, "/a/{name}.json", ["a", "7.x.json"], "7.x"),
        ("/v1/{+name}", r"^p/[^/]+/d/[^/]+$", "/v1/p/{p_id}/d/{d_id}", ["v1", "p", "1", "d", "2"], "p/1/d/2"),
        ("/v1/{name}:go", r"^p/[^/]+$", "/v1/p/{p_id}:go", ["v1", "p", "1:go"], "p/1"),
        ("/v1/{name}/q", r"^p/[^/]+/s$", "/v1/p/{p_id}/s/q", ["v1", "p", "1", "s", "q"], "p/1/s"),
    ],
)
def test_templates_read_back_what_a_caller_filled_in(
    path: str, pattern: str | None, rendered: str, sent: list[str], value: str
) -> None:
    template = parse_template(*_tool(path, pattern))
    assert template.render() == rendered
    assert template.values(sent) == {"name": value}


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("7", {"type": "integer"}, 7),
        ("7", {"type": "string"}, "7"),
        ("7.5", {"type": "number"}, 7.5),
        ("7", {"type": "number"}, 7),
        ("٧", {"type": "integer"}, "٧"),
        ("1_0", {"type": "integer"}, "1_0"),
        ("9" * 30, {"type": "integer"}, float("9" * 30)),
        ("1e999", {"type": "number"}, "1e999"),
        ("true", {"type": "boolean"}, True),
        ("True", {"type": "boolean"}, "True"),
        ("null", {"type": ["null", "string"]}, None),
        ("null", {"type": "string"}, "null"),
        ("1,2", {"type": "array", "items": {"type": "integer"}}, [1, 2]),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("{a", {"type": "object"}, "{a"),
        ("5", {"enum": [1, 5]}, 5),
        ("x", {}, "x"),
        ("3", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, 3),
    ],
)
def test_text_becomes_what_its_schema_says(text: str, schema: dict[str, Any], value: Any) -> None:
    made = Reader({}).styled(text, "name", schema, ParameterStyle.SIMPLE)
    assert made == value
    assert type(made) is type(value)


@given(
    st.text(),
    st.sampled_from(["integer", "number", "boolean", "null", "object", "array", "string", "any"]),
    st.sampled_from(ParameterStyle),
)
def test_any_text_is_read_without_an_error(text: str, kind: str, style: ParameterStyle) -> None:
    made = Reader({}).styled(text, "name", {"type": kind}, style)
    assert kind != "string" or style is not ParameterStyle.SIMPLE or made == text


WORDS = st.text("abcxyz019", min_size=1, max_size=5)
SINGLE = st.one_of(WORDS.filter(lambda text: not text.isdigit()), st.integers(-99, 99), st.booleans())
FLAT = {"type": "object", "additionalProperties": False}


def _schema_of(value: Json) -> dict[str, Any]:
    """A schema that says of each value what it is."""
    if isinstance(value, dict):
        return {**FLAT, "properties": {name: _schema_of(inner) for name, inner in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": _schema_of(value[0])}
    return {"type": {bool: "boolean", int: "integer", str: "string"}[type(value)]}


LISTS = st.one_of(
    st.lists(WORDS.filter(lambda text: not text.isdigit()), min_size=1, max_size=4),
    st.lists(st.integers(-9, 9), min_size=1, max_size=4),
)
VALUES = st.one_of(SINGLE, LISTS, st.dictionaries(WORDS, SINGLE, min_size=1, max_size=4))


@given(VALUES, st.sampled_from([style for style in ParameterStyle if style is not ParameterStyle.RESERVED]))
def test_what_the_http_world_writes_in_a_style_is_read_back(value: Json, style: ParameterStyle) -> None:
    schema, reader = _schema_of(value), Reader({})
    in_path = style.value.startswith(("simple", "label", "matrix"))
    if in_path:
        assert reader.styled(unquote(path_text("p", value, style)), "p", schema, style) == value
        return
    fields: dict[str, list[str]] = {}
    for name, text in pairs("p", value, style):
        fields.setdefault(name, []).append(text)
    read, taken = reader.field("p", fields, schema, style)
    assert (read, taken) == (value, frozenset(fields))


def test_an_answer_of_another_form_is_a_typed_failure() -> None:
    promise = Promise(DEPOT.by_name["create_crate"])
    assert promise.kept(Observation(status=200, body={"label": "short"})).ok  # lengths are no part of the promise
    broken = promise.kept(Observation(status=200, body={"label": 7}))
    assert broken.error is ToolErrorKind.MALFORMED
    refused = Observation(status=404, error=ToolErrorKind.NOT_FOUND)
    assert promise.kept(refused) is refused


def test_the_longest_unused_session_is_forgotten() -> None:
    async def use() -> None:
        sessions = Sessions(SimulatedWorld(Catalog(toolsets=(DEPOT,))), limit=2)
        await sessions.get("a").call("depot.create_crate", {"label": "x"})
        sessions.get("b")
        assert sessions.get("a").state()
        sessions.get("c")
        assert len(sessions) == 2
        assert sessions.get("a").state()
        sessions.get("b")
        assert not sessions.get("c").state()

    asyncio.run(use())
