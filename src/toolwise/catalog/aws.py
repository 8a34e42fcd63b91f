"""AWS service models (`service-2.json`, as botocore ships them) to toolsets.

The model's format is described in botocore's `model.py`: operations refer to shapes; a structure's members carry
their own documentation.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from toolwise.catalog.aws_names import client_name
from toolwise.catalog.documents import DocumentError
from toolwise.catalog.draft import Allowance, Definitions, Draft, Names, Parameters, legal_name, slug
from toolwise.catalog.hints import rpc_hints
from toolwise.catalog.keywords import usable_pattern
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import FIELD_LIMIT, TOOL_LIMIT, plain
from toolwise.text import first_sentence
from toolwise.types import ParameterLocation, Schema

_SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "character": {"type": "string"},
    "integer": {"type": "integer"},
    "long": {"type": "integer"},
    "bigInteger": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "bigDecimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
    "blob": {"type": "string", "format": "byte"},
}
_BOUNDS = {  # not a blob's: they count bytes, not the characters that encode them
    "string": ("minLength", "maxLength"),
    "list": ("minItems", "maxItems"),
    "map": ("minProperties", "maxProperties"),
    "integer": ("minimum", "maximum"),
    "long": ("minimum", "maximum"),
    "float": ("minimum", "maximum"),
    "double": ("minimum", "maximum"),
}
_RELEASE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TRAILING_VERSION = re.compile(r"[-_ ]?v\d+\Z")


def _bounds(shape: dict[str, Any], kind: str) -> Schema:
    names = _BOUNDS.get(kind)
    if names is None or not ("min" in shape or "max" in shape):
        return {}
    made: Schema = {}
    for key, name in zip(("min", "max"), names, strict=True):
        value = shape.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if name in ("minimum", "maximum"):
                made[name] = value
            elif value >= 0:
                made[name] = int(value)
    return made


class _Shapes:
    """Converts one service's shapes."""

    def __init__(self, shapes: dict[str, Any], draft: Draft) -> None:
        self._shapes = shapes
        self._draft = draft
        self._allowance = Allowance()
        self.definitions = Definitions(self._definition)
        self._inline: dict[str, Schema] = {}

    def shape(self, name: object) -> dict[str, Any]:
        found = self._shapes.get(name) if isinstance(name, str) else None
        return found if isinstance(found, dict) else {}

    def member(self, member: object) -> Schema:
        """The schema of a structure's member, a list's element or a map's value."""
        self._allowance.spend()
        if not isinstance(member, dict):
            return {}
        name = member.get("shape")
        made = self._reference(name) if isinstance(name, str) else {}
        text = plain(member.get("documentation"), FIELD_LIMIT)
        return {**made, "description": text} if text else made

    def _reference(self, name: str) -> Schema:
        inline = self._inline.get(name)
        if inline is not None:
            return inline
        shape = self.shape(name)
        kind = shape.get("type")
        if not shape or not isinstance(kind, str):
            self._draft.leave_out(name, LeftOutReason.BROKEN_REFERENCE, "the model has no such shape")
            made: Schema = {}
        elif shape.get("document"):
            made = {}
        elif kind in _SCALARS and not shape.get("enum"):
            made = self._scalar(shape, kind)
        else:
            return self.definitions.reference(name, name)
        self._inline[name] = made
        return made

    def _scalar(self, shape: dict[str, Any], kind: str) -> Schema:
        made = {**_SCALARS[kind], **_bounds(shape, kind)}
        pattern = shape.get("pattern")
        if kind == "string" and isinstance(pattern, str) and (usable := usable_pattern(pattern)):
            made["pattern"] = usable
        values = shape.get("enum")
        if isinstance(values, list) and kind == "string":
            strings = [value for value in values if isinstance(value, str)]
            if strings:
                made["enum"] = strings
        text = plain(shape.get("documentation"), FIELD_LIMIT)
        return {**made, "description": text} if text else made

    def _definition(self, name: str) -> Schema:
        shape = self.shape(name)
        kind = shape.get("type")
        if kind == "structure":
            return self.structure(shape)
        if kind == "list":
            made: Schema = {"type": "array", "items": self.member(shape.get("member")), **_bounds(shape, "list")}
        elif kind == "map":
            made = {"type": "object", "additionalProperties": self.member(shape.get("value")), **_bounds(shape, "map")}
        elif isinstance(kind, str) and kind in _SCALARS:
            return self._scalar(shape, kind)
        else:
            made = {}
        text = plain(shape.get("documentation"), FIELD_LIMIT)
        return {**made, "description": text} if text else made

    def structure(self, shape: dict[str, Any]) -> Schema:
        """A structure as an object; of a union exactly one member is set."""
        members = shape.get("members")
        properties = {n: self.member(m) for n, m in members.items()} if isinstance(members, dict) else {}
        made: Schema = {"type": "object", "properties": properties}
        if required := _required(shape, properties):
            made["required"] = required
        if shape.get("union") and properties:
            made["minProperties"] = made["maxProperties"] = 1
        text = plain(shape.get("documentation"), FIELD_LIMIT)
        return {**made, "description": text} if text else made


def _required(shape: dict[str, Any], properties: dict[str, Schema]) -> list[str]:
    """Required members, without tokens that the SDK fills in by itself."""
    listed = shape.get("required")
    if not isinstance(listed, list):
        return []
    members = shape["members"] if isinstance(shape.get("members"), dict) else {}
    kept: list[str] = []
    for name in listed:
        if isinstance(name, str) and name in properties and name not in kept:
            member = members[name]
            if not (isinstance(member, dict) and member.get("idempotencyToken")):
                kept.append(name)
    return kept


def _service_name(metadata: dict[str, Any], source: str) -> str:
    """botocore's name for the service: the folder above the version's, as botocore has it, else by the service id."""
    path = PurePosixPath(source.split(":", 1)[-1])
    if path.name.startswith("service-2.json") and len(path.parts) >= 3 and _RELEASE.fullmatch(path.parts[-2]):
        return path.parts[-3]
    if service_id := str(metadata.get("serviceId") or ""):
        return client_name(service_id)
    return str(metadata.get("endpointPrefix") or path.name.split(".")[0]).lower().replace(" ", "-")


def _family(metadata: dict[str, Any], service: str) -> str:
    """Services that sign their requests alike are parts or versions of one."""
    base = str(metadata.get("signingName") or service)
    return "aws-" + slug(_TRAILING_VERSION.sub("", base), service)


def _tool(name: str, operation: dict[str, Any], shapes: _Shapes, service: str, protocol: str) -> dict[str, Any]:
    parameters = Parameters()
    given = operation.get("input")
    if isinstance(given, dict):
        structure = shapes.structure(shapes.shape(given.get("shape")))
        required = set(structure.get("required", ()))
        for member, schema in structure["properties"].items():
            parameters.add(member, schema, ParameterLocation.BODY, member in required)
    http = operation["http"] if isinstance(operation.get("http"), dict) else {}
    tool: dict[str, Any] = {
        "name": name,
        "description": plain(operation.get("documentation"), TOOL_LIMIT),
        "parameters": parameters.schema(),
        "hints": rpc_hints(
            name, read_only=operation.get("readonly") is True, idempotent=operation.get("idempotent") is True
        ),
        "binding": {
            "kind": "aws",
            "service": service,
            "operation": str(operation.get("name") or name),
            "protocol": protocol,
            "method": str(http.get("method") or "POST").upper(),
            "path": str(http.get("requestUri") or "/").replace("+}", "}"),
        },
    }
    output = operation.get("output")
    if isinstance(output, dict) and isinstance(output.get("shape"), str) and shapes.shape(output["shape"]):
        tool["returns"] = shapes.definitions.reference(output["shape"], output["shape"])
    return tool


def import_aws(document: dict[str, Any], source: str) -> Draft:
    """A service model as a toolset. Raises DocumentError."""
    metadata = document["metadata"]
    shapes = document.get("shapes")
    if not isinstance(shapes, dict):
        raise DocumentError(LeftOutReason.MALFORMED, "the service model has no shapes")
    service = _service_name(metadata, source)
    title = str(metadata.get("serviceFullName") or metadata.get("serviceId") or service)
    text = plain(document.get("documentation"), TOOL_LIMIT)
    draft = Draft(
        slug=slug(f"aws_{service}"),
        source=source,
        title=plain(title, 200),
        description=text,
        introduction=first_sentence(text),
        family=_family(metadata, service),
        api="aws-" + _TRAILING_VERSION.sub("", service),
        collections=["AWS"],
        hints=[str(metadata.get("serviceId") or "")],
        auth=[str(metadata.get("signatureVersion") or "v4")],
    )
    converter = _Shapes(shapes, draft)
    protocol = str(metadata.get("protocol") or "json")
    names = Names()
    for name, operation in document["operations"].items():
        if not isinstance(operation, dict) or not legal_name(name):
            draft.leave_out(str(name)[:80], LeftOutReason.INVALID_OPERATION, "the operation is not an object")
            continue
        draft.tools.append(_tool(names.give(legal_name(name)), operation, converter, service, protocol))
    draft.definitions = converter.definitions.drain()
    return draft
