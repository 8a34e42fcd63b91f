from pathlib import Path
from typing import Any

import orjson
from catalog_samples import save
from mcp.types import ListToolsResult
from work_samples import closed, essence, ferry, imported, library, read_back, tool

from toolwise.catalog.documentation.losses import Loss
from toolwise.catalog.export import ExportFormat, export_catalog
from toolwise.schemas import Validator
from toolwise.types import Toolset


def mcp(folder: Path, *toolsets: Toolset) -> dict[str, Any]:
    export_catalog(toolsets, ExportFormat.MCP, folder / "mcp")
    return {path.stem: orjson.loads(path.read_bytes()) for path in (folder / "mcp").glob("*.json")}


def test_the_official_models_accept_the_tools_list(tmp_path: Path) -> None:
    for name, document in mcp(tmp_path, library(), ferry(), *imported(tmp_path)).items():
        listed = ListToolsResult.model_validate(document)
        assert listed.tools, name
        for one in listed.tools:
            assert one.input_schema["type"] == "object"
            Validator(one.input_schema, {})  # it stands alone


def test_a_tools_list_holds_schemas_hints_and_whose_tools_they_are(tmp_path: Path) -> None:
    document = mcp(tmp_path, library())["library"]
    assert (document["toolset"], document["category"]) == ("library", "Books & Reading")
    lend, find, ping = document["tools"]
    assert lend["title"] == "Lend book"
    assert sorted(lend["inputSchema"]["$defs"]) == ["Book", "Loan"]
    assert lend["outputSchema"]["required"] == ["book"]
    assert lend["annotations"] == {"readOnlyHint": False, "idempotentHint": True, "destructiveHint": False}
    assert find["annotations"] == {"readOnlyHint": True}
    assert "outputSchema" not in find  # an array: objects alone are allowed there
    assert "annotations" not in ping


def test_mcp_survives_a_round_trip(tmp_path: Path) -> None:
    summary = export_catalog([library()], ExportFormat.MCP, tmp_path / "out")
    assert summary.lost == {Loss.BINDING: 1, Loss.RETURNS: 1, Loss.EXAMPLES: 1}
    (after,) = read_back(tmp_path / "out")
    assert (after.name, after.category, after.collections) == ("library", "Books & Reading", ("Town", "Free Time"))
    assert after.description == library().description
    for one in library().tools:
        assert {**essence(after.by_name[one.name]), "hints": None} == {**essence(one), "hints": None}
    assert after.by_name["lend_book"].hints == library().by_name["lend_book"].hints
    assert after.by_name["books.find"].hints.read_only is True
    assert after.by_name["lend_book"].returns is not None


def openai(folder: Path, *toolsets: Toolset, name: str = "out.json") -> list[dict[str, Any]]:
    export_catalog(toolsets, ExportFormat.OPENAI, folder / name)
    content = (folder / name).read_bytes()
    return [orjson.loads(line) for line in content.splitlines()] if name.endswith("l") else orjson.loads(content)


def test_openai_functions_have_legal_names_and_keep_the_real_ones(tmp_path: Path) -> None:
    made = openai(tmp_path, library(), ferry(), *imported(tmp_path))
    assert len(made) == sum(len(t.tools) for t in (library(), ferry(), *imported(tmp_path)))
    for one in made:
        name = one["function"]["name"]
        assert one["type"] == "function"
        assert name.replace("_", "").replace("-", "").isalnum()
        assert len(name) <= 64
        assert one["id"].startswith(f"{one['toolset']}.")
    assert {one["id"]: one["function"]["name"] for one in made}["library.books.find"] == "books_find"
    names = [(one["toolset"], one["function"]["name"]) for one in made]
    assert len(set(names)) == len(names)


def test_names_that_become_alike_stay_apart(tmp_path: Path) -> None:
    tools = tuple(tool(name, name, closed(), toolset="alike") for name in ("a.b", "a_b", "a-" + "b" * 90))
    names = [one["function"]["name"] for one in openai(tmp_path, Toolset(name="alike", tools=tools))]
    assert len(set(names)) == 3
    assert all(len(name) <= 64 for name in names)


def test_openai_survives_a_round_trip(tmp_path: Path) -> None:
    summary = export_catalog([library()], ExportFormat.OPENAI, tmp_path / "out.json")
    assert summary.lost == {Loss.BINDING: 1, Loss.TOOL_NAME: 1, Loss.TOOLSET_DETAILS: 1}
    (after,) = read_back(tmp_path / "out.json")
    assert (after.name, after.category) == ("library", "Books & Reading")
    for one in library().tools:
        twin = after.by_name[one.name]  # by the id beside the function
        assert {**essence(twin), "hints": None} == {**essence(one), "hints": None}
        assert twin.examples == one.examples
        assert (twin.returns is None) == (one.returns is None)
        said = one.hints.model_dump(exclude_none=True)
        assert said.items() <= twin.hints.model_dump().items()


def test_json_lines_hold_the_same(tmp_path: Path) -> None:
    assert openai(tmp_path, library(), name="out.jsonl") == openai(tmp_path, library())


def test_an_empty_catalog_is_an_empty_list(tmp_path: Path) -> None:
    assert openai(tmp_path) == []
    assert openai(tmp_path, name="out.jsonl") == []
    assert mcp(tmp_path) == {}


def test_a_bundle_reads_the_same_as_the_toolset(tmp_path: Path) -> None:
    """What the exported schema accepts is what the tool's own schema accepts."""
    (made, *_) = openai(tmp_path, library())
    exported = Validator(made["function"]["parameters"], {})
    own = Validator(library().by_name["lend_book"].parameters, library().definitions)
    good = {"reader": "Ada", "loan": {"book": {"isbn": "123456789X"}}}
    for value in (good, {"reader": "A", "loan": {}}, {**good, "copies": 9}, {**good, "more": 1}, {}):
        assert exported.is_valid(value) == own.is_valid(value)
    assert exported.is_valid(good)


def test_the_file_is_json_for_others_too(tmp_path: Path) -> None:
    path = save(tmp_path, "old.json", b"[1]")
    export_catalog([library()], ExportFormat.OPENAI, path)
    assert len(orjson.loads(path.read_bytes())) == 3
