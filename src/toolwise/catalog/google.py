"""Google API discovery documents to toolsets.

The format is described in "Google API Discovery Service: Discovery document". Its schemas are JSON Schema draft 3
in spirit: references by bare id, numbers written as strings, `required` inside each parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolwise.catalog.documents import DocumentError
from toolwise.catalog.draft import Allowance, Definitions, Draft, Names, Parameters, legal_name, slug
from toolwise.catalog.hints import http_hints
from toolwise.catalog.keywords import number, text, usable_pattern
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import FIELD_LIMIT, TOOL_LIMIT, plain
from toolwise.text import first_sentence
from toolwise.types import ParameterLocation, ParameterStyle, Schema

MAX_DEPTH = 64
"""Schemas nested deeper become the empty schema."""

_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_CONSTRAINTS = frozenset({"format", "enum", "minimum", "maximum", "default", "pattern"})
_FORMATS = {"google-datetime": "date-time"}
_WORKSPACE = frozenset(
    """gmail drive driveactivity drivelabels docs sheets slides calendar chat meet forms keep tasks people script
admin groupssettings groupsmigration licensing reseller vault appsmarket workspaceevents cloudidentity
alertcenter""".split()
)
_LOCATIONS = {
    "path": ParameterLocation.PATH,
    "query": ParameterLocation.QUERY,
    "header": ParameterLocation.HEADER,
    "body": ParameterLocation.BODY,
}


def _typed(value: Any, kind: str | None) -> Any:
    """A default or bound, which the format writes as a string, in the schema's own type; none if it does not fit."""
    if not isinstance(value, str) or kind in (None, "string"):
        return value
    try:
        if kind == "integer":
            return int(value)
        if kind == "number":
            return float(value)
    except ValueError:
        return None
    return {"true": True, "false": False}.get(value) if kind == "boolean" else None


class _Schemas:
    """Converts one document's schemas."""

    def __init__(self, schemas: dict[str, Any], draft: Draft) -> None:
        self._schemas = schemas
        self._draft = draft
        self._allowance = Allowance()
        self.definitions = Definitions(lambda key: self.convert(self._schemas[key], 0))
        self._broken: set[str] = set()

    def named(self, name: object) -> dict[str, Any] | None:
        found = self._schemas.get(name) if isinstance(name, str) else None
        return found if isinstance(found, dict) else None

    def reference(self, name: object) -> Schema:
        if isinstance(name, str) and self.named(name) is not None:
            return self.definitions.reference(name, name)
        key = str(name)[:80]
        if key not in self._broken:
            self._broken.add(key)
            self._draft.leave_out(key, LeftOutReason.BROKEN_REFERENCE, "the document has no such schema")
        return {}

    def convert(self, schema: Any, depth: int) -> Schema:
        self._allowance.spend()
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return {}
        made: Schema = self.reference(schema["$ref"]) if "$ref" in schema else self._typed_schema(schema, depth)
        if description := plain(schema.get("description"), FIELD_LIMIT):
            made["description"] = description
        if schema.get("readOnly") is True:
            made["readOnly"] = True
        return made

    def _typed_schema(self, schema: dict[str, Any], depth: int) -> Schema:
        kind = schema.get("type")
        kind = kind if isinstance(kind, str) and kind in _TYPES else None
        made: Schema = {"type": kind} if kind else {}
        if kind not in _SCALARS:
            self._children(schema, made, depth)
        if not _CONSTRAINTS.isdisjoint(schema):
            made.update(_constraints(schema, kind))
        if schema.get("repeated") is True:
            return {"type": "array", "items": made}
        return made

    def _children(self, schema: dict[str, Any], made: Schema, depth: int) -> None:
        if made.get("type") == "array" or "items" in schema:
            made["items"] = self.convert(schema.get("items"), depth + 1)
        properties = schema.get("properties")
        if isinstance(properties, dict):
            made["properties"] = {
                name: self.convert(value, depth + 1) for name, value in properties.items() if text(name)
            }
        if isinstance(schema.get("additionalProperties"), dict):
            made["additionalProperties"] = self.convert(schema["additionalProperties"], depth + 1)


def _constraints(schema: dict[str, Any], kind: str | None) -> Schema:
    made: Schema = {}
    shape = schema.get("format")
    if isinstance(shape, str):
        made["format"] = _FORMATS.get(shape, shape)
    values = schema.get("enum")
    if isinstance(values, list):
        typed = [v for v in (_typed(value, kind) for value in values) if text(v) or number(v) or isinstance(v, bool)]
        if typed:
            made["enum"] = typed
    for key in ("minimum", "maximum") if kind in ("integer", "number") else ():
        bound = _typed(schema.get(key), kind)
        if number(bound):
            made[key] = bound
    if "default" in schema:
        default = _typed(schema["default"], kind)
        if text(default) or number(default) or isinstance(default, bool):
            made["default"] = default
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (usable := usable_pattern(pattern)):
        made["pattern"] = usable
    return made


def _methods(node: dict[str, Any], prefix: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every method with its dotted name, in the document's order."""
    methods = node.get("methods")
    if isinstance(methods, dict):
        for name, method in methods.items():
            yield f"{prefix}{name}", method
    resources = node.get("resources")
    if isinstance(resources, dict) and depth < MAX_DEPTH:
        for name, resource in resources.items():
            if isinstance(resource, dict):
                yield from _methods(resource, f"{prefix}{name}.", depth + 1)


def _add_body(request: Any, schemas: _Schemas, parameters: Parameters) -> bool:
    """Add the request's top-level properties that a caller may set; is there a body?"""
    if not isinstance(request, dict):
        return False
    body = schemas.named(request.get("$ref"))
    properties = body.get("properties") if body else None
    if not isinstance(properties, dict):
        if "$ref" not in request:
            return False
        parameters.add("body", schemas.reference(request["$ref"]), ParameterLocation.WHOLE_BODY, False)
        return True
    for name, value in properties.items():
        if isinstance(value, dict) and value.get("readOnly") is not True and text(name):
            parameters.add(name, schemas.convert(value, 0), ParameterLocation.BODY, _says_required(value))
    return True


def _says_required(schema: dict[str, Any]) -> bool:
    """Discovery documents mark a body's required fields only in prose: "Required. The name of …"."""
    description = schema.get("description")
    return isinstance(description, str) and description.startswith("Required.")


def _tool(name: str, method: dict[str, Any], schemas: _Schemas, common: frozenset[str]) -> dict[str, Any]:
    parameters = Parameters()
    given = method.get("parameters")
    given = given if isinstance(given, dict) else {}
    order = method.get("parameterOrder")
    path = str(method.get("path") or method.get("flatPath") or "")
    ordered = [key for key in order if text(key) and key in given] if isinstance(order, list) else []
    for wire in dict.fromkeys([*ordered, *given]):
        value = given[wire]
        if wire in common or not isinstance(value, dict) or not text(wire):
            continue
        location = _LOCATIONS.get(str(value.get("location")), ParameterLocation.QUERY)
        required = value.get("required") is True or location is ParameterLocation.PATH
        whole_name = location is ParameterLocation.PATH and f"{{+{wire}}}" in path
        style = ParameterStyle.RESERVED if whole_name else None
        parameters.add(wire, schemas.convert(value, 0), location, required, style)
    has_body = _add_body(method.get("request"), schemas, parameters)
    http_method = str(method.get("httpMethod") or "GET").upper()
    tool: dict[str, Any] = {
        "name": name,
        "description": plain(method.get("description"), TOOL_LIMIT),
        "parameters": parameters.schema(),
        "hints": http_hints(http_method, name),
        "binding": parameters.http_binding(
            http_method, "/" + path.replace("{+", "{").lstrip("/"), "application/json" if has_body else None
        ),
    }
    response = method.get("response")
    if isinstance(response, dict) and "$ref" in response:
        tool["returns"] = schemas.reference(response["$ref"])
    return tool


def _collections(name: str, document: dict[str, Any]) -> list[str]:
    """Google's product groups, by the API's name and by the OAuth scopes it asks for."""
    found = ["Google"] if "google" in str(document.get("ownerDomain") or document.get("rootUrl")) else []
    if name in _WORKSPACE:
        found.append("Google Workspace")
    elif name.startswith("youtube"):
        found.append("YouTube")
    elif "auth/cloud-platform" in str(document.get("auth")):
        found.append("Google Cloud")
    return found


def import_google(document: dict[str, Any], source: str) -> Draft:
    """A discovery document as a toolset. Raises DocumentError."""
    api, version = document.get("name"), document.get("version")
    if not isinstance(api, str) or not api:
        raise DocumentError(LeftOutReason.MALFORMED, "the discovery document has no name")
    schemas = document.get("schemas")
    title = str(document.get("title") or document.get("canonicalName") or api)
    description = plain(document.get("description"), TOOL_LIMIT)
    root = str(document.get("baseUrl") or document.get("rootUrl") or "")
    auth = document.get("auth")
    draft = Draft(
        slug=slug(f"{api}_{version}" if isinstance(version, str) and version else api),
        source=source,
        title=plain(title, 200),
        description=description,
        introduction=first_sentence(description),
        family=f"google-{slug(api)}",
        collections=_collections(api, document),
        hints=[str(document.get("canonicalName") or ""), api],
        servers=[root] if root else [],
        auth=[str(kind) for kind in auth] if isinstance(auth, dict) else [],
    )
    converter = _Schemas(schemas if isinstance(schemas, dict) else {}, draft)
    common = document.get("parameters")
    common_names = frozenset(common) if isinstance(common, dict) else frozenset()
    names = Names()
    for name, method in _methods(document, ""):
        if not isinstance(method, dict) or not legal_name(name):
            draft.leave_out(name[:80], LeftOutReason.INVALID_OPERATION, "the method is not an object")
            continue
        draft.tools.append(_tool(names.give(legal_name(name)), method, converter, common_names))
    draft.definitions = converter.definitions.drain()
    return draft
