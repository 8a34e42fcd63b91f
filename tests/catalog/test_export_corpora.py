from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from work_samples import closed, essence, ferry, library, read_back, tool

from toolwise.catalog.documentation import compose
from toolwise.catalog.documentation.losses import Loss
from toolwise.catalog.export import ExportFormat, export_catalog
from toolwise.catalog.export.writing import MARK
from toolwise.errors import CatalogError, RunError
from toolwise.types import Catalog, Toolset


def toolbench(folder: Path, *toolsets: Toolset) -> dict[str, dict[str, Any]]:
    export_catalog(toolsets, ExportFormat.TOOLBENCH, folder / "bench")
    files = (folder / "bench").rglob("*.json")
    return {path.relative_to(folder / "bench").as_posix(): orjson.loads(path.read_bytes()) for path in files}


def test_toolbench_files_stand_in_folders_of_their_category(tmp_path: Path) -> None:
    plain = Toolset(name="plain", tools=(tool("a", "", closed(), toolset="plain"),))
    assert sorted(toolbench(tmp_path, library(), ferry(), plain)) == [
        "Books_Reading/library.json",
        "Transport/ferry.json",
        "Uncategorised/plain.json",
    ]


def test_toolbench_tools_have_their_fields(tmp_path: Path) -> None:
    made = toolbench(tmp_path, library(), ferry())
    lend, find, _ = made["Books_Reading/library.json"]["api_list"]
    assert [p["name"] for p in lend["required_parameters"]] == ["reader", "loan"]
    assert lend["required_parameters"][1]["type"] == "OBJECT"
    (copies,) = lend["optional_parameters"]
    assert (copies["type"], copies["default"]) == ("NUMBER", 1)
    book = {"isbn": "str", "shelf": "str", "sequels": []}
    assert lend["template_response"] == {"book": {**book, "sequels": [book]}, "until": "str"}
    place = next(p for p in find["optional_parameters"] if p["name"] == "place")
    assert (place["type"], place["enum"]) == ("ENUM", ["attic", "hall"])
    sail = made["Transport/ferry.json"]["api_list"][0]
    assert (sail["method"], sail["url"]) == ("POST", "https://ferry.test/v2/ports/{port}/ferries")


def test_toolbench_survives_a_round_trip_as_far_as_it_can(tmp_path: Path) -> None:
    summary = export_catalog([library()], ExportFormat.TOOLBENCH, tmp_path / "out")
    assert set(summary.lost) == {
        Loss.BINDING,
        Loss.CONSTRAINTS,
        Loss.EXAMPLES,
        Loss.HINTS,
        Loss.NESTED_SCHEMA,
        Loss.RETURNS,
        Loss.TOOLSET_DETAILS,
    }
    (after,) = read_back(tmp_path / "out")
    assert (after.title, after.description, after.category) == (
        library().title,
        library().description,
        library().category,
    )
    for one in library().tools:
        twin = after.by_name[one.name]
        assert twin.description == one.description
        assert set(twin.properties) == set(one.properties)
        assert set(twin.required) == set(one.required)
    assert after.by_name["books.find"].properties["place"]["enum"] == ["attic", "hall"]
    assert after.by_name["lend_book"].properties["reader"]["description"] == "Who borrows it."
    assert after.by_name["lend_book"].properties["copies"]["default"] == 1


def test_toolsets_of_one_title_stay_apart(tmp_path: Path) -> None:
    twins = [library(), library().model_copy(update={"name": "library_v2"})]
    export_catalog(twins, ExportFormat.TOOLBENCH, tmp_path / "out")
    assert [t.title for t in read_back(tmp_path / "out")] == ["Town Library", "Town Library (library_v2)"]


def toolalpaca(folder: Path, *toolsets: Toolset) -> list[dict[str, Any]]:
    export_catalog(toolsets, ExportFormat.TOOLALPACA, folder / "alpaca.json")
    return orjson.loads((folder / "alpaca.json").read_bytes())


def test_toolalpaca_entries_have_all_fields(tmp_path: Path) -> None:
    (made,) = toolalpaca(tmp_path, library())
    assert (made["Name"], made["Category"]) == ("Town Library", "Books & Reading")
    inside = orjson.loads(made["Documentation"])
    assert list(OpenAPIV31SpecValidator(inside).iter_errors()) == []
    names = [one.name for one in library().tools]
    assert list(made["Function_Description"]) == [*names, "components"]
    assert made["Function_Projection"]["ping"] == ["/ping", "post"]
    assert all(f"Name: {name}" in made["Functions"] for name in names)
    assert made["NLDocumentation"].startswith("lend_book: Lends a book")
    assert made["Introduction"]


def test_toolalpaca_survives_a_round_trip(tmp_path: Path) -> None:
    toolalpaca(tmp_path, library(), ferry())
    after = {toolset.title: toolset for toolset in read_back(tmp_path / "alpaca.json")}
    for before in (library(), ferry()):
        other = after[before.title]
        assert (other.description, other.category) == (before.description, before.category)
        assert [essence(one) for one in other.tools] == [essence(one) for one in before.tools]


def test_written_documentation_is_what_is_exported(tmp_path: Path) -> None:
    told = compose(library()).model_copy(update={"introduction": "Told by someone."})
    export_catalog([library()], ExportFormat.TOOLALPACA, tmp_path / "out.json", documentation=lambda _: told)
    assert orjson.loads((tmp_path / "out.json").read_bytes())[0]["Introduction"] == "Told by someone."


@pytest.mark.parametrize("to", list(ExportFormat))
def test_the_same_catalog_gives_the_same_bytes(tmp_path: Path, to: ExportFormat) -> None:
    def written(name: str) -> dict[str, bytes]:
        target = tmp_path / f"{name}.json"
        export_catalog([library(), ferry()], to, target)
        files = sorted(target.rglob("*")) if target.is_dir() else [target]
        return {str(p.relative_to(target)): p.read_bytes() for p in files if p.is_file()}

    assert written("one") == written("two")


@pytest.mark.parametrize("to", list(ExportFormat))
def test_a_failure_leaves_what_was_there(tmp_path: Path, to: ExportFormat) -> None:
    out = tmp_path / "out.json"
    export_catalog([library()], to, out)
    before = sorted((p.name, p.stat().st_size) for p in tmp_path.rglob("*"))

    def breaking() -> Any:
        yield ferry()
        raise RunError("the disk is gone")

    with pytest.raises(RunError):
        export_catalog(breaking(), to, out)
    assert sorted((p.name, p.stat().st_size) for p in tmp_path.rglob("*")) == before


def test_an_earlier_export_is_replaced_and_anything_else_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_catalog([library(), ferry()], ExportFormat.MCP, out)
    export_catalog([library()], ExportFormat.OPENAPI, out)
    assert sorted(p.name for p in out.iterdir()) == [MARK, "library.json"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(CatalogError, match="no earlier export"):
        export_catalog([library()], ExportFormat.OPENAPI, other)
    with pytest.raises(CatalogError, match="is a folder"):
        export_catalog([library()], ExportFormat.OPENAI, other)
    assert [p.name for p in other.iterdir()] == ["mine.txt"]


def test_toolsets_go_through_one_at_a_time(tmp_path: Path) -> None:
    """The writer never asks for the next toolset before the last one is on the disk."""
    out = tmp_path / "out"
    seen: list[int] = []

    def stream() -> Any:
        for number in range(5):
            partial = tmp_path / ".out.exporting"
            seen.append(len(list(partial.glob("*.json"))))
            yield library().model_copy(update={"name": f"library_{number}"})

    export_catalog(stream(), ExportFormat.MCP, out)
    assert seen == [0, 1, 2, 3, 4]
    assert len(Catalog(toolsets=tuple(read_back(out))).toolsets) == 5
