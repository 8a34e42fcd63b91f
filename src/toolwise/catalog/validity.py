"""The safety net behind the importers: every schema that is kept compiles."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import jsonschema_rs
import orjson

from toolwise.catalog.draft import Draft, keep_reachable, reachable, referred, written_references
from toolwise.catalog.keywords import json_value, usable_pattern
from toolwise.catalog.left_out import LeftOutReason
from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.types import Schema

MAX_COMPILED = 5000
"""Tools and definitions of a toolset beyond which it is not compiled as a whole: that would take gigabytes."""

_PATTERN = re.compile(rb'"pattern":("(?:[^"\\]|\\.)*")')
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _everything(draft: Draft) -> Schema:
    """All schemas of a toolset's tools as one, which is checked some hundred times faster than one by one."""
    return {
        "$schema": _DIALECT,
        "$defs": draft.definitions,
        "properties": {
            "parameters": {"properties": {tool["name"]: tool["parameters"] for tool in draft.tools}},
            "returns": {"properties": {tool["name"]: tool["returns"] for tool in draft.tools if "returns" in tool}},
        },
    }


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"remote reference refused: {uri}")


def _compiled(everything: Schema) -> jsonschema_rs.Draft202012Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator(everything, validate_formats=True, retriever=_refuse)
    except (ValueError, jsonschema_rs.ValidationError, RecursionError):
        return None


def _is_schema(value: Schema) -> bool:
    try:
        return jsonschema_rs.meta.is_valid(value)
    except (ValueError, jsonschema_rs.ValidationError, RecursionError):
        return False


def _keep_good_examples(tools: list[dict[str, Any]], validator: jsonschema_rs.Draft202012Validator) -> None:
    """Documents' examples of arguments are kept only where they satisfy the tool's own schema."""
    for tool in tools:
        examples = tool.pop("examples", None) or []
        copies = [json_value(example) for example in examples]
        good = [copy for ok, copy in copies if ok and validator.is_valid({"parameters": {tool["name"]: copy}})]
        if good:
            tool["examples"] = good


def _problem(schema: Any, draft: Draft) -> str:
    try:
        Validator(schema, draft.definitions)
    except (CatalogError, RecursionError) as error:
        return str(error)
    return ""


def _mend_definitions(draft: Draft) -> None:
    """Empty each definition that is no valid schema by itself; what refers to it keeps the rest."""
    for name, definition in draft.definitions.items():
        if not _is_schema({"$schema": _DIALECT, **definition}):
            draft.definitions[name] = {}
            draft.leave_out(name, LeftOutReason.INVALID_SCHEMA, "the shared schema is invalid and accepts anything")


def _sound(draft: Draft, everything: Schema, *, thorough: bool) -> bool:
    """Does every schema compile? In a fraction of compiling's time: it is held against the meta-schema, and if thorough
    references must lead somewhere, and each distinct pattern is compiled once."""
    if not _is_schema(everything):
        return False
    if not thorough:
        return True
    try:
        data = orjson.dumps(everything)
    except TypeError:  # it cannot be written as JSON: no text to search
        return all(name in draft.definitions for name in referred(everything)) and _compiled(everything) is not None
    if not draft.definitions.keys() >= set(written_references(data)):
        return False
    written = set(_PATTERN.findall(data)) if b'"pattern":"' in data else ()
    patterns = {orjson.loads(found) for found in written}
    unknown = sorted(pattern for pattern in patterns if usable_pattern(pattern) != pattern)  # importers asked for most
    return not unknown or _compiled({"anyOf": [{"pattern": pattern} for pattern in unknown]}) is not None


def _shown(draft: Draft, tools: list[dict[str, Any]]) -> Schema:
    """The parameters of tools that have examples, with no more definitions than they reach."""
    reached = reachable((tool["parameters"] for tool in tools), draft.definitions)
    return {
        "$schema": _DIALECT,
        "$defs": {name: schema for name, schema in draft.definitions.items() if name in reached},
        "properties": {"parameters": {"properties": {tool["name"]: tool["parameters"] for tool in tools}}},
    }


def check(draft: Draft, *, thorough: bool) -> None:
    """Leave out every tool whose schemas are not valid.

    `thorough` looks at patterns and references too, and keeps examples: those that satisfy their tools' schemas, which
    are compiled for it. Importers that write a handful of keywords and check every pattern do without.
    """
    if not _sound(draft, _everything(draft), thorough=thorough):
        _mend(draft)
        return
    if not thorough or len(draft.tools) + len(draft.definitions) > MAX_COMPILED:
        for tool in draft.tools:
            tool.pop("examples", None)  # nothing has checked them
        return
    shown = [tool for tool in draft.tools if tool.get("examples")]
    if shown:
        validator = _compiled(_shown(draft, shown))
        if validator is None:
            _mend(draft)
        else:
            _keep_good_examples(shown, validator)


def _mend(draft: Draft) -> None:
    """Check the schemas one by one, and drop what is not valid."""
    _mend_definitions(draft)
    kept = []
    for tool in draft.tools:
        tool.pop("examples", None)
        if "returns" in tool and _problem(tool["returns"], draft):
            draft.leave_out(tool["name"], LeftOutReason.INVALID_SCHEMA, "the response schema is dropped: invalid")
            del tool["returns"]
        if problem := _problem(tool["parameters"], draft):
            draft.leave_out(tool["name"], LeftOutReason.INVALID_SCHEMA, problem)
        else:
            kept.append(tool)
    draft.tools = kept
    keep_reachable(draft)
