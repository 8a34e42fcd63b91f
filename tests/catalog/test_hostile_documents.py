"""Documents of every format with anything in them: a toolset or a reason, never another exception."""

import copy
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from catalog_samples import ALL, load, sample, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from row_samples import BREW, MANY, lines, load_all

from toolwise.catalog import LeftOut, SourceFormat, import_sources
from toolwise.catalog.draft import MAX_NAME
from toolwise.catalog.functions import Function
from toolwise.catalog.type_names import schema_of
from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.types import Toolset

SAMPLES: dict[str, Any] = {**ALL, **MANY}
JUNK: list[Any] = [
    None, True, 0, -1, 1.5, 2**70, "", "x", "\u202e\u200b", "$ref", "#/$defs/A", [], {}, [[]], [None], {"": None},
    {"type": "object"}, {"$ref": "#"}, {"$ref": "http://169.254.169.254/"}, {"type": ["strnig"]}, "{", '{"a": 1}',
    {"type": "array", "items": [1]}, {"enum": {}}, {"properties": []}, {"required": [1]}, {"anyOf": [{}]}, 1e308,
]  # fmt: skip

LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
KEYS = st.sampled_from(
    """name description parameters input_schema inputSchema function functions tools type properties required items
    api_list api_name tool_name category_name required_parameters optional_parameters method url template_response
    Name Description Category Documentation Functions NLDocumentation Function_Description API entries field responses
    question toolset category schema default enum $ref $defs anyOf allOf result annotations examples id""".split()
)
VALUE = st.recursive(
    LEAF | st.sampled_from(["str", "List[int]", "object", "#/$defs/A", "https://a.test/{b}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=24,
)


def check(path: Path, wanted: SourceFormat = SourceFormat.AUTO) -> int:
    """Import one file; whatever comes out is valid, legal and unique. Gives the number of tools."""
    count = 0
    names: set[str] = set()
    try:
        for item in import_sources([str(path)], format=wanted):
            if isinstance(item, LeftOut):
                assert item.detail
                assert "\n" not in item.detail
                continue
            assert item.name not in names
            names.add(item.name)
            count += check_toolset(item)
    except CatalogError as error:
        assert "\n" not in str(error)
    return count


def check_toolset(toolset: Toolset) -> int:
    assert len({tool.id for tool in toolset.tools}) == len(toolset.tools)
    for tool in toolset.tools:
        assert tool.name
        assert tool.name.isascii()
        assert len(tool.name) <= MAX_NAME + 8
        assert tool.parameters["type"] == "object" or "object" in tool.parameters["type"]
        assert all(name.isascii() and name for name in tool.properties)
        assert set(tool.required) <= set(tool.properties)
        Validator(tool.parameters, tool.definitions)
        if tool.returns is not None:
            Validator(tool.returns, tool.definitions)
    return len(toolset.tools)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) inside a value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def mutate(document: Any, rng: random.Random) -> Any:
    """The document with a few nodes deleted, replaced, duplicated, renamed, moved or wrapped."""
    for _ in range(rng.randint(1, 4)):
        found = places(document)
        if not found:
            break
        holder, key = rng.choice(found)
        act = rng.randrange(6)
        if act == 0:
            del holder[key]
        elif act == 1:
            holder[key] = copy.deepcopy(rng.choice(JUNK))
        elif act == 2 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif act == 3 and isinstance(holder, dict):
            holder[rng.choice(["", "$ref", "ＮＡＭＥ", "a\u202eb", str(key) * 200, "type"])] = holder.pop(key)
        elif act == 4:
            other, at = rng.choice(found)
            holder[key] = (
                copy.deepcopy(other[at]) if at in other or (isinstance(other, list) and at < len(other)) else 0
            )
        else:
            holder[key] = [holder[key]] if rng.random() < 0.5 else {"$ref": holder[key]}
    return document


def written(document: Any) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a number beyond 64 bits
        import json

        return json.dumps(document).encode()


@pytest.mark.parametrize("name", SAMPLES)
def test_mutated_documents_never_break_an_import(tmp_path: Path, name: str) -> None:
    rng = random.Random(f"mutations of {name}")
    for number in range(60):
        document = mutate(copy.deepcopy(SAMPLES[name]), rng)
        if isinstance(document, list) and number % 3 == 0:
            check(save(tmp_path, f"{number}.jsonl", lines(document)))
        else:
            check(save(tmp_path, f"{number}.json", written(document)))


@pytest.mark.parametrize("wanted", [f for f in SourceFormat if f is not SourceFormat.AUTO])
@given(value=VALUE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_called_any_format(tmp_path: Path, wanted: SourceFormat, value: Any) -> None:
    check(save(tmp_path, "any.json", written(value)), wanted)
    check(save(tmp_path, "any.json", written([value, {"name": "a", "parameters": value}])), wanted)


@given(schema=VALUE)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_for_a_schema(tmp_path: Path, schema: Any) -> None:
    rows = [{"name": "good", "parameters": {}}, {"name": "a", "parameters": schema, "returns": schema}]
    assert check(save(tmp_path, "tools.json", written(rows))) >= 1


@given(name=st.text(max_size=40) | st.from_regex(r"[A-Za-z]{1,8}[\[<(|][A-Za-z, \[\]'|]{0,20}[\]>)]?", fullmatch=True))
def test_any_type_name_is_a_schema(name: str) -> None:
    Validator(schema_of(name), {})


@given(names=st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=8, unique=True))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_distinct_names_stay_distinct_tools(tmp_path: Path, names: list[str]) -> None:
    rows = [{"name": name, "parameters": {"type": "object"}} for name in names]
    assert check(save(tmp_path, "tools.json", written(rows))) == sum(bool(name.strip()) for name in names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "p\u0430ypal"),  # a Cyrillic letter that looks like the Latin one
        ("send", "send\u200b"),
        ("abc", "\u202ecba"),
        ("cafe", "cafe\u0301"),
        ("get", "ＧＥＴ".lower()),
        ("天気", "天候"),
    ],
)
def test_names_that_look_alike_are_legal_and_apart(tmp_path: Path, one: str, other: str) -> None:
    rows = [{"name": name, "toolset": name, "parameters": {"type": "object"}} for name in (one, other)]
    toolsets, left_out = load_all(tmp_path, rows)
    assert left_out == []
    assert len({toolset.name for toolset in toolsets}) == 2
    assert all(toolset.name.isascii() and toolset.tools[0].name.isascii() for toolset in toolsets)
    assert not any(set(toolset.title) & set("\u200b\u202e") for toolset in toolsets)


def test_ten_thousand_parameters_and_ten_thousand_tools_of_one_name(tmp_path: Path) -> None:
    wide = {f"p{i}" if i % 2 else chr(0x4E00 + i): {"type": "str"} for i in range(10_000)}
    toolsets, _ = load_all(tmp_path, [{"name": "wide", "parameters": {"type": "object", "properties": wide}}])
    assert len(toolsets[0].tools[0].properties) == 10_000
    same = [{"name": "same", "description": str(i), "parameters": {"type": "object"}} for i in range(10_000)]
    toolsets, _ = load_all(tmp_path, same, "same.json")
    assert len({tool.name for tool in toolsets[0].tools}) == 10_000


def test_ten_thousand_apis_of_one_name_and_endless_blank_lines(tmp_path: Path) -> None:
    listed = [{"name": "same", "method": "GET", "description": str(i)} for i in range(10_000)]
    many = [{"name": f"p{i}", "type": "STRING"} for i in range(10_000)]
    listed.append({"name": "wide", "method": "GET", "url": "https://a.test/x", "required_parameters": many})  # type: ignore[dict-item]
    (toolset,), _ = load_all(tmp_path, {"tool_name": "T", "api_list": listed})
    assert len(toolset.tools) == 10_001
    blank = [{"Name": "T", "Functions": "\n" * 200_000, "NLDocumentation": "Parameters:" + "\n" * 200_000}]
    (toolset,), _ = load_all(tmp_path, blank, "blank.json")
    assert toolset.tools == ()


def test_ten_thousand_parameters_of_one_operation(tmp_path: Path) -> None:
    document = sample("openapi")
    listed = [{"name": "é" * 90 + str(i), "in": "query", "schema": {}} for i in range(10_000)]
    document["paths"] = {"/wide": {"get": {"parameters": [{"name": "語", "in": "query"}, *listed]}}}
    toolset, _ = load(tmp_path, document)
    assert len(toolset.tools[0].properties) == 10_001


@pytest.mark.parametrize("levels", [30, 125, 450])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"items":', b"}"),
        (b'{"properties":{"a":', b"}}"),
        (b'{"anyOf":[', b"]}"),
        (b'{"$defs":{"a":', b"}}"),
        (b'{"default":', b"}"),
        (b'{"additionalProperties":', b"}"),
    ],
)
def test_deep_schemas_lose_their_depths_and_not_the_tool(
    tmp_path: Path, levels: int, before: bytes, after: bytes
) -> None:
    deep = before * levels + b'{"type":"string"}' + after * levels
    row = b'{"name":"deep","parameters":{"properties":{"x":' + deep + b"}}}"
    toolsets, _ = load_all(tmp_path, b"[" + row + b"," + orjson.dumps(BREW) + b"]")
    assert {tool.name for tool in toolsets[0].tools} == {"deep", "brew_tea"}
    assert check_toolset(toolsets[0]) == 2


def test_cyclic_references_between_definitions(tmp_path: Path) -> None:
    parameters = {
        "$ref": "#/$defs/A",
        "$defs": {
            "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}, "me": {"$ref": "#"}}},
            "B": {"allOf": [{"$ref": "#/$defs/C"}]},
            "C": {"anyOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/A"}]},
            "Loop": {"$ref": "#/$defs/Loop"},
        },
    }
    toolsets, left_out = load_all(tmp_path, [{"name": "loop", "parameters": parameters}])
    assert list(toolsets[0].tools[0].properties) == ["b", "me"]
    assert check_toolset(toolsets[0]) == 1
    assert left_out == []


def test_a_remote_reference_is_never_fetched_and_reported(tmp_path: Path) -> None:
    rows = [{"name": "far", "parameters": {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}}]
    toolsets, left_out = load_all(tmp_path, rows)
    assert toolsets[0].tools[0].properties == {"a": {}}
    assert [(item.where, item.reason) for item in left_out] == [("http://127.0.0.1:9/schema.json", "remote_reference")]


def test_a_definition_too_deep_for_a_fingerprint_is_still_its_own() -> None:
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    assert (
        Function("a", "row 1", parameters=deep).fingerprint() != Function("a", "row 2", parameters=deep).fingerprint()
    )


SMALL = "openapi: 3.1.0\ninfo: {{title: {0}}}\npaths: {{/a: {{get: {{operationId: a}}}}}}\n"


def test_every_document_of_a_yaml_stream_is_read_and_a_broken_one_is_named(tmp_path: Path) -> None:
    stream = SMALL.format("One") + "---\n" + SMALL.format("Two") + "---\n---\na: [b\n"
    (tmp_path / "stream.yaml").write_text(stream)
    found = list(import_sources([str(tmp_path / "stream.yaml")]))
    assert [item.title for item in found if isinstance(item, Toolset)] == ["One", "Two"]
    assert [item.where for item in found if isinstance(item, LeftOut)] == ["row 3"]
    (tmp_path / "single.yaml").write_text(SMALL.format("One") + "---\n")
    assert [type(item) for item in import_sources([str(tmp_path / "single.yaml")])] == [Toolset]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_byte_order_marks_tell_the_encoding(tmp_path: Path, encoding: str) -> None:
    document = {"openapi": "3.1.0", "info": {"title": "Łąka"}, "paths": {"/a": {"get": {"operationId": "a"}}}}
    text = orjson.dumps(document).decode()
    (tmp_path / "d.json").write_bytes((("\ufeff" if encoding == "utf-16-be" else "") + text).encode(encoding))
    [toolset] = import_sources([str(tmp_path / "d.json")])
    assert isinstance(toolset, Toolset)
    assert toolset.title == "Łąka"


def test_a_reference_by_an_anchors_name(tmp_path: Path) -> None:
    parameter = {"name": "depth", "in": "query", "schema": {"$ref": "#fathoms"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Sea"},
        "paths": {"/a": {"get": {"operationId": "a", "parameters": [parameter]}}},
        "components": {"schemas": {"Depth": {"$anchor": "fathoms", "type": "integer"}}},
    }
    (tmp_path / "d.json").write_bytes(orjson.dumps(document))
    [toolset] = import_sources([str(tmp_path / "d.json")])
    assert isinstance(toolset, Toolset)
    assert list(toolset.definitions.values()) == [{"type": "integer"}]
