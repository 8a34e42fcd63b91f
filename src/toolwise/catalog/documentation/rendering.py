"""An OpenAPI document in plain language: one paragraph a function, as ToolAlpaca shows tools to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from toolwise.schemas import schema_type
from toolwise.types import Json

MAX_DEPTH = 4
"""Structures nested deeper are shown as their type alone."""
MAX_FIELDS = 24
"""Fields shown of one object."""
MAX_VALUES = 12
"""Values shown of an enumeration."""
_MAX_HOPS = 16
_METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_NAMES = {"object": "Object", "array": "Array"}


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Name, path, method and operation of every operation that has an id, in the document's order."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method in _METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict) and isinstance(operation.get("operationId"), str):
                shared = item.get("parameters")
                own = operation.get("parameters")
                both = [*(shared if isinstance(shared, list) else ()), *(own if isinstance(own, list) else ())]
                yield operation["operationId"], path, method, {**operation, "parameters": both}


class _Renderer:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolved(self, value: Any) -> dict[str, Any]:
        """Through local references; empty where they lead nowhere."""
        for _ in range(_MAX_HOPS):
            target = value.get("$ref") if isinstance(value, dict) else None
            if not isinstance(target, str):
                return value if isinstance(value, dict) else {}
            found: Any = self._document
            for part in target.removeprefix("#/").split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                found = found.get(key) if isinstance(found, dict) else None
            beside = {key: item for key, item in value.items() if key != "$ref"}
            value = {**found, **beside} if isinstance(found, dict) else {}
        return {}

    def structure(self, schema: Any, depth: int = 0) -> str:
        """`Object{id, owner: Object{name}}`, `Array[string]`, …; scalars inside an object show their names alone."""
        schema = self.resolved(schema)
        kind = schema_type(schema)
        if depth >= MAX_DEPTH:
            return _NAMES.get(kind, kind)
        if kind == "array":
            return f"Array[{self.structure(schema.get('items'), depth + 1)}]"
        properties = schema.get("properties")
        if kind != "object" or not isinstance(properties, dict) or not properties:
            return _NAMES.get(kind, kind)
        shown = []
        for name, part in list(properties.items())[:MAX_FIELDS]:
            inner = self.structure(part, depth + 1)
            shown.append(f"{name}: {inner}" if inner.startswith(("Object", "Array")) else str(name))
        more = ", …" if len(properties) > MAX_FIELDS else ""
        return f"Object{{{', '.join(shown)}{more}}}"

    def value(self, schema: Any, required: bool, description: str = "") -> str:
        """A parameter in one line: `Required. string. One of: [a, b]. The colour.`"""
        schema = self.resolved(schema)
        kind = self.structure(schema, MAX_DEPTH - 2)
        parts = ["Required."] if required else []
        parts.append(f"{kind}.")
        values = schema.get("enum")
        if isinstance(values, list) and values:
            shown = ", ".join(v if isinstance(v, str) else orjson.dumps(v).decode() for v in values[:MAX_VALUES])
            parts.append(f"One of: [{shown}{', …' if len(values) > MAX_VALUES else ''}].")
        text = " ".join((description or str(schema.get("description") or "")).split())
        if text:
            parts.append(text if text[-1] in ".!?…" else f"{text}.")
        return " ".join(parts)

    def parameters(self, operation: Mapping[str, Any]) -> dict[str, str]:
        shown: dict[str, str] = {}
        for raw in operation.get("parameters") or ():
            parameter = self.resolved(raw)
            name = parameter.get("name")
            if isinstance(name, str):
                text = str(parameter.get("description") or "")
                shown[name] = self.value(parameter.get("schema"), parameter.get("required") is True, text)
        request = self.resolved(operation.get("requestBody"))
        content = request.get("content")
        media = next(iter(content.values()), None) if isinstance(content, dict) else None
        schema = self.resolved(media.get("schema")) if isinstance(media, dict) else {}
        properties = schema.get("properties")
        if isinstance(properties, dict):
            required = set(schema.get("required") or ())
            for name, part in properties.items():
                shown[name if name not in shown else f"body.{name}"] = self.value(part, name in required)
        elif schema:
            shown["body"] = self.value(schema, request.get("required") is True)
        return shown

    def output(self, operation: Mapping[str, Any]) -> str:
        responses = operation.get("responses")
        responses = responses if isinstance(responses, dict) else {}
        success = next((code for code in sorted(map(str, responses)) if code.startswith("2")), None)
        response = self.resolved(responses.get(success)) if success else {}
        text = " ".join(str(response.get("description") or "Done").split())
        lines = [f"Output: {text}" + ("" if text[-1:] in ".!?…" else ".")]
        content = response.get("content")
        for media_type, media in list(content.items())[:1] if isinstance(content, dict) else ():
            lines.append(f" - Format: {media_type}")
            lines.append(f" - Structure: {self.structure(media.get('schema') if isinstance(media, dict) else None)}")
        return "\n".join(lines)


def render_functions(document: Mapping[str, Any]) -> dict[str, str]:
    """Each function's paragraph by its name: what it does, its parameters, its output."""
    renderer = _Renderer(document)
    made: dict[str, str] = {}
    for name, _, _, operation in operations(document):
        text = operation.get("description") or operation.get("summary") or ""
        parameters = orjson.dumps(renderer.parameters(operation)).decode()
        made[name] = f"{' '.join(str(text).split())}\nParameters: {parameters}\n{renderer.output(operation)}"
    return made


def render_plain(document: Mapping[str, Any]) -> str:
    """The whole document in plain language."""
    return "".join(f"{name}: {text}\n" for name, text in render_functions(document).items())


def function_documentation(document: Mapping[str, Any]) -> str:
    """ToolAlpaca's function documentation: a numbered list of name, description, one line an input, output."""
    renderer = _Renderer(document)
    made = []
    for number, (name, _, _, operation) in enumerate(operations(document), 1):
        text = " ".join(str(operation.get("description") or operation.get("summary") or "").split())
        inputs: Json = renderer.parameters(operation)
        lines = [f"{number}. Name: {name}", f"   Description: {text}", "   Input:"]
        lines += [f"     {parameter}: {shown}" for parameter, shown in inputs.items()] or ["     nothing"]
        lines.append("   " + renderer.output(operation).replace("\n", "\n   "))
        made.append("\n".join(lines))
    return "\n\n".join(made)
