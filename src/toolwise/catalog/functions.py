"""Function definitions of any origin to the tools of a toolset: what all lists of functions share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from toolwise.catalog.dialect import Dialect
from toolwise.catalog.documents import DocumentError
from toolwise.catalog.draft import Draft, Names, keep_reachable, legal_name
from toolwise.catalog.hints import rpc_hints
from toolwise.catalog.keywords import json_value, text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.loose import as_object, loosen
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.types import Schema

_MAX_EXAMPLES = 4


@dataclass
class Function:
    """One function as its document defines it."""

    name: str
    where: str
    """The place in the document, for what is left out."""
    description: str = ""
    parameters: Any = None
    """A schema, a map or a list of parameters, or JSON of one of them."""
    returns: Any = None
    """A schema, or none."""
    hints: dict[str, bool] = field(default_factory=dict)
    """What the document says; empty to go by the name's verb."""
    examples: list[Any] = field(default_factory=list)
    binding: dict[str, Any] | None = None

    def fingerprint(self) -> bytes:
        """The same for functions that are defined alike, wherever they stand."""
        return fingerprint([self.name, self.description, self.parameters, self.returns], self.where)


def fingerprint(value: Any, fallback: str) -> bytes:
    """The same for equal JSON values; that of `fallback` for what is too deep or too big to be written as JSON."""
    try:
        told = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        told = b"\x00" + fallback.encode()
    return hashlib.blake2b(told, digest_size=12).digest()


def verb_hints(name: str) -> dict[str, bool]:
    """Hints by the verb in the name; nothing where it says nothing."""
    hints = rpc_hints(name, read_only=False, idempotent=False)
    return {} if hints == {"read_only": False} else hints


class Builder:
    """Adds functions to a draft; their schemas share one dialect, and so one set of definitions."""

    def __init__(self, draft: Draft, *, references: bool = True) -> None:
        """`references`: without them each tool stands alone, so that its draft can be merged with others."""
        self.draft = draft
        self._references = references
        self._roots: dict[str, Any] = {}
        self._dialect = Dialect(self._roots, draft, siblings=True)
        self._names = Names()
        self._shared: dict[bytes, str] = {}

    def _converted(self, schema: dict[str, Any]) -> Schema:
        """A schema that is its own root, converted as a part of the whole document."""
        local = self._root_of(schema) if self._references else ""

        def refer(target: str) -> str | None:
            if not self._references:
                return None
            return f"#/{local}{target[1:]}" if target.startswith("#/") or target == "#" else target

        loosened = loosen(schema, refer)
        if local and local not in self._roots:
            self._roots[local] = loosened
        return self._dialect.convert(loosened)

    def _root_of(self, schema: dict[str, Any]) -> str:
        """The name under which this schema's references are looked up; schemas with equal definitions share one."""
        shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
        if not shared or not _only_to_definitions(schema, 0):
            return str(len(self._roots))
        own = str(len(self._roots))
        return self._shared.setdefault(fingerprint(shared, own), own)

    def _parameters(self, function: Function) -> tuple[Schema, dict[str, str]]:
        """The parameters as one closed object, and how those are called here whose name is not legal."""
        raw = as_object(function.parameters)
        converted = self._converted(raw)
        whole = self._dialect.expanded(converted) or converted
        kind = whole.get("type")
        if kind not in (None, "object") and "object" not in kind:
            whole = {"type": "object", "properties": {"input": converted}, "required": ["input"]}
        renamed: dict[str, str] = {}
        names = Names()
        for name in whole.get("properties") or {}:
            renamed[name] = names.give(legal_name(name) or "parameter")
        made: Schema = {key: value for key, value in whole.items() if key not in ("description", "default", "example")}
        made["type"] = "object"
        made["properties"] = {renamed[n]: schema for n, schema in (whole.get("properties") or {}).items()}
        if "required" in whole:
            made["required"] = [renamed[name] for name in whole["required"]]
        if "additionalProperties" not in made and not {"anyOf", "allOf", "patternProperties"} & {*raw, *made}:
            made["additionalProperties"] = False
        return made, renamed

    def add(self, function: Function) -> None:
        """Add one function, or leave it out with the reason."""
        try:
            tool = self._tool(function)
        except DocumentError as error:
            if error.reason is LeftOutReason.TOO_LARGE:
                raise
            self.draft.leave_out(function.where or function.name[:80], error.reason, error.detail)
            return
        self.draft.tools.append(tool)
        self.draft.original_names[tool["name"]] = function.name

    def _tool(self, function: Function) -> dict[str, Any]:
        parameters, renamed = self._parameters(function)
        name = self._names.give(legal_name(function.name) or "tool")
        tool: dict[str, Any] = {
            "name": name,
            "description": plain(function.description, TOOL_LIMIT),
            "parameters": parameters,
            "hints": function.hints or verb_hints(name),
        }
        if function.binding is not None:
            tool["binding"] = function.binding
            wire_names = {ours: theirs for theirs, ours in renamed.items() if ours != theirs}
            if wire_names and function.binding["kind"] == "mcp":
                tool["binding"] = {**function.binding, "wire_names": wire_names}
        if isinstance(function.returns, dict) and function.returns:
            tool["returns"] = self._converted(function.returns)
        examples = [
            {renamed.get(str(key), str(key)): value for key, value in example.items()}
            for example in function.examples[:_MAX_EXAMPLES]
            if isinstance(example, dict)
        ]
        if examples:
            tool["examples"] = examples
        return tool

    def finish(self) -> Draft:
        """The draft with the definitions that its tools reach."""
        self.draft.definitions = self._dialect.definitions.drain()
        keep_reachable(self.draft)
        return self.draft


def _only_to_definitions(schema: Any, depth: int) -> bool:
    """Do all references go to definitions (and not to the schema itself or to its properties)?"""
    if depth > 100:
        return False
    if isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str) and not target.startswith(("#/$defs/", "#/definitions/")):
            return False
        return all(_only_to_definitions(value, depth + 1) for value in schema.values())
    if isinstance(schema, list):
        return all(_only_to_definitions(value, depth + 1) for value in schema)
    return True


def example_arguments(values: dict[str, Any]) -> list[Any]:
    """One example of arguments, where there is any value and all are of a reasonable size."""
    ok, copy = json_value(values)
    return [copy] if ok and copy else []


def name_of(value: Any) -> str:
    """A function's name. Raises DocumentError where there is none."""
    if not text(value) or not value.strip():
        raise DocumentError(LeftOutReason.INVALID_ROW, "it has no name")
    return str(value)
