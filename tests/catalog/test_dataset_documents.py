"""ToolBench, ToolAlpaca, the public-apis list and Seal-Tools."""

import copy
from pathlib import Path

import pytest
from catalog_samples import OPENAPI, save
from row_samples import PUBLIC_APIS, QUERIES, SEAL, SHARED, TOOLALPACA, TOOLBENCH_TOOL, api, load_all

from toolwise.catalog import LeftOut, LeftOutReason, import_catalog, import_sources, open_catalog
from toolwise.types import HttpBinding, Toolset


def test_a_rapidapi_tool(tmp_path: Path) -> None:
    (toolset,), left_out = load_all(tmp_path, TOOLBENCH_TOOL)
    assert left_out == []
    assert (toolset.name, toolset.description) == ("tea_house", "Everything about tea.")
    assert toolset.servers == ("https://tea.p.rapidapi.test",)
    get, make = toolset.tools
    assert get.properties["pot_id"] == {"type": "number", "description": "Which", "example": 7}
    assert get.properties["lang"] == {"type": "string", "enum": ["en", "de"], "default": "en"}
    assert get.properties["since"] == {"type": "string", "format": "date"}
    assert get.required == ("pot_id",)
    assert get.examples == ({"pot_id": 7},)
    assert get.hints.read_only is True
    assert get.returns == {"type": "object", "properties": {"leaf": {"type": "string"}}}
    assert isinstance(get.binding, HttpBinding)
    assert (get.binding.method, get.binding.path) == ("GET", "/pots/{pot_id}")
    assert dict(get.binding.locations) == {"pot_id": "path", "lang": "query", "since": "query"}
    assert isinstance(make.binding, HttpBinding)
    assert dict(make.binding.locations) == {"leaf": "body"}
    assert make.returns == {"type": "object", "properties": {"id": {"type": "integer"}, "leaf": {"type": "string"}}}


def test_a_folder_of_toolbench_gives_the_category(tmp_path: Path) -> None:
    save(tmp_path, "tools/Food_Drink/tea.json", TOOLBENCH_TOOL)
    import_catalog([str(tmp_path / "tools")], tmp_path / "out")
    assert open_catalog(tmp_path / "out").toolset("tea_house").category == "Food Drink"


def test_instructions_that_repeat_apis_give_each_once(tmp_path: Path) -> None:
    (toolset,), left_out = load_all(tmp_path, QUERIES)
    assert left_out == []
    assert (toolset.name, toolset.category) == ("tea_house", "Food")
    assert [tool.name for tool in toolset.tools] == ["Get_pot", "List"]
    assert toolset.tools[0].properties == {"n": {"type": "number", "default": 2.5}}
    assert toolset.tools[1].returns == {
        "type": "object",
        "properties": {
            "teas": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "n": {"type": "integer"},
        },
    }


def test_instruction_files_that_share_a_provider_make_one_toolset(tmp_path: Path) -> None:
    save(tmp_path, "in/G1.json", QUERIES)
    save(tmp_path, "in/G2.json", [{"api_list": [api("List"), api("Pour"), api("Other", tool_name="Cups")]}])
    import_catalog([str(tmp_path / "in")], tmp_path / "out")
    catalog = open_catalog(tmp_path / "out")
    assert list(catalog.tool_ids()) == ["tea_house.Get_pot", "tea_house.List", "tea_house.Pour", "cups.Other"]


def test_names_that_only_look_the_same_in_two_files_stay_two_tools(tmp_path: Path) -> None:
    save(tmp_path, "in/G1.json", [{"api_list": [api("a b")]}])
    save(tmp_path, "in/G2.json", [{"api_list": [api("a/b")]}])
    import_catalog([str(tmp_path / "in")], tmp_path / "out")
    assert list(open_catalog(tmp_path / "out").tool_ids()) == ["tea_house.a_b", "tea_house.a_b_2"]


def test_an_api_that_is_only_named_is_left_out(tmp_path: Path) -> None:
    named = {"category_name": "Food", "tool_name": "Tea House", "api_name": "Bare"}
    (toolset,), left_out = load_all(tmp_path, [{"api_list": [named, api("List"), 7, {"api_name": ""}]}])
    assert [tool.name for tool in toolset.tools] == ["List"]
    assert {(item.where, item.reason) for item in left_out} == {
        ("row 1 api 1", LeftOutReason.UNDOCUMENTED),
        ("row 1 api 3", LeftOutReason.INVALID_ROW),
        ("row 1 api 4", LeftOutReason.INVALID_ROW),
    }


def test_toolalpaca_takes_the_openapi_document_inside(tmp_path: Path) -> None:
    (toolset,), left_out = load_all(tmp_path, TOOLALPACA)
    assert left_out == []
    assert (toolset.name, toolset.title, toolset.category) == ("tea", "Tea", "Food & Drink")
    assert toolset.introduction == "All about tea."
    assert {tool.name for tool in toolset.tools} >= {"getPot", "createPot"}


@pytest.mark.parametrize("broken", [None, "", "{", "[1]", '{"openapi": "3.0.0", "paths": {}}'])
def test_toolalpaca_without_a_usable_document_reads_the_plain_documentation(tmp_path: Path, broken: str | None) -> None:
    row = {**TOOLALPACA[0], "Documentation": broken}
    del row["Function_Description"]
    (toolset,), left_out = load_all(tmp_path, [row])
    brew, stop = toolset.tools
    assert (brew.name, brew.description, brew.required) == ("brew", "Brews.", ("leaf",))
    assert brew.properties["leaf"]["type"] == "string"
    assert brew.properties["grams"]["type"] == "integer"
    assert brew.properties["grams"]["enum"] == [3, 5]
    assert stop.properties == {}
    assert [item.where for item in left_out] == (["row 1 Documentation"] if broken in ("{", "[1]") else [])


def test_toolalpaca_s_functions_in_plain_language(tmp_path: Path) -> None:
    told = (
        'brew: Brews.\nParameters: {"leaf": "Required. string. Which."}\nOutput: A pot.\n - Format: application/json\n'
    )
    row = {"Name": "Tea", "NLDocumentation": told + "stop: Stops.\nParameters: {}\nOutput: Nothing."}
    (toolset,), left_out = load_all(tmp_path, [row])
    assert left_out == []
    assert [(tool.name, tool.description, tool.required) for tool in toolset.tools] == [
        ("brew", "Brews.", ("leaf",)),
        ("stop", "Stops.", ()),
    ]


def test_toolalpaca_with_no_documentation_at_all_is_kept_for_documenting(tmp_path: Path) -> None:
    row = {"Name": "Tea", "Description": "Brews", "Category": "Food", "Functions": ""}
    (toolset,), _ = load_all(tmp_path, [row])
    assert (toolset.name, toolset.tools, toolset.introduction) == ("tea", (), "Brews")


def test_the_public_apis_list_gives_toolsets_without_tools(tmp_path: Path) -> None:
    document = copy.deepcopy(PUBLIC_APIS)
    document["entries"] += [{"API": "", "Description": "?"}, 3]
    summary = import_catalog([str(save(tmp_path, "list.json", document))], tmp_path / "out")
    assert (summary.toolsets, summary.tools, summary.without_tools) == (2, 0, 2)
    assert [(item.where, item.reason) for item in summary.left_out] == [
        ("entry 3", LeftOutReason.INVALID_ROW),
        ("entry 4", LeftOutReason.INVALID_ROW),
    ]
    toolset = open_catalog(tmp_path / "out").toolset("tea")
    assert (toolset.category, toolset.auth, toolset.description) == ("Food", ("apiKey",), "About tea")


def test_seal_tools_groups_by_field(tmp_path: Path) -> None:
    (toolset,), left_out = load_all(tmp_path, SEAL)
    assert left_out == []
    assert (toolset.name, toolset.category, toolset.family) == ("tea", "Kitchen", "kitchen_tea")
    brew = toolset.tools[0]
    assert {name: schema["type"] for name, schema in brew.properties.items()} == {
        "leaf": "string",
        "grams": "integer",
        "fast": "boolean",
    }
    assert brew.required == ("leaf",)
    assert brew.returns is not None
    assert brew.returns["properties"]["temperature"] == {"type": "number"}
    assert "required" not in brew.returns


def test_a_toolalpaca_row_keeps_its_own_names_beside_openapi_s(tmp_path: Path) -> None:
    (toolset,), _ = load_all(tmp_path, [{**TOOLALPACA[0], "Documentation": OPENAPI}])
    assert toolset.title == "Tea"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_every_shared_file_is_imported_or_left_out_with_a_reason() -> None:
    files = {p.relative_to(SHARED).as_posix() for p in SHARED.rglob("*.json*") if p.is_file()}
    files -= {name for name in files if name.startswith("openapi/")}
    tools_of: dict[str, int] = dict.fromkeys(files, 0)
    told: set[str] = set()
    seen: set[str] = set()
    for folder in ("bfcl", "seal_tools", "stabletoolbench", "toolalpaca", "toolbench"):
        for item in import_sources([str(SHARED / folder)]):
            source = f"{folder}/{item.source}"
            if isinstance(item, LeftOut):
                told.add(source)
            else:
                assert isinstance(item, Toolset)
                seen.add(source)
                tools_of[source] += len(item.tools)
    merged = {"toolbench/instruction/G2_query.json", "toolbench/instruction/G3_query.json"}
    assert files - seen - told <= merged
    assert tools_of["seal_tools/tool.jsonl"] == 4076
    assert tools_of["bfcl/BFCL_v4_simple_python.jsonl"] >= 370
    assert tools_of["toolalpaca/eval_simulated.json"] > 40
