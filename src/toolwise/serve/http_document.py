"""The mock's own OpenAPI 3.1 document: what it serves, where, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from toolwise import __version__
from toolwise.schemas import REFERENCE, schema_type
from toolwise.schemas import merged as merged_schema
from toolwise.serve.answers import shapes
from toolwise.serve.http_arguments import JSON_TYPE, is_json, locations_of
from toolwise.serve.http_routes import ToolRoute, ToolsetRoutes
from toolwise.text import first_sentence
from toolwise.types import HttpBinding, Json, ParameterLocation, ParameterStyle, Schema, Toolset

_VALUES = frozenset({"enum", "const", "default", "example", "examples"})
_ILLEGAL = re.compile(r"[^A-Za-z0-9._-]")
_FAILURES = {
    "400": "The arguments break the tool's schema, or the request cannot be read.",
    "404": "A record that the arguments name does not exist.",
    "409": "The record exists already, or its state forbids the act.",
    "413": "The request is too large.",
    "415": "The body has a media type that the tool does not take.",
    "500": "The world failed.",
    "502": "The tool's answer does not have the form that it promises.",
}
_OTHERS = {"4XX": "The tool refused.", "5XX": "The tool failed."}
"""What tools of other worlds than the simulated one may answer."""
_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string", "description": "The field that is wrong, dotted."},
            },
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}
_PLACES = {
    ParameterLocation.QUERY: "query",
    ParameterLocation.HEADER: "header",
    ParameterLocation.COOKIE: "cookie",
    ParameterLocation.PATH: "path",
}


_STYLES = {
    ParameterStyle.SIMPLE: ("simple", False),
    ParameterStyle.SIMPLE_EXPLODED: ("simple", True),
    ParameterStyle.LABEL: ("label", False),
    ParameterStyle.LABEL_EXPLODED: ("label", True),
    ParameterStyle.MATRIX: ("matrix", False),
    ParameterStyle.MATRIX_EXPLODED: ("matrix", True),
    ParameterStyle.FORM: ("form", False),
    ParameterStyle.FORM_EXPLODED: ("form", True),
    ParameterStyle.SPACE_DELIMITED: ("spaceDelimited", False),
    ParameterStyle.PIPE_DELIMITED: ("pipeDelimited", False),
    ParameterStyle.DEEP_OBJECT: ("deepObject", True),
}
"""OpenAPI's `style` and `explode`."""


def openapi_document(routes: Iterable[ToolsetRoutes], names: Mapping[str, str], address: str, simulated: bool) -> Json:
    """The document. `names` gives each tool id's operation id.

    Operations under one path share its template, whatever their own parameters' names.
    """
    schemas: dict[str, Schema] = {"Error": _ERROR}
    paths: dict[str, dict[str, Json]] = {}
    writer = _Writer(schemas, names, {**_FAILURES, **({} if simulated else _OTHERS)})
    titles: list[str] = []
    for group in routes:
        titles.append(group.toolset.title or group.toolset.name)
        writer.toolset(group.toolset, named=bool(group.routes and group.routes[0].prefix))
        templates: dict[tuple[str, ...], ToolRoute] = {}
        for route in group.routes:
            first = templates.setdefault(route.template.segments, route)
            path = route.prefix + first.template.render()
            paths.setdefault(path, {})[route.method.lower()] = writer.operation(route, first.template.names)
    failures = {
        f"Failure{status}": {"description": text, "content": _json({"$ref": "#/components/schemas/Error"})}
        for status, text in writer.failures.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": titles[0] if len(titles) == 1 else f"Mock of {len(titles)} APIs",
            "version": __version__,
            "description": "A mock: answers are made from the tools' documents, and records persist in a session.",
        },
        "servers": [{"url": address}],
        "paths": paths,
        "components": {"schemas": schemas, "responses": failures},
    }


def _json(schema: Schema) -> Json:
    return {JSON_TYPE: {"schema": schema}}


class _Writer:
    def __init__(self, schemas: dict[str, Schema], names: Mapping[str, str], failures: Mapping[str, str]) -> None:
        self._schemas = schemas
        self._names = names
        self.failures = failures
        self._toolset = Toolset(name="none")
        self._shapes: Mapping[str, Schema] = {}
        self._prefix = ""
        self._components: dict[tuple[str, bool], str] = {}

    def toolset(self, toolset: Toolset, *, named: bool) -> None:
        """Go on with the tools of this toolset."""
        self._toolset = toolset
        self._shapes = shapes(toolset.definitions)
        self._prefix = f"{toolset.name}." if named else ""
        self._components = {}

    def operation(self, route: ToolRoute, holes: tuple[str, ...]) -> Json:
        tool = route.tool
        made: dict[str, Json] = {
            "operationId": self._names[tool.id],
            "summary": first_sentence(tool.description) or tool.name,
            "tags": [self._toolset.title or self._toolset.name],
        }
        if tool.description:
            made["description"] = tool.description
        parameters = [*self._path_parameters(route, holes), *self._parameters(route)]
        if parameters:
            made["parameters"] = parameters
        if body := self._body(route):
            made["requestBody"] = body
        answer = route.promise.schema
        content = _json(self._linked(answer, answers=True) if answer is not None else {})
        made["responses"] = {
            "200": {"description": "Success.", "content": content},
            **({} if answer else {"204": {"description": "Success, with nothing to say."}}),
            **{status: {"$ref": f"#/components/responses/Failure{status}"} for status in self.failures},
        }
        return made

    def _path_parameters(self, route: ToolRoute, names: tuple[str, ...]) -> list[Json]:
        """One for each hole of the path; a resource name's are its parts."""
        made: list[Json] = []
        given = iter(names)
        for hole in route.template.holes:
            if hole.first < hole.last:
                segments = route.template.segments[hole.first : hole.last + 1]
                parts = [next(given) for segment in segments if "{}" in segment]
                made += [_parameter(name, "path", {"type": "string", "minLength": 1}, required=True) for name in parts]
                continue
            made.append(self._stated(route, hole.parameter, "path", wire=next(given)))
        return made

    def _parameters(self, route: ToolRoute) -> list[Json]:
        """Query, header and cookie parameters."""
        if route.binding is None:
            return []
        made: list[Json] = []
        in_path = {hole.parameter for hole in route.template.holes}
        for name, location in locations_of(route.tool, route.binding).items():
            if location in _PLACES and location is not ParameterLocation.PATH and name not in in_path:
                made.append(self._stated(route, name, _PLACES[location]))
        return made

    def _stated(self, route: ToolRoute, name: str, place: str, wire: str = "") -> Json:
        """A parameter with the style in which it is read; JSON where no style can carry its value."""
        schema = route.tool.properties.get(name) or {}
        wire = wire or (route.binding.wire_names.get(name, name) if route.binding else name)
        made = _parameter(wire, place, self._linked(schema), required=name in route.tool.required)
        whole = merged_schema(schema, self._toolset.definitions)
        style = route.binding.styles.get(name) if route.binding else None
        if style is ParameterStyle.JSON or (schema_type(whole) == "object" and not self._is_flat(whole, style)):
            made["content"] = _json(made.pop("schema"))
        elif style in _STYLES:
            made["style"], made["explode"] = _STYLES[style]
        elif style is ParameterStyle.TAB_DELIMITED:
            made["schema"] = {"type": "string", "description": "Values with a tab between them."}
        if isinstance(whole.get("description"), str):
            made["description"] = whole["description"]
        return made

    def _is_flat(self, whole: Schema, style: ParameterStyle | None) -> bool:
        """Can a style carry the object? Only if its properties are known and single values, or it is a deep object."""
        properties = whole.get("properties")
        if not isinstance(properties, dict) or not properties:
            return False
        if style is ParameterStyle.DEEP_OBJECT:
            return True
        kinds = (schema_type(merged_schema(part, self._toolset.definitions)) for part in properties.values())
        return style is not None and all(kind in ("string", "integer", "number", "boolean") for kind in kinds)

    def _body(self, route: ToolRoute) -> Json | None:
        tool, binding = route.tool, route.binding
        if binding is None:
            schema = self._linked({**tool.parameters, "type": "object"})
            return {"required": bool(tool.required), "content": _json(schema)}
        locations = locations_of(tool, binding)
        media_type = (binding.media_type or JSON_TYPE).partition(";")[0].strip().lower() or JSON_TYPE
        whole = next((n for n, where in locations.items() if where is ParameterLocation.WHOLE_BODY), None)
        if whole is not None:
            content = {media_type: {"schema": self._linked(tool.properties[whole])}}
            return {"required": whole in tool.required, "content": content}
        fields = [name for name, where in locations.items() if where is ParameterLocation.BODY]
        if not fields:
            return None
        schema = self._fields(route, binding, fields)
        content = {media_type: {"schema": schema}}
        if not is_json(media_type):
            content[JSON_TYPE] = {"schema": schema}
        return {"required": bool(schema.get("required")), "content": content}

    def _fields(self, route: ToolRoute, binding: HttpBinding, fields: list[str]) -> Schema:
        """The body's fields as one object."""
        tool = route.tool
        wires = {name: binding.wire_names.get(name, name) for name in fields}
        made: Schema = {
            "type": "object",
            "properties": {wires[name]: self._linked(tool.properties[name]) for name in fields},
        }
        if required := [wires[name] for name in fields if name in tool.required]:
            made["required"] = required
        if tool.parameters.get("additionalProperties") is False:
            made["additionalProperties"] = False
        return made

    def _linked(self, value: Any, *, answers: bool = False) -> Any:
        """A schema with its references into the document's components, which get what it reaches."""
        if isinstance(value, list):
            return [self._linked(part, answers=answers) for part in value]
        if not isinstance(value, dict):
            return value
        made: dict[str, Any] = {}
        for key, part in value.items():
            if key == "$ref" and isinstance(part, str):
                made[key] = f"#/components/schemas/{self._component(part.removeprefix(REFERENCE), answers)}"
            else:
                made[key] = part if key in _VALUES and not _is_schema(part) else self._linked(part, answers=answers)
        return made

    def _component(self, name: str, answers: bool) -> str:
        """The component of a definition; made when first referred to."""
        known = self._components.get((name, answers))
        if known is not None:
            return known
        wanted = unique = f"{self._prefix}{_ILLEGAL.sub('_', name)}{'.answer' if answers else ''}"
        number = 2
        while unique in self._schemas:
            unique, number = f"{wanted}_{number}", number + 1
        self._components[name, answers] = unique
        self._schemas[unique] = {}  # reserved: the definition may refer to itself
        definitions = self._shapes if answers else self._toolset.definitions
        self._schemas[unique] = self._linked(definitions.get(name, {}), answers=answers)
        return unique


def _is_schema(part: Any) -> bool:
    """Is it a property called `default` or `enum` rather than a keyword's value? Only a schema has a `type`."""
    return isinstance(part, dict) and ("type" in part or "$ref" in part or "anyOf" in part)


def _parameter(name: str, place: str, schema: Schema, *, required: bool) -> dict[str, Json]:
    made: dict[str, Json] = {"name": name, "in": place, "schema": schema}
    if required or place == "path":
        made["required"] = True
    return made
