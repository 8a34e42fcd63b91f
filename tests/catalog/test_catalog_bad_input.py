"""Bad documents give one clear reason; nothing hangs, grows without bound, or escapes as a foreign exception."""

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from catalog_samples import ALL, OPENAPI, load, sample, save
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.catalog import LeftOut, LeftOutReason, SourceFormat, import_catalog, import_sources
from toolwise.catalog.documents import MAX_BYTES, DocumentError, parse
from toolwise.catalog.yaml_reader import read_yaml
from toolwise.errors import CatalogError, MissingExtraError, UserError
from toolwise.schemas import Validator
from toolwise.types import Toolset

BAD: dict[str, tuple[str, bytes, LeftOutReason]] = {
    "empty": ("a.json", b"", LeftOutReason.MALFORMED),
    "blank": ("a.yaml", b"  \n", LeftOutReason.MALFORMED),
    "truncated": ("a.json", orjson.dumps(OPENAPI)[:500], LeftOutReason.MALFORMED),
    "truncated yaml": ("a.yaml", b"openapi: '3.0.0\npaths: {", LeftOutReason.MALFORMED),
    "not utf-8": ("a.json", b'{"openapi": "3.0.0", "info": "\xff\xfe"}', LeftOutReason.MALFORMED),
    "not utf-8 yaml": ("a.yaml", b"openapi: 3.0.0\ninfo: \xff\xfe\xfa", LeftOutReason.MALFORMED),
    "a list": ("a.json", b"[1, 2]", LeftOutReason.UNKNOWN_FORMAT),
    "a sentence": ("a.yaml", b"just a sentence", LeftOutReason.UNKNOWN_FORMAT),
    "another format": ("a.json", b'{"asyncapi": "3.0.0"}', LeftOutReason.UNKNOWN_FORMAT),
    "openapi 4": ("a.json", b'{"openapi": "4.0.0"}', LeftOutReason.UNKNOWN_FORMAT),
    "swagger 1": ("a.json", b'{"swagger": "1.2"}', LeftOutReason.UNKNOWN_FORMAT),
    "no operation": ("a.json", b'{"openapi": "3.1.0", "info": {"title": "x"}}', LeftOutReason.NO_OPERATIONS),
    "deep json": ("a.json", b'{"a":' * 3000 + b"1" + b"}" * 3000, LeftOutReason.MALFORMED),
    "deep yaml": ("a.yaml", b"a: " + b"[" * 300_000, LeftOutReason.MALFORMED),
    "compact deep yaml": ("a.yaml", b"- " * 300_000, LeftOutReason.MALFORMED),
    "endless yaml": ("a.yaml", b"openapi: 3.0.0\npaths: &p\n  /a: *p\n", LeftOutReason.MALFORMED),
    "not gzip": ("a.json.gz", b"nonsense", LeftOutReason.UNREADABLE),
    "truncated gzip": ("a.json.gz", gzip.compress(orjson.dumps(OPENAPI))[:90], LeftOutReason.MALFORMED),
    "no shapes": ("a.json", b'{"metadata": {}, "operations": {"A": {}}}', LeftOutReason.MALFORMED),
    "no name": ("a.json", b'{"discoveryVersion": "v1"}', LeftOutReason.MALFORMED),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_named_by_itself_is_one_line(tmp_path: Path, name: str) -> None:
    file, data, _ = BAD[name]
    with pytest.raises(CatalogError) as caught:
        import_catalog([str(save(tmp_path, file, data))], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_bad_files_among_good_ones_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    expected: dict[str, LeftOutReason] = {}
    for number, (file, data, reason) in enumerate(BAD.values()):
        if not file.endswith(".gz"):
            save(tmp_path, f"in/{number}_{file}", data)
            expected[f"{number}_{file}"] = reason
    save(tmp_path, "in/deeper/good.json", OPENAPI)
    save(tmp_path, "in/ignored.txt", b"nothing")
    summary = import_catalog([str(tmp_path / "in")], tmp_path / "out")
    assert summary.toolsets == 1
    assert {item.source: item.reason for item in summary.left_out} == expected
    assert all(item.detail and "\n" not in item.detail for item in summary.left_out)


def test_a_bad_file_named_among_good_ones_is_left_out(tmp_path: Path) -> None:
    paths = [str(save(tmp_path, "bad.json", b"{")), str(save(tmp_path, "good.json", OPENAPI))]
    summary = import_catalog(paths, tmp_path / "out")
    assert summary.toolsets == 1
    assert [(item.source, item.reason) for item in summary.left_out] == [("bad.json", LeftOutReason.MALFORMED)]


def test_sources_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"):
        list(import_sources([str(tmp_path / "nothing.json")]))
    with pytest.raises(CatalogError, match="no source"):
        list(import_sources([]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match=r"no \.json"):
        list(import_sources([str(tmp_path / "empty")]))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolwise.catalog.sources.find_spec", lambda name: None)
    for name in ("google", "aws"):
        with pytest.raises(MissingExtraError, match=r"toolwise\[catalogs\]"):
            list(import_sources([name]))


def test_an_unreadable_file_is_left_out(tmp_path: Path) -> None:
    save(tmp_path, "good.json", OPENAPI)
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere.json")
    left_out = [item for item in import_sources([str(tmp_path)]) if isinstance(item, LeftOut)]
    assert [(item.source, item.reason) for item in left_out] == [("dangling.json", LeftOutReason.UNREADABLE)]


def test_the_wrong_format_by_name(tmp_path: Path) -> None:
    path = save(tmp_path, "a.json", OPENAPI)
    with pytest.raises(CatalogError):
        list(import_sources([str(path)], format=SourceFormat.AWS_SERVICE))


def test_a_file_that_unpacks_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(gzip.compress(bytes(MAX_BYTES + 1)), "bomb.json.gz")
    assert caught.value.reason is LeftOutReason.TOO_LARGE


def test_yaml_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 {type: string}"]
    for level in range(1, 12):
        branches = ", ".join(f"p{i}: *a{level - 1}" for i in range(10))
        levels.append(f"a{level}: &a{level} {{type: object, properties: {{{branches}}}}}")
    body = "paths: {/x: {post: {requestBody: {content: {application/json: {schema: *a11}}}}}}"
    document = "openapi: 3.0.0\nx-bomb:\n" + "".join(f"  {level}\n" for level in levels) + body
    with pytest.raises(CatalogError, match="expand"):
        load(tmp_path, document.encode(), "bomb.yaml")


def test_references_that_multiply_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolwise.catalog.draft.MAX_SCHEMAS", 1000)
    document = sample("openapi")
    big = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(100)}}
    document["components"]["parameters"]["Big"] = {"name": "big", "in": "query", "schema": big}
    for number in range(20):
        parameters = [{"$ref": "#/components/parameters/Big"}]
        document["paths"][f"/big{number}"] = {"get": {"operationId": f"big{number}", "parameters": parameters}}
    with pytest.raises(CatalogError, match="expands"):
        load(tmp_path, document)


def test_references_that_chase_each_other(tmp_path: Path) -> None:
    document = sample("openapi")
    document["components"]["parameters"] = {
        "A": {"$ref": "#/components/parameters/B"},
        "B": {"$ref": "#/components/parameters/A"},
    }
    document["paths"]["/x"] = {"get": {"operationId": "x", "parameters": [{"$ref": "#/components/parameters/A"}]}}
    document["components"]["schemas"]["Loop"] = {"$ref": "#/components/schemas/Loop"}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Loop"}}}
    document["paths"]["/y"] = {"post": {"operationId": "y", "requestBody": {"content": content}}}
    toolset, left_out = load(tmp_path, document)
    assert toolset.by_name["x"].properties == {}
    assert LeftOutReason.BROKEN_REFERENCE in {item.reason for item in left_out}
    Validator(toolset.by_name["y"].parameters, toolset.definitions)


def test_a_long_chain_of_all_of_ends(tmp_path: Path) -> None:
    document = sample("openapi")
    for number in range(400):
        document["components"]["schemas"][f"C{number}"] = {
            "allOf": [{"$ref": f"#/components/schemas/C{number + 1}"}, {"properties": {f"p{number}": {}}}]
        }
    document["components"]["schemas"]["C400"] = {"type": "object"}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/C0"}}}
    document["paths"]["/c"] = {"post": {"operationId": "c", "requestBody": {"content": content}}}
    toolset, _ = load(tmp_path, document)
    assert {"p0", "p1"} <= set(toolset.by_name["c"].properties)
    Validator(toolset.by_name["c"].parameters, toolset.definitions)


def test_deep_schemas_end_in_the_empty_schema(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(150):
        deep = {"type": "array", "items": deep}
    document = sample("openapi")
    document["components"]["schemas"]["Pot"]["properties"]["deep"] = deep
    toolset, _ = load(tmp_path, document)
    assert '"items":{}' in json.dumps(toolset.definitions["Pot"], separators=(",", ":"))


def test_illegal_names_become_legal(tmp_path: Path) -> None:
    document = sample("openapi")
    document["info"]["title"] = "  ..Ünï/cödé.. "
    document["paths"] = {
        "/a b": {"get": {"operationId": "get it, please!", "parameters": [{"in": "query", "name": "?"}]}},
        "/ü": {"get": {"operationId": "üü"}, "post": {"operationId": 7}},
    }
    toolset, _ = load(tmp_path, document)
    assert "." not in toolset.name
    assert [tool.name for tool in toolset.tools] == ["get_it_please", "uu", "post"]
    assert list(toolset.tools[0].properties) == ["parameter"]


def test_an_operation_that_is_no_object_is_left_out(tmp_path: Path) -> None:
    document = sample("openapi")
    document["paths"]["/bad"] = {"get": "later"}
    document["paths"]["/worse"] = 3
    toolset, left_out = load(tmp_path, document)
    assert len(toolset.tools) == 5
    assert [(item.where, item.reason) for item in left_out] == [
        ("GET /bad", LeftOutReason.INVALID_OPERATION),
        ("/worse", LeftOutReason.INVALID_OPERATION),
    ]


def test_many_operations_import_in_bounded_depth(tmp_path: Path) -> None:
    document = sample("openapi")
    operation = document["paths"]["/pots"]["post"]
    document["paths"] = {f"/pots{n}": {"post": {**operation, "operationId": f"create{n}"}} for n in range(2000)}
    assert len(load(tmp_path, document)[0].tools) == 2000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: NO\nb: 2020-01-01\nc: on\nd: yes", {"a": "NO", "b": "2020-01-01", "c": "on", "d": "yes"}),
        ("a: 1\nb: 1.5\nc: 0x10\nd: '1'\ne: 1e3", {"a": 1, "b": 1.5, "c": 16, "d": "1", "e": 1000.0}),
        ("a: ~\nb:\nc: null\nd: True", {"a": None, "b": None, "c": None, "d": True}),
        ("200: x\ntrue: y\nnull: z", {"200": "x", "true": "y", "null": "z"}),
        ("a: &x {p: 1}\nb: *x\nc: {<<: *x, q: 2}", {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 1, "q": 2}}),
        ("a: [1, {b: [c]}]", {"a": [1, {"b": ["c"]}]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("first: 1\n---\nsecond: 2", [{"first": 1}, {"second": 2}]),
    ],
)
def test_yaml_is_read_as_openapi_asks(text: str, value: Any) -> None:
    assert read_yaml(text.encode()) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["object", "array", "string", "#/components/schemas/Pot", "#", "#/", "x.json", "(["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "$ref", "properties", "items", "allOf", "oneOf", "enum", "schema", "required", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [path] if path else []
    for key in keys:
        found.extend(places(value[key], (*path, key)))
    return found


PLACES = {name: places(document) for name, document in ALL.items()}


@given(data=st.data())
@settings(max_examples=300)
def test_no_mutation_crashes_an_importer(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ALL)))
    document = sample(name)
    for path in data.draw(st.lists(st.sampled_from(PLACES[name]), min_size=1, max_size=3)):
        holder: Any = document
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = data.draw(JSON)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation removed this place
    written = json.dumps(document).encode()
    folder = tmp_path_factory.getbasetemp() / "mutations"
    try:
        items = list(import_sources([str(save(folder, "m.json", written))]))
    except UserError as error:
        assert "\n" not in str(error)
        return
    for toolset in (item for item in items if isinstance(item, Toolset)):
        for tool in toolset.tools:
            Validator(tool.parameters, toolset.definitions)
            Validator(tool.returns or {}, toolset.definitions)
            assert set(tool.required) <= set(tool.properties)


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    for name in ("a.json", "a.yaml", "a.json.gz"):
        try:
            assert isinstance(parse(data, name).value, dict | list)
        except DocumentError as error:
            assert "\n" not in error.detail
