"""What OpenAPI 3 and Swagger 2.0 share: paths, operations, parameters, and bodies as parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolwise.catalog.dialect import Dialect
from toolwise.catalog.draft import (
    Draft,
    Names,
    Parameters,
    keep_reachable,
    legal_name,
    path_name,
    slug,
    without_version,
)
from toolwise.catalog.extensions import apply_toolset_extension, operation_examples, operation_hints
from toolwise.catalog.keywords import fitting, json_value, text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import FIELD_LIMIT, TOOL_LIMIT, operation_text, plain
from toolwise.text import first_sentence
from toolwise.types import Json, ParameterLocation, ParameterStyle, Schema

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI 3, section "Parameter Object": definitions of these headers shall be ignored."""
_TEMPLATE = re.compile(r"\{([^{}/]+)\}")
_MAX_EXAMPLES = 2
_MAX_SERVERS = 8


@dataclass
class Body:
    """A request's body."""

    schema: Schema
    media_type: str
    required: bool
    examples: list[Json]
    styles: Mapping[str, ParameterStyle] = field(default_factory=dict)
    """Property -> how a form writes it, where the document says."""


class Reader(Protocol):
    """What differs between the two formats."""

    dialect: Dialect

    def parameter(self, parameter: dict[str, Any]) -> Schema:
        """A parameter's schema."""
        ...

    def style(self, parameter: dict[str, Any]) -> ParameterStyle | None:
        """How its value is written; none for its location's default."""
        ...

    def body(self, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> Body | None: ...

    def response(self, response: dict[str, Any], operation: dict[str, Any]) -> Schema | None: ...


def new_draft(document: dict[str, Any], source: str, servers: list[str], auth: list[str]) -> Draft:
    """A draft with what both formats' `info` and `tags` say."""
    info = document["info"] if isinstance(document.get("info"), dict) else {}
    stem = source.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]
    title = plain(info.get("title"), 200) or stem
    provider = info.get("x-providerName")
    service = info.get("x-serviceName")
    owned = f"{provider} {service or ''}" if isinstance(provider, str) else without_version(title)
    description = plain(info.get("description"), TOOL_LIMIT)
    tags = document.get("tags")
    names = [str(tag.get("name")) for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    draft = Draft(
        slug=slug(title, slug(stem)),
        source=source,
        title=title,
        description=description,
        introduction=first_sentence(description),
        family=slug(owned, slug(title)),
        hints=names[:40],
        servers=list(dict.fromkeys(servers))[:_MAX_SERVERS],
        auth=list(dict.fromkeys(auth)),
    )
    apply_toolset_extension(info, draft)
    return draft


def _operations(document: dict[str, Any], dialect: Dialect, draft: Draft) -> Iterator[tuple[str, str, Any, list[Any]]]:
    """Method, path, operation, and the path item's own parameters."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict) or not text(path):
            draft.leave_out(str(path)[:80], LeftOutReason.INVALID_OPERATION, "the path item is not an object")
            continue
        resolved = dialect.resolved(item)
        shared = resolved.get("parameters")
        for method in _METHODS:
            if method in resolved:
                yield method, path, resolved[method], shared if isinstance(shared, list) else []


def _declared(operation: dict[str, Any], shared: list[Any], dialect: Dialect) -> list[dict[str, Any]]:
    """The parameters that count: an operation's own override the path item's."""
    own = operation.get("parameters")
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for raw in [*shared, *(own if isinstance(own, list) else [])]:
        parameter = dialect.resolved(raw)
        name, where = parameter.get("name"), parameter.get("in")
        if text(name) and name and isinstance(where, str):
            chosen[name, where] = parameter
    return list(chosen.values())


def _add_parameter(parameter: dict[str, Any], reader: Reader, parameters: Parameters) -> None:
    name, where = parameter["name"], parameter["in"]
    if where not in ("path", "query", "header", "cookie"):
        return
    if where == "header" and name.lower() in _IGNORED_HEADERS:
        return
    schema = dict(reader.parameter(parameter))
    if description := plain(parameter.get("description"), FIELD_LIMIT):
        schema["description"] = description
    if "example" in parameter and "example" not in schema:
        ok, example = json_value(parameter["example"])
        scalar = ok and example is not None and not isinstance(example, dict | list)
        if scalar and (example := fitting(example, schema.get("type"))) is not None:
            schema["example"] = example
    schema.pop("readOnly", None)
    required = parameter.get("required") is True or where == "path"
    parameters.add(name, schema, ParameterLocation(where), required, reader.style(parameter))


def _add_body(body: Body, dialect: Dialect, parameters: Parameters) -> None:
    """An object's properties become parameters; any other body is one parameter."""
    schema = dialect.expanded(body.schema) or {}
    properties = schema.get("properties")
    if not properties or schema.get("type") not in ("object", ["object", "null"]):
        parameters.add("body", body.schema, ParameterLocation.WHOLE_BODY, body.required)
        return
    required = set(schema.get("required", ()))
    for name, value in properties.items():
        if value.get("readOnly") is not True:
            parameters.add(name, value, ParameterLocation.BODY, name in required, body.styles.get(name))


def _examples(body: Body | None, parameters: Parameters) -> list[dict[str, Json]]:
    """Known good arguments: a body's example with the examples of the parameters beside it."""
    if body is None:
        return []
    beside = {
        name: schema["example"]
        for name, schema in parameters.properties.items()
        if "example" in schema and parameters.locations[name] not in ("body", "whole_body")
    }
    by_wire = {parameters.wire_names.get(n, n): n for n, where in parameters.locations.items() if where == "body"}
    whole = next((name for name, where in parameters.locations.items() if where == "whole_body"), None)
    found: list[dict[str, Json]] = []
    for example in body.examples[:_MAX_EXAMPLES]:
        if whole is not None:
            found.append({**beside, whole: example})
        elif isinstance(example, dict):
            named = {by_wire[key]: value for key, value in example.items() if key in by_wire}
            found.append({**beside, **named})
    return found


def _returns(operation: dict[str, Any], reader: Reader) -> Schema | None:
    """The schema of the first success response that has one."""
    responses = operation.get("responses")
    if not isinstance(responses, dict):
        return None
    success = sorted(str(code) for code in responses if str(code).startswith("2"))
    by_code = {str(code): response for code, response in responses.items()}
    for code in success:
        made = reader.response(reader.dialect.resolved(by_code[code]), operation)
        if made is not None:
            return made
    return None


def _tool(
    method: str, path: str, operation: dict[str, Any], declared: list[dict[str, Any]], reader: Reader, name: str
) -> dict[str, Any]:
    parameters = Parameters()
    in_path = {parameter["name"] for parameter in declared if parameter["in"] == "path"}
    for parameter in declared:
        _add_parameter(parameter, reader, parameters)
    for wire in dict.fromkeys(_TEMPLATE.findall(path)):
        if wire not in in_path:  # forgotten by the document, but no request can do without it
            parameters.add(wire, {"type": "string"}, ParameterLocation.PATH, True)
    body = reader.body(operation, declared)
    if body is not None:
        _add_body(body, reader.dialect, parameters)
    tool: dict[str, Any] = {
        "name": name,
        "description": operation_text(operation.get("summary"), operation.get("description")),
        "parameters": parameters.schema(),
        "hints": operation_hints(operation, method, name),
        "binding": parameters.http_binding(method, path.partition("#")[0], body.media_type if body else None),
    }
    if examples := operation_examples(operation) or _examples(body, parameters):
        tool["examples"] = examples
    returns = _returns(operation, reader)
    if returns is not None:
        tool["returns"] = returns
    return tool


def add_operations(document: dict[str, Any], draft: Draft, reader: Reader) -> None:
    """Fill the draft with the document's operations and the definitions that they reach. Raises DocumentError."""
    names = Names()
    for method, path, operation, shared in _operations(document, reader.dialect, draft):
        where = f"{method.upper()} {path}"
        if not isinstance(operation, dict):
            draft.leave_out(where[:200], LeftOutReason.INVALID_OPERATION, "the operation is not an object")
            continue
        declared = _declared(operation, shared, reader.dialect)
        given = operation.get("operationId")
        derived = legal_name(path_name(method, path))
        wanted = legal_name(given) if isinstance(given, str) else ""
        name = names.give(wanted, [derived]) if any(c.isalnum() for c in wanted) else names.give(derived)
        draft.tools.append(_tool(method, path, operation, declared, reader, name))
    draft.definitions = reader.dialect.definitions.drain()
    keep_reachable(draft)
