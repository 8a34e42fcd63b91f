"""The safety net behind the importers: every schema that is kept compiles."""

from __future__ import annotations

from typing import Any, NoReturn

import jsonschema_rs

from toolwise.catalog.draft import Draft, keep_reachable
from toolwise.catalog.keywords import json_value
from toolwise.catalog.left_out import LeftOutReason
from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.types import Schema

MAX_COMPILED = 5000
"""Tools and definitions of a toolset beyond which it is not compiled as a whole: that would take gigabytes."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _everything(draft: Draft) -> Schema:
    """All schemas of a toolset as one, which compiles some hundred times faster than one by one."""
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


def _keep_good_examples(draft: Draft, validator: jsonschema_rs.Draft202012Validator) -> None:
    """Documents' examples of arguments are kept only where they satisfy the tool's own schema."""
    for tool in draft.tools:
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


def check(draft: Draft, *, thorough: bool) -> None:
    """Leave out every tool whose schemas are not valid.

    `thorough` compiles them too. Without it they are only held against the meta-schema, which is enough, and ten
    times faster, for importers that write a handful of keywords and check every pattern.
    """
    everything = _everything(draft)
    if thorough and len(draft.tools) + len(draft.definitions) <= MAX_COMPILED:
        validator = _compiled(everything)
        if validator is not None:
            _keep_good_examples(draft, validator)
            return
    elif _is_schema(everything):
        for tool in draft.tools:
            tool.pop("examples", None)  # nothing has checked them
        return
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
