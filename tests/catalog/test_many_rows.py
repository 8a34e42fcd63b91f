"""Documents of many rows: JSON lines, arrays, YAML arrays, compressed; a bad row never stops the rest."""

import gzip
from pathlib import Path

import orjson
import pytest
from catalog_samples import ALL, OPENAPI, save
from row_samples import BREW, MANY, lines, load_all

from toolwise.catalog import SourceFormat, import_catalog
from toolwise.catalog.detection import detect
from toolwise.catalog.documents import MAX_REPORTED, DocumentError, parse
from toolwise.errors import CatalogError

GOOD = orjson.dumps(BREW)


def test_a_bad_line_is_left_out_with_its_number(tmp_path: Path) -> None:
    data = b"\n".join([GOOD, b"", b'{"name": ', b"[]", b"7", GOOD.replace(b"brew_tea", b"pour")])
    (toolset,), left_out = load_all(tmp_path, data, "tools.jsonl")
    assert [tool.name for tool in toolset.tools] == ["brew_tea", "pour"]
    assert sorted((item.where, item.reason.value) for item in left_out) == [
        ("line 3", "malformed"),
        ("line 4", "invalid_row"),
        ("line 5", "invalid_row"),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "A.JSONL"])
def test_json_lines_by_ending_by_content_and_compressed(tmp_path: Path, name: str) -> None:
    data = lines([BREW, {**BREW, "name": "pour"}])
    (toolset,), _ = load_all(tmp_path, gzip.compress(data) if name.endswith(".gz") else data, name)
    assert len(toolset.tools) == 2


def test_a_jsonl_file_that_is_one_indented_value(tmp_path: Path) -> None:
    (toolset,), _ = load_all(tmp_path, orjson.dumps([BREW], option=orjson.OPT_INDENT_2), "odd.jsonl")
    assert len(toolset.tools) == 1


def test_yaml_arrays(tmp_path: Path) -> None:
    text = b"- name: brew\n  parameters: {leaf: {type: str}}\n- name: stop\n  parameters: {}\n"
    (toolset,), _ = load_all(tmp_path, text, "tools.yaml")
    assert [tool.name for tool in toolset.tools] == ["brew", "stop"]


def test_an_array_of_whole_documents_gives_a_toolset_each(tmp_path: Path) -> None:
    second = {**OPENAPI, "info": {"title": "Second"}}
    toolsets, left_out = load_all(
        tmp_path, lines([OPENAPI, {"openapi": "3.0.0", "paths": {"/a": 1}}, second]), "a.jsonl"
    )
    assert [toolset.title for toolset in toolsets] == ["Tea House API", "Second"]
    assert ("/a", "invalid_operation") in [(item.where, item.reason) for item in left_out]


def test_a_folder_takes_json_lines_too(tmp_path: Path) -> None:
    save(tmp_path, "in/a.ndjson", lines([BREW]))
    save(tmp_path, "in/b.jsonl.gz", gzip.compress(lines([{**BREW, "name": "x"}])))
    save(tmp_path, "in/c.txt", b"no")
    assert import_catalog([str(tmp_path / "in")], tmp_path / "out").tools == 2


def test_very_many_bad_rows_are_counted_and_not_listed(tmp_path: Path) -> None:
    _, left_out = load_all(tmp_path, GOOD + b"\n" + b"x\n" * (MAX_REPORTED + 50), "a.jsonl")
    assert len(left_out) == MAX_REPORTED + 1
    assert left_out[-1].detail == "and 50 more rows for this reason"


@pytest.mark.parametrize("name", {**ALL, **MANY})
def test_every_format_is_told_by_its_content(name: str) -> None:
    expected = {"discovery": "google_discovery", "aws": "aws_service", "toolbench_queries": "toolbench"}
    assert detect(parse(orjson.dumps({**ALL, **MANY}[name]), "x.json")) == SourceFormat(expected.get(name, name))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[1, 2]", "array of 2 values"),
        (b'[{"id": 1, "ground_truth": []}]', "accepted answers"),
        (b'{"tree": {}, "answer_generation": {}}', "ToolBench answer"),
        (b'[{"query": "q", "calling": []}]', "reference calls"),
        (b'{"a": 1, "b": 2}', "a, b"),
    ],
)
def test_what_is_no_tool_document_is_said_to_be_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        detect(parse(data, "x.json"))


def test_a_file_by_itself_without_one_good_row_is_an_error(tmp_path: Path) -> None:
    path = save(tmp_path, "bad.jsonl", lines([{"type": "function", "function": {"name": "a", "parameters": 7}}]))
    with pytest.raises(CatalogError, match=r"bad\.jsonl: no operation .* its parameters are a int"):
        import_catalog([str(path)], tmp_path / "out")


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name, document in MANY.items():
        save(tmp_path, f"in/{name}.json", document)
    for out in ("one", "two"):
        import_catalog([str(tmp_path / "in")], tmp_path / out)
    names = ("toolsets.jsonl", "index.json", "left_out.jsonl")
    assert [(tmp_path / "one" / n).read_bytes() for n in names] == [(tmp_path / "two" / n).read_bytes() for n in names]
