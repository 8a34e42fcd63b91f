"""Compression rules for a catalog, from schemas and from a chat model, and worlds that apply them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from small_documents import write_documents
from toolwise.catalog import import_catalog, open_catalog
from toolwise.errors import DataError, ModelError
from toolwise.llm.scripted import Answer, ScriptedModel
from toolwise.pipelines.assemble import build_world
from toolwise.pipelines.compress import compress_catalog, compress_catalog_with
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import ChatRequest
from toolwise.types import Task, Tool, ToolCall, Toolset
from toolwise.worlds import CompressionConfig
from toolwise.worlds.compression import RULES_FILE, read_rules
from toolwise.worlds.compression_rules import Taken, schema_rule, taken_by
from toolwise.worlds.tokens import approximate_tokens

STRING = {"type": "string"}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    import_catalog([str(write_documents(tmp_path / "documents"))], tmp_path / "catalog")
    return tmp_path / "catalog"


def ticket_tool() -> tuple[Tool, Taken]:
    ticket = {
        "type": "object",
        "required": ["subject", "etag"],
        "properties": {
            "links": {"type": "object", "properties": {"self": STRING}},
            "body": STRING,
            "subject": STRING,
            "id": STRING,
            "thumbnail_url": STRING,
            "etag": STRING,
            "queue_url": STRING,
            "parent": {"$ref": "#/$defs/Ticket"},
        },
    }
    page = {"type": "object", "properties": {"tickets": {"type": "array", "items": {"$ref": "#/$defs/Ticket"}}}}
    tools = (
        Tool(id="desk.list", name="list", returns=page),
        Tool(id="desk.move", name="move", parameters={"type": "object", "properties": {"queueUrl": STRING}}),
    )
    toolset = Toolset(name="desk", definitions={"Ticket": ticket}, tools=tools)
    return toolset.tools[0], taken_by(toolset)


def test_a_schema_says_what_matters() -> None:
    rule = schema_rule(*ticket_tool())
    assert rule is not None
    first = "/tickets/*"
    assert rule.keep[0] == f"{first}/id"
    assert rule.keep.index(f"{first}/queue_url") < rule.keep.index(f"{first}/subject")  # another tool takes it
    assert rule.keep.index(f"{first}/subject") < rule.keep.index(f"{first}/body")
    assert f"{first}/etag" in rule.keep  # required
    assert not {f"{first}/thumbnail_url", f"{first}/links/self"} & set(rule.keep)
    assert len(rule.keep) <= 60  # although a ticket has a ticket that has a ticket
    assert schema_rule(*ticket_tool()) == rule


def test_a_tool_that_says_nothing_of_its_answer_has_no_rule() -> None:
    _, taken = ticket_tool()
    assert schema_rule(Tool(id="desk.move", name="move"), taken) is None


def test_rules_are_written_into_the_catalog_and_used_by_its_world(catalog: Path) -> None:
    summary = compress_catalog(catalog)
    rules = read_rules(catalog / RULES_FILE)
    assert summary["rules"] == len(rules) > 0
    assert summary["rules"] + summary["without_rule"] == summary["tools"]
    before = (catalog / RULES_FILE).read_bytes()
    compress_catalog(catalog)
    assert (catalog / RULES_FILE).read_bytes() == before
    world = build_world(WorldConfig(compression=CompressionConfig(limit=40)), open_catalog(catalog))
    tool_id = next(tool for tool in rules if ".create_" in tool)
    tool = open_catalog(catalog).tool(tool_id)
    values = {"string": "long " * 60, "integer": 5, "number": 5.0, "boolean": True}
    arguments = {name: values[tool.properties[name]["type"]] for name in tool.required}
    seen = asyncio.run(
        world.open(Task(instruction="", candidates=(), relevant=())).call(ToolCall(name=tool_id, arguments=arguments))
    )
    assert approximate_tokens(seen.content) <= 40


def test_a_damaged_rule_is_named(catalog: Path) -> None:
    (catalog / RULES_FILE).write_text('{"tool": "a.b", "keep": []}\n{"tool"')
    with pytest.raises(DataError, match="line 2"):
        build_world(WorldConfig(compression=CompressionConfig()), open_catalog(catalog))


def test_the_teacher_chooses_and_the_schema_stands_in(catalog: Path) -> None:
    replies = iter(range(10_000))

    def reply(request: ChatRequest) -> Answer:
        number = next(replies)
        if number % 3 == 0:
            raise ModelError("busy")
        if number % 3 == 1:
            return "I would keep everything."
        answer = json.loads(request.messages[1].content.split("\n\nAnswer: ", 1)[1])
        field = next(iter(answer))
        return json.dumps({"keep": [f"/{field}", "/invented"]})

    model = ScriptedModel(reply)
    summary = asyncio.run(compress_catalog_with(catalog, model))
    rules = read_rules(catalog / RULES_FILE)
    assert summary["by"]["teacher"] == sum(rule.source.value == "teacher" for rule in rules.values()) > 0
    chosen = next(rule for rule in rules.values() if rule.source.value == "teacher")
    assert len(chosen.keep) == 1  # what the answer does not have cannot be kept
    instead = summary["schema_instead_of_teacher"]
    assert instead["model_failed"] > 0
    assert instead["reply_names_no_field"] > 0
    assert sum(instead.values()) + summary["by"]["teacher"] == summary["tools"]
