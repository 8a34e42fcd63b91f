import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from work_samples import closed, ferry, library, lines, saved, tool

from toolwise.catalog import open_catalog
from toolwise.catalog.documentation import DOCUMENTATION, Author
from toolwise.catalog.documentation.composing import tokens
from toolwise.catalog.documentation.conversation import TRIES, UnusableAnswerError
from toolwise.catalog.documentation.teaching import improve_toolset, write_toolset
from toolwise.errors import ConfigError, ModelError
from toolwise.llm.scripted import ScriptedModel
from toolwise.pipelines.document import PARTIAL, document_catalog_with
from toolwise.ports import ChatRequest
from toolwise.types import Json, Toolset

STUB = Toolset(name="tides", title="Tides", description="When the sea comes and goes.", category="Weather")
INTRODUCTION = "Tides tells sailors when the sea is high."
FUNCTIONS = "1. Name: listPorts\n   Description: Lists ports.\n2. Name: getTide\n   Description: The tide of a port."


def specification() -> dict[str, Any]:
    port = {"type": "object", "properties": {"port_id": {"type": "string", "description": "The port."}}}
    many = {"type": "object", "properties": {"ports": {"type": "array", "items": port}}}
    tide = {"type": "object", "properties": {"high": {"type": "string", "description": "When it is high."}}}

    def answer(schema: Json) -> Json:
        return {"200": {"description": "Found", "content": {"application/json": {"schema": schema}}}}

    country = {"name": "country", "in": "query", "required": True, "schema": {"type": "string", "enum": ["FR", "UK"]}}
    port_id = {"name": "port_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tides", "version": "1", "description": "d"},
        "servers": [{"url": "https://real-host.example"}],
        "paths": {
            "/ports": {
                "get": {
                    "operationId": "listPorts",
                    "description": "Lists ports.",
                    "parameters": [country],
                    "responses": answer(many),
                }
            },
            "/ports/{port_id}/tide": {
                "get": {
                    "operationId": "getTide",
                    "description": "The tide of a port.",
                    "parameters": [port_id],
                    "responses": answer(tide),
                }
            },
        },
    }


def said(document: Json) -> str:
    return f"Here it is:\n```json\n{orjson.dumps(document).decode()}\n```\n"


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_a_toolset_is_written_from_a_name_and_a_sentence() -> None:
    model = ScriptedModel([INTRODUCTION, FUNCTIONS, said(specification())])
    whole, made = run(write_toolset(STUB, model))
    assert [one.id for one in whole.tools] == ["tides.listPorts", "tides.getTide"]
    assert whole.by_name["listPorts"].properties["country"]["enum"] == ["FR", "UK"]
    assert whole.servers == ()  # nobody may take an invented interface for a real one
    assert (whole.title, whole.category, whole.introduction) == ("Tides", "Weather", INTRODUCTION)
    assert list(OpenAPIV31SpecValidator(made.specification).iter_errors()) == []
    assert (made.author, made.tries) == (Author.TEACHER, 3)
    assert "getTide: The tide of a port." in made.plain
    asked = [request.messages[-1].content for request in model.requests]
    assert STUB.description in asked[0]
    assert INTRODUCTION in asked[1]
    assert "listPorts" in asked[2]


def broken(**changes: Any) -> str:
    return said({**specification(), **changes})


def renamed() -> str:
    return said(orjson.loads(orjson.dumps(specification()).replace(b"getTide", b"fetchTide")))


def silent() -> str:
    document = specification()
    document["paths"]["/ports"]["get"]["responses"] = {"200": {"description": "Found"}}
    return said(document)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("I would rather not.", "not one JSON object"),
        (broken(openapi="2.0"), '"openapi" must say the version'),
        (broken(paths={"/x": {"get": {"operationId": "listPorts"}, "post": 5}}), ""),
        (broken(paths={"/x": {"$ref": "https://elsewhere.example/x.json"}}), "refers to another document"),
        (renamed(), "the function getTide has no operation"),
        (silent(), "listPorts has no response schema"),
    ],
)
def test_what_is_wrong_goes_back_to_the_teacher(answer: str, complaint: str) -> None:
    model = ScriptedModel([INTRODUCTION, FUNCTIONS, answer, said(specification())])
    whole, made = run(write_toolset(STUB, model))
    assert len(whole.tools) == 2
    assert made.tries == 4
    turns = model.requests[-1].messages
    assert turns[-2].content == answer
    assert complaint in turns[-1].content


def test_five_useless_answers_are_enough() -> None:
    model = ScriptedModel(
        lambda request: (
            INTRODUCTION if len(request.messages) == 2 and "one paragraph" in request.messages[1].content else "no"
        )
    )
    with pytest.raises(UnusableAnswerError, match="no usable answer in 5 tries"):
        run(write_toolset(STUB, model))
    assert len(model.requests) == 1 + TRIES
    assert max(len(request.messages) for request in model.requests) == 4  # older answers do not pile up


def test_a_long_introduction_goes_back() -> None:
    long = "word " * 400
    model = ScriptedModel([long, INTRODUCTION, FUNCTIONS, said(specification())])
    _, made = run(write_toolset(STUB, model))
    assert tokens(made.introduction) < 300
    assert "too long" in model.requests[1].messages[-1].content


def texts(**more: Any) -> str:
    own = {
        "lend_book": {"description": "Lends one book.", "parameters": {"reader": "The reader's full name."}},
        "books.find": {"description": "Finds books by title or place.", "parameters": {}},
        "ping": {"description": "Is the library open now?"},
    }
    return said({**own, **more})


def test_a_toolset_with_tools_gets_better_texts_and_stays_the_same() -> None:
    model = ScriptedModel([INTRODUCTION, texts()])
    whole, made = run(improve_toolset(library(), model))
    lend = whole.by_name["lend_book"]
    assert lend.description == "Lends one book."
    assert lend.properties["reader"] == {"type": "string", "description": "The reader's full name.", "minLength": 2}
    assert lend.definitions == library().definitions
    for one, before in zip(whole.tools, library().tools, strict=True):
        assert (one.name, one.required, one.binding, one.hints) == (
            before.name,
            before.required,
            before.binding,
            before.hints,
        )
    assert made.introduction == INTRODUCTION
    assert "Lends one book." in made.functions


def test_the_teacher_cannot_invent_functions_or_parameters() -> None:
    wrong = texts(ping={"description": "Open?", "parameters": {"force": "Open it."}})
    model = ScriptedModel([INTRODUCTION, wrong, texts()])
    whole, _ = run(improve_toolset(library(), model))
    assert "no parameter 'force'" in model.requests[2].messages[-1].content
    assert len(whole.tools) == 3


def test_many_functions_are_asked_about_in_parts() -> None:
    tools = tuple(tool(f"t{n}", f"Thing {n}.", closed()) for n in range(20))
    toolset = Toolset(name="library", title="Many", tools=tools)

    def answer(request: ChatRequest) -> str:
        question = request.messages[1].content
        if "one paragraph" in question:
            return INTRODUCTION
        named = [one.name for one in tools if f"\n{one.name}: " in question]
        return said({name: {"description": f"Does {name}."} for name in named})

    whole, made = run(improve_toolset(toolset, ScriptedModel(answer)))
    assert [one.description for one in whole.tools] == [f"Does t{n}." for n in range(20)]
    assert made.tries == 4


def teacher(request: ChatRequest) -> str:
    """Answers as any of the questions asks."""
    question = request.messages[1].content
    if "one paragraph" in question:
        return INTRODUCTION
    if "Design the functions" in question:
        return FUNCTIONS
    if "OpenAPI 3.1.0 document" in question:
        return said(specification())
    if "Town Library" in question:
        return texts()
    raise ModelError("overloaded")


def test_a_catalog_is_documented_and_failures_are_counted(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), ferry(), STUB)
    model = ScriptedModel(teacher)
    summary = run(document_catalog_with(catalog, model, tmp_path / "D"))
    assert (summary["toolsets"], summary["documented"], summary["failed"]) == (3, 2, {"model_failed": 1})
    assert summary["failures"] == [{"toolset": "ferry", "reason": "model_failed", "detail": "overloaded"}]
    opened = open_catalog(tmp_path / "D")
    assert [one.id for one in opened.toolset("tides").tools] == ["tides.listPorts", "tides.getTide"]
    assert opened.toolset("ferry") == ferry()
    assert opened.toolset("library").by_name["ping"].description == "Is the library open now?"
    assert [row["toolset"] for row in lines(tmp_path / "D" / DOCUMENTATION)] == ["library", "tides"]
    assert not (catalog / PARTIAL).exists()


def test_tools_that_are_to_be_written_need_a_place(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), STUB)
    with pytest.raises(ConfigError, match="give --out"):
        run(document_catalog_with(catalog, ScriptedModel(teacher)))
    summary = run(document_catalog_with(catalog, ScriptedModel(teacher), toolsets=["library"]))
    assert summary["documented"] == 1
    assert open_catalog(catalog).toolset("library") == library()


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), STUB)

    class StoppedError(Exception):
        pass

    def stopping(request: ChatRequest) -> str:
        if "Design the functions" in request.messages[1].content:
            raise StoppedError
        return teacher(request)

    with pytest.raises(StoppedError):
        run(document_catalog_with(catalog, ScriptedModel(stopping), tmp_path / "D"))
    assert not (tmp_path / "D").exists()
    with (catalog / PARTIAL).open("ab") as file:
        file.write(b'{"documentation": {"toolset": "cut o')  # a kill in the middle of a line
    again = ScriptedModel(teacher)
    summary = run(document_catalog_with(catalog, again, tmp_path / "D"))
    assert (summary["documented"], summary["reused"]) == (2, 1)
    assert all("Town Library" not in request.messages[1].content for request in again.requests)
    fresh = ScriptedModel(teacher)
    run(document_catalog_with(catalog, fresh, tmp_path / "E"))
    for name in (DOCUMENTATION, "toolsets.jsonl"):
        assert (tmp_path / "D" / name).read_bytes() == (tmp_path / "E" / name).read_bytes()


def test_a_model_that_always_fails_ends_the_run(tmp_path: Path) -> None:
    toolsets = [library().model_copy(update={"name": f"library_{n}"}) for n in range(30)]

    def failing(request: ChatRequest) -> str:
        raise ModelError("out of order")

    catalog = saved(tmp_path / "C", *toolsets)
    model = ScriptedModel(failing)
    with pytest.raises(ModelError, match=r"failed for 8 toolsets in a row.*out of order"):
        run(document_catalog_with(catalog, model))
    assert len(model.requests) < 20
