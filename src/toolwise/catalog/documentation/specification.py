"""A toolset as an OpenAPI 3.1 document (OpenAPI Specification 3.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from toolwise.catalog.documentation.losses import Loss, Losses
from toolwise.catalog.documentation.schemas import transformed
from toolwise.catalog.draft import Names
from toolwise.catalog.extensions import (
    EXAMPLES_EXTENSION,
    HINTS_EXTENSION,
    PATTERN_EXTENSION,
    STYLE_EXTENSION,
    TOOLSET_EXTENSION,
)
from toolwise.catalog.hints import http_hints
from toolwise.errors import CatalogError
from toolwise.schemas import Validator, reference_name
from toolwise.types import HttpBinding, ParameterLocation, ParameterStyle, Schema, Tool, Toolset

_JSON = "application/json"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_TEMPLATE = re.compile(r"\{([^{}/]+)\}")
_ILLEGAL = re.compile(r"[^A-Za-z0-9._-]+")
_MARKUP = re.compile(r"<(?=[A-Za-z/!])")
_ENTITY = re.compile(r"&(?=[#\w]+;)")
_IN_BODY = (ParameterLocation.BODY, ParameterLocation.WHOLE_BODY)


def _prose(text: str) -> str:
    """Plain text as CommonMark, the language of OpenAPI's descriptions: what looks like markup is escaped."""
    return _MARKUP.sub("&lt;", _ENTITY.sub("&amp;", text))


class _Schemas:
    """Rewrites one toolset's schemas: references to components, and only what a strict validator accepts."""

    def __init__(self, definitions: Mapping[str, Schema], losses: Losses) -> None:
        self._definitions = definitions
        self._losses = losses
        names = Names()
        self._endless = {name for name in definitions if _goes_round(name, definitions)}
        self._names = {name: names.give(_ILLEGAL.sub("_", name) or "schema") for name in definitions}

    def components(self) -> dict[str, Schema]:
        return {self._names[name]: self.convert(schema) for name, schema in self._definitions.items()}

    def convert(self, schema: Schema) -> Schema:
        made: Schema = transformed(schema, self._change)
        return made

    def _change(self, schema: Schema, branch: bool) -> Schema:
        self._refer(schema)
        if isinstance(schema.get("description"), str):
            schema["description"] = _prose(schema["description"])
        if isinstance(schema.get("pattern"), str) and not _widely_understood(schema["pattern"]):
            schema[PATTERN_EXTENSION] = schema.pop("pattern")
        if "default" in schema and not self._accepts_default(schema):
            del schema["default"]
            self._losses[Loss.INVALID_DEFAULT] += 1
        return schema if branch else _with_known_required(schema)

    def _refer(self, schema: Schema) -> None:
        name = reference_name(schema)
        if name is None:
            return
        if name in self._names and name not in self._endless:
            schema["$ref"] = f"#/components/schemas/{self._names[name]}"
        else:
            del schema["$ref"]
            self._losses[Loss.BROKEN_REFERENCE] += 1

    def _accepts_default(self, schema: Schema) -> bool:
        """Without looking through references: what they refer to holds no default of this schema's."""
        local = transformed(schema, lambda part, _: {k: v for k, v in part.items() if k != "$ref"})
        try:
            return Validator({k: v for k, v in local.items() if k != "default"}, {}).is_valid(schema["default"])
        except CatalogError:
            return False


def _goes_round(name: str, definitions: Mapping[str, Schema]) -> bool:
    """Is this definition nothing but a reference that leads to itself?"""
    seen: set[str] = set()
    at: str | None = name
    while at is not None and at in definitions and at not in seen:
        seen.add(at)
        at = reference_name(definitions[at])
    return at in seen


@lru_cache(maxsize=65536)
def _widely_understood(pattern: str) -> bool:
    """JSON Schema's dialect is ECMA-262's, with `\\p{L}` and more; validators written in Python know only Python's."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _with_known_required(schema: Schema) -> Schema:
    """Validators want every required name among a schema's own properties; others move to a branch of `allOf`."""
    required = schema.get("required")
    properties = schema.get("properties") or {}
    unknown = [name for name in required if name not in properties] if isinstance(required, list) else []
    if not unknown:
        return schema
    known = [name for name in schema["required"] if name in properties]
    made = {**schema, "required": known, "allOf": [*(schema.get("allOf") or ()), {"required": unknown}]}
    if not known:
        del made["required"]
    return made


class _Paths:
    """Gives every operation a path and a method of its own."""

    def __init__(self) -> None:
        self.paths: dict[str, dict[str, Any]] = {}
        self._shapes: dict[str, str] = {}

    def add(self, path: str, method: str, name: str, operation: dict[str, Any]) -> None:
        """Two paths that differ in their parameters' names alone are one to OpenAPI, and a path has each method once.

        What collides gets the tool's name as a fragment, which no request carries; providers' own documents do it
        where one address serves many operations.
        """
        known = self._shapes.setdefault(_TEMPLATE.sub("{}", path), path)
        if known != path or method in self.paths.get(path, {}):
            path = f"{path}#{name}"
        self.paths.setdefault(path, {})[method] = operation


def _http(tool: Tool) -> HttpBinding | None:
    binding = tool.binding
    if isinstance(binding, HttpBinding) and binding.method.lower() in _METHODS:
        return binding
    return None


def _style(style: ParameterStyle | None) -> dict[str, Any]:
    """A style in OpenAPI's words, or in an extension where it has none."""
    if style is None or style is ParameterStyle.JSON:
        return {}
    if style in (ParameterStyle.RESERVED, ParameterStyle.TAB_DELIMITED):
        return {STYLE_EXTENSION: style.value}
    name = style.value.removesuffix("_exploded")
    first, *rest = name.split("_")
    explode = style.value.endswith("_exploded") or style is ParameterStyle.DEEP_OBJECT
    return {"style": first + "".join(word.capitalize() for word in rest), "explode": explode}


def _parameter(
    wire: str, where: str, schema: Schema, required: bool, style: ParameterStyle | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {"name": wire, "in": where, **_style(style)}
    if "description" in schema:
        made["description"] = schema["description"]
    if required or where == ParameterLocation.PATH:
        made["required"] = True
    shape = {key: value for key, value in schema.items() if key not in ("description", "readOnly")}
    return {**made, **({"content": {_JSON: {"schema": shape}}} if style is ParameterStyle.JSON else {"schema": shape})}


class _Operation:
    """One tool with an HTTP binding as an operation."""

    def __init__(self, tool: Tool, binding: HttpBinding, schemas: _Schemas, losses: Losses) -> None:
        self.tool = tool
        self.binding = binding
        self._schemas = schemas
        self._losses = losses
        self.path = "/" + binding.path.partition("#")[0].lstrip("/")
        self._in_path = set(_TEMPLATE.findall(self.path))

    def _place(self, name: str) -> tuple[str, ParameterLocation]:
        """The parameter's wire name and location; one of no known location goes where the method takes it."""
        wire = self.binding.wire_names.get(name, name)
        where = self.binding.locations.get(name)
        if where is None:
            where = ParameterLocation.QUERY if self.binding.method.upper() == "GET" else ParameterLocation.BODY
        if where is ParameterLocation.PATH and wire not in self._in_path:
            where = ParameterLocation.QUERY
        return wire, where

    def document(self) -> dict[str, Any]:
        required = set(self.tool.required)
        listed: dict[tuple[str, str], dict[str, Any]] = {}
        body: dict[str, tuple[Schema, bool]] = {}
        whole: tuple[Schema, bool] | None = None
        for name, schema in self.tool.properties.items():
            wire, where = self._place(name)
            converted = self._schemas.convert(schema)
            if where is ParameterLocation.WHOLE_BODY:
                whole = (converted, name in required)
            elif where is ParameterLocation.BODY:
                body[wire] = ({k: v for k, v in converted.items() if k != "readOnly"}, name in required)
            elif (wire, where.value) in listed:
                self._losses[Loss.PARAMETER] += 1
            else:
                listed[wire, where.value] = _parameter(
                    wire, where.value, converted, name in required, self.binding.styles.get(name)
                )
        for wire in _TEMPLATE.findall(self.path):  # a template needs its parameter
            listed.setdefault((wire, "path"), _parameter(wire, "path", {"type": "string"}, True))
        made: dict[str, Any] = {"parameters": list(listed.values())} if listed else {}
        if whole is not None:
            made["requestBody"] = self._body(*whole)
        elif body:
            needed = [wire for wire, (_, must) in body.items() if must]
            schema = {"type": "object", "properties": {wire: part for wire, (part, _) in body.items()}}
            made["requestBody"] = self._body({**schema, **({"required": needed} if needed else {})}, bool(needed))
            styles = {n: s for n, s in self.binding.styles.items() if self._place(n)[1] is ParameterLocation.BODY}
            if encoding := {self._place(name)[0]: _style(style) for name, style in styles.items()}:
                next(iter(made["requestBody"]["content"].values()))["encoding"] = encoding
        return made

    def _body(self, schema: Schema, required: bool) -> dict[str, Any]:
        content = {self.binding.media_type or _JSON: {"schema": schema}}
        return {"required": True, "content": content} if required else {"content": content}


def _call(tool: Tool, schemas: _Schemas) -> dict[str, Any]:
    """The request of a tool that is not called by HTTP: its arguments as a JSON object."""
    if not tool.properties:
        return {}
    keys = ("properties", "required", "additionalProperties", "allOf", "anyOf", "oneOf", "$ref")
    schema = schemas.convert({key: value for key, value in tool.parameters.items() if key in keys})
    content = {_JSON: {"schema": {"type": "object", **schema}}}
    return {"required": True, "content": content} if tool.required else {"content": content}


def _operation(tool: Tool, method: str, schemas: _Schemas) -> dict[str, Any]:
    """What operations of both kinds have."""
    made: dict[str, Any] = {"operationId": tool.name}
    if tool.description:
        made["description"] = _prose(tool.description)
    hints = tool.hints.model_dump(exclude_none=True)
    if hints != http_hints(method, tool.name):
        made[HINTS_EXTENSION] = hints
    if tool.examples:
        made[EXAMPLES_EXTENSION] = list(tool.examples)
    success: dict[str, Any] = {"description": "Success"}
    if tool.returns is not None:
        success["content"] = {_JSON: {"schema": schemas.convert(tool.returns)}}
    made["responses"] = {"200": success}
    return made


def _info(toolset: Toolset) -> dict[str, Any]:
    info: dict[str, Any] = {"title": toolset.title or toolset.name, "version": "1"}
    if toolset.description:
        info["description"] = _prose(toolset.description)
    details = toolset.model_dump(include={"name", "category", "family", "introduction"})
    details |= {"collections": list(toolset.collections), "auth": list(toolset.auth)}
    info[TOOLSET_EXTENSION] = {key: value for key, value in details.items() if value}
    return info


def _security_schemes(toolset: Toolset) -> dict[str, Any]:
    """The kinds of authentication that a few words say whole; the flows of OAuth 2 are not among them."""
    made: dict[str, Any] = {}
    for number, words in enumerate((said.split() for said in toolset.auth), 1):
        if words[:1] == ["http"] and len(words) == 2:
            made[f"auth{number}"] = {"type": "http", "scheme": words[1]}
        elif words[:2] == ["apiKey", "in"] and len(words) == 4 and words[2] in ("header", "query", "cookie"):
            made[f"auth{number}"] = {"type": "apiKey", "in": words[2], "name": words[3]}
    return made


def openapi_document(toolset: Toolset, losses: Losses | None = None) -> dict[str, Any]:
    """The toolset as one valid OpenAPI 3.1 document; counts into `losses` what it cannot hold.

    An operation's id is the tool's name. A tool without an HTTP binding is `POST /<name>` with a JSON body.
    """
    losses = Losses() if losses is None else losses
    schemas = _Schemas(toolset.definitions, losses)
    paths = _Paths()
    for tool in toolset.tools:
        binding = _http(tool)
        if binding is None:
            losses[Loss.BINDING] += tool.binding is not None
            body = _call(tool, schemas)
            operation = {**_operation(tool, "POST", schemas), **({"requestBody": body} if body else {})}
            paths.add(f"/{tool.name}", "post", tool.name, operation)
            continue
        made = _Operation(tool, binding, schemas, losses)
        head = _operation(tool, binding.method, schemas)
        responses = head.pop("responses")
        paths.add(made.path, binding.method.lower(), tool.name, {**head, **made.document(), "responses": responses})
    document: dict[str, Any] = {"openapi": "3.1.0", "info": _info(toolset)}
    if toolset.servers:
        document["servers"] = [{"url": url} for url in toolset.servers]
    document["paths"] = paths.paths
    components: dict[str, Any] = {"schemas": schemas.components()} if toolset.definitions else {}
    if secured := _security_schemes(toolset):
        components["securitySchemes"] = secured
        document["security"] = [{name: []} for name in secured]
    return {**document, "components": components} if components else document
