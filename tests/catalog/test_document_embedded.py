from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from work_samples import closed, ferry, imported, library, lines, saved, tool

from toolwise.catalog import open_catalog
from toolwise.catalog.documentation import DOCUMENTATION, Author, DocumentationFile, compose
from toolwise.catalog.documentation.composing import introduction, tokens
from toolwise.catalog.documentation.rendering import function_documentation, render_functions, render_plain
from toolwise.catalog.documentation.validation import openapi_problems
from toolwise.errors import CatalogError
from toolwise.pipelines.catalog import describe, statistics
from toolwise.pipelines.document import document_catalog
from toolwise.pipelines.export import export_documents
from toolwise.types import Toolset


def test_the_five_fields_of_any_toolset(tmp_path: Path) -> None:
    for toolset in (library(), ferry(), *imported(tmp_path)):
        made = compose(toolset)
        assert (made.name, made.description) == (toolset.title, toolset.description)
        assert 0 < tokens(made.introduction) < 300
        assert list(OpenAPIV31SpecValidator(made.specification).iter_errors()) == []
        for one in toolset.tools:
            assert f"Name: {one.name}\n" in made.functions
            assert f"{one.name}: " in made.plain
        assert made.author is Author.EMBEDDED


def test_an_introduction_stays_under_300_tokens_and_counts_the_rest() -> None:
    tools = tuple(
        tool(f"tool_{n}", f"Does the thing number {n} with great care and more.", closed()) for n in range(400)
    )
    toolset = Toolset(name="library", title="Big", description="A very large one. " * 60, tools=tools)
    text = introduction(toolset)
    assert tokens(text) < 300
    assert text.startswith("Big: A very large one.")
    assert text.endswith("more.")
    assert "400 functions" in text


def test_an_introduction_of_some_sentences_stays() -> None:
    told = "The library lends books to everyone in town. " * 6
    assert introduction(library().model_copy(update={"introduction": told})) == told
    assert introduction(library()) != library().introduction


def test_plain_language_says_types_values_and_structures() -> None:
    shown = render_functions(compose(library()).specification)
    assert '"reader":"Required. string. Who borrows it."' in shown["lend_book"]
    assert '"place":"string. One of: [attic, hall]. Where it stands."' in shown["books.find"]
    book = "Object{isbn, shelf, sequels: Array[Object{isbn, shelf, sequels: Array}]}"
    assert shown["books.find"].endswith(f" - Format: application/json\n - Structure: Array[{book}]")
    assert shown["ping"] == "Says whether the library is open.\nParameters: {}\nOutput: Success."


def test_rendering_bears_any_document() -> None:
    broken = {
        "paths": {
            "/a": {"get": {"operationId": "a", "parameters": [{"$ref": "#/nowhere"}, 5], "responses": {"200": 3}}},
            "/b": {"post": {"operationId": "b", "requestBody": {"content": {"x": 1}}, "responses": None}},
            "/c": None,
            "/d": {"get": {"operationId": 7}},
        }
    }
    assert list(render_functions(broken)) == ["a", "b"]
    assert render_plain({}) == function_documentation({"paths": 4}) == ""


def test_written_beside_the_catalog_and_shown(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), ferry(), Toolset(name="stub", title="Stub"))
    summary = document_catalog(catalog)
    assert (summary["documented"], summary["failed"]) == (2, {"no_tools": 1})
    assert summary["failures"][0]["toolset"] == "stub"
    assert [row["toolset"] for row in lines(catalog / DOCUMENTATION)] == ["library", "ferry"]
    assert statistics(catalog)["documented"] == 2
    assert describe(catalog, "library")["documentation"]["author"] == "embedded"
    assert "documentation" not in describe(catalog, "stub")


def test_chosen_toolsets_leave_the_others_documentation(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), ferry())
    document_catalog(catalog)
    document_catalog(catalog, toolsets=["ferry"])
    assert sorted(made.toolset for made in DocumentationFile(catalog)) == ["ferry", "library"]
    with pytest.raises(CatalogError, match="no toolset 'boat'"):
        document_catalog(catalog, toolsets=["boat"])


def test_a_new_catalog_has_the_introductions(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), ferry())
    document_catalog(catalog, tmp_path / "D", ["ferry"])
    opened = open_catalog(tmp_path / "D")
    assert opened.toolset("ferry").introduction == compose(ferry()).introduction
    assert opened.toolset("library") == library()
    assert len(DocumentationFile(tmp_path / "D")) == 1
    assert not (catalog / DOCUMENTATION).exists()
    with pytest.raises(CatalogError, match="choose another --out"):
        document_catalog(catalog, catalog)


def test_toolalpaca_is_exported_with_what_was_written(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library())
    document_catalog(catalog)
    path = catalog / DOCUMENTATION
    path.write_bytes(path.read_bytes().replace(b'"introduction":"', b'"introduction":"Hear, hear! '))
    export_documents(catalog, "toolalpaca", tmp_path / "out.json")
    assert b"Hear, hear!" in (tmp_path / "out.json").read_bytes()


def test_a_damaged_file_is_the_users_one_line(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library())
    (catalog / DOCUMENTATION).write_bytes(b"{}\n")
    with pytest.raises(CatalogError, match="write it again"):
        statistics(catalog)


def test_problems_of_documents_are_told_and_nothing_is_fetched() -> None:
    good = compose(library()).specification
    assert openapi_problems(good) == []
    assert "version" in openapi_problems({**good, "openapi": "4"})[0]
    remote = {**good, "paths": {"/x": {"$ref": "http://127.0.0.1:9/x.json"}}}
    assert "refers to another document" in openapi_problems(remote)[0]
    assert openapi_problems({"openapi": "3.1.0", "paths": {"/a": {"get": 5}}})
    assert openapi_problems({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {}}) == []


def test_the_same_catalog_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        document_catalog(saved(tmp_path / name, library(), ferry()))
    assert (tmp_path / "one" / DOCUMENTATION).read_bytes() == (tmp_path / "two" / DOCUMENTATION).read_bytes()
