"""A Python module's functions as a toolset: signatures and type hints from the module, prose from its docstrings."""

from __future__ import annotations

import ast
import doctest
from pathlib import Path
from typing import Any

import docstring_parser

from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.functions import Builder, Function, example_arguments
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.connections.python_tools.process import ChildFailure, ChildLimits, PythonProcess
from toolwise.connections.workspace import empty_copy
from toolwise.errors import CatalogError
from toolwise.text import first_sentence, phrase
from toolwise.types import Schema


def python_drafts(reference: str, limits: ChildLimits | None = None) -> list[Draft]:
    """The public functions of a file (`tools.py`) or an importable module (`python:package.module`).

    The module is imported in a process of its own, with bounds on time and memory. Raises CatalogError, in one line,
    for what cannot be imported and for a module without a function that can be a tool.
    """
    reference = reference.strip().removeprefix("python:")
    is_file = reference.endswith(".py")
    if is_file and not Path(reference).is_file():
        raise CatalogError(f"{reference}: no such file")
    module = str(Path(reference).resolve()) if is_file else reference
    folder = empty_copy()
    process = PythonProcess(module, limits, cwd=folder.folder)
    try:
        told = process.request({"do": "describe"}, process.limits.start_seconds)
    except ChildFailure as error:
        raise CatalogError(f"{reference}: {error}") from error
    finally:
        process.kill()
        folder.remove()
    if problem := told.get("malformed") or told.get("error", {}).get("message"):
        raise CatalogError(f"{reference}: its functions cannot be described: {problem}")
    return [_draft(told, reference, module)]


def _draft(told: dict[str, Any], reference: str, module: str) -> Draft:
    stem = Path(reference).stem if reference.endswith(".py") else reference
    about = docstring_parser.parse(told["doc"])
    draft = Draft(
        slug=slug(stem.replace(".", "_"), "python"),
        source=f"python:{Path(reference).name}",
        title=phrase(stem.rsplit(".", 1)[-1]).capitalize() or stem,
        description=plain(_prose(about), TOOL_LIMIT),
        introduction=first_sentence(plain(about.short_description or "", TOOL_LIMIT)),
        family=f"python-{slug(stem, 'module')}",
    )
    for name, problem in told["left_out"]:
        draft.leave_out(name, LeftOutReason.INVALID_OPERATION, problem)
    builder = Builder(draft)
    for function in told["functions"]:
        builder.add(_function(function, told["definitions"], module))
        for note in function["notes"]:
            draft.leave_out(function["name"], LeftOutReason.INVALID_SCHEMA, note)
    draft = builder.finish()
    if not draft.tools:
        why = f"; the first: {told['left_out'][0][0]}: {told['left_out'][0][1]}" if told["left_out"] else ""
        raise CatalogError(f"{reference}: no public function of its own that can be a tool{why}")
    return draft


def _prose(doc: docstring_parser.Docstring) -> str:
    return "\n\n".join(filter(None, (doc.short_description, doc.long_description)))


def _function(told: dict[str, Any], definitions: dict[str, Schema], module: str) -> Function:
    doc = docstring_parser.parse(_without_examples(told["doc"]))
    described = {parameter.arg_name.lstrip("*"): parameter.description for parameter in doc.params}
    properties: dict[str, Schema] = {}
    for name, schema in told["properties"].items():
        text = described.get(name)
        properties[name] = {**schema, "description": text} if text and "description" not in schema else schema
    parameters = {"type": "object", "properties": properties, "required": told["required"], "$defs": definitions}
    return Function(
        name=told["name"],
        where=told["name"],
        description=_prose(doc),
        parameters={**parameters, "additionalProperties": False},
        returns=_returns(told, definitions, doc),
        hints=told["hints"],
        examples=_examples(told),
        binding={"kind": "python", "module": module, "function": told["name"]},
    )


def _returns(told: dict[str, Any], definitions: dict[str, Schema], doc: docstring_parser.Docstring) -> Schema | None:
    """The result's schema: an object's own, anything else under `result`, as the world answers."""
    schema = told["returns"]
    if schema is None:
        return None
    schema = {key: value for key, value in schema.items() if key != "title"}
    if doc.returns and doc.returns.description and "description" not in schema:
        schema["description"] = doc.returns.description
    if not _is_object(schema, definitions):
        schema = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    return {**schema, "$defs": definitions}


def _is_object(schema: Schema, definitions: dict[str, Schema], hops: int = 0) -> bool:
    target = schema.get("$ref")
    if isinstance(target, str) and hops < 8:
        return _is_object(definitions.get(target.rsplit("/", 1)[-1], {}), definitions, hops + 1)
    return schema.get("type") == "object"


def _examples(told: dict[str, Any]) -> list[Any]:
    """Arguments of the docstring's own examples (`>>> area(2, height=3)`), read as literals and never run."""
    found: list[Any] = []
    try:
        examples = doctest.DocTestParser().get_examples(told["doc"])
    except ValueError:
        return []
    for example in examples:
        given = _literal_call(example.source, told["name"], list(told["properties"]))
        if given:
            found += example_arguments(given)
    return found


def _without_examples(doc: str) -> str:
    """A docstring without its interactive examples, which end at a blank line: they describe no parameter."""
    kept: list[str] = []
    inside = False
    for line in doc.splitlines():
        inside = bool(line.strip()) and (inside or line.lstrip().startswith(">>>"))
        if not inside:
            kept.append(line)
    return "\n".join(kept)


def _literal_call(source: str, name: str, order: list[str]) -> dict[str, Any]:
    try:
        call = ast.parse(source.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or ast.unparse(call.func).split(".")[-1] != name.rsplit(".", maxsplit=1)[-1]:
            return {}
        values = {order[at]: ast.literal_eval(value) for at, value in enumerate(call.args)}
        values |= {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg in order}
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError, TypeError):
        return {}
    return values
