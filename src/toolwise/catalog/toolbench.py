"""ToolBench (arXiv 2307.16789): RapidAPI tools as it crawled them, and the APIs inside its instruction files.

A tool file is one provider with an `api_list`; ToolBench keeps it in a folder of its category. An instruction file
is an array of queries, each with the `api_list` it was written for; the same APIs come again and again.
StableToolBench's files are the same with a `template_response`, whose values are the names of types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from toolwise.catalog.documents import Document, DocumentError
from toolwise.catalog.draft import Draft, Parameters, slug
from toolwise.catalog.functions import Builder, Function, example_arguments, fingerprint, name_of
from toolwise.catalog.hints import http_hints
from toolwise.catalog.keywords import text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.loose import typed
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.catalog.rows import RowReport, stem
from toolwise.catalog.type_names import schema_of
from toolwise.text import first_sentence
from toolwise.types import ParameterLocation, Schema

_MAX_SHAPE = 16
"""Levels of a sample response that become a schema."""
_MAX_ITEMS = 200
_MAX_TYPE_NAME = 24
_SCALARS: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"))
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_METHODS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"}) | _WITH_BODY
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}|:([A-Za-z_]\w*)")
_CATEGORY_JOINS = re.compile(r"[_\s]+")


@dataclass
class _Provider:
    """One RapidAPI tool: the APIs of one tool name and category."""

    name: str
    category: str
    description: str = ""
    servers: list[str] = field(default_factory=list)
    apis: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    """API name -> its definitions that differ, each with its place."""
    seen: set[bytes] = field(default_factory=set)
    """Fingerprints of those definitions."""


def _shape(value: Any, depth: int = 0) -> Schema:
    """The schema of a sample response, whose strings are the names of types (`{"age": "int"}`) or plain values."""
    if depth > _MAX_SHAPE:
        return {}
    if isinstance(value, dict):
        known = [(k, v) for k, v in list(value.items())[:_MAX_ITEMS] if text(k) and k != "_list_length"]
        return {"type": "object", "properties": {key: _shape(item, depth + 1) for key, item in known}}
    if isinstance(value, list):
        items = _shape(value[0], depth + 1) if value else {}
        return {"type": "array", "items": items} if items else {"type": "array"}
    if isinstance(value, str):
        named = schema_of(value) if len(value) <= _MAX_TYPE_NAME else {}
        return named if named.get("type") != "null" else {}
    kind = next((kind for known, kind in _SCALARS if isinstance(value, known)), None)
    return {"type": kind} if kind else {}


def _is_shape(value: Any, depth: int = 0) -> bool:
    """Do this sample's scalars name types, rather than being values?"""
    if isinstance(value, dict):
        inside = [item for key, item in value.items() if key != "_list_length"]
    elif isinstance(value, list):
        inside = value
    else:
        return isinstance(value, str) and bool(schema_of(value[: _MAX_TYPE_NAME + 1]))
    return depth < _MAX_SHAPE and all(_is_shape(item, depth + 1) for item in inside[:_MAX_ITEMS])


def _sampled(value: Any, depth: int = 0) -> Schema:
    """The schema of a recorded response: like `_shape`, but a string is a string."""
    made: Schema = _shape(value, depth) if not isinstance(value, str) else {"type": "string"}
    if isinstance(value, dict) and "properties" in made:
        made["properties"] = {key: _sampled(value[key], depth + 1) for key in list(made["properties"])}
    elif isinstance(value, list) and value and depth <= _MAX_SHAPE:
        made["items"] = _sampled(value[0], depth + 1)
    return made


def _returns(api: dict[str, Any]) -> Schema | None:
    """The response's schema: stated, or of the template, or of the sample that the crawl recorded."""
    stated = _unpacked(api.get("schema"))
    if isinstance(stated, dict) and ("properties" in stated or "items" in stated):
        return stated
    for key in ("template_response", "body", "test_endpoint"):
        sample = _unpacked(api.get(key))
        if sample and isinstance(sample, dict | list):
            return _shape(sample) if key == "template_response" or _is_shape(sample) else _sampled(sample)
    return None


def _unpacked(value: Any) -> Any:
    """JSON that some fields hold as a string."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value


def _parameters(api: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters as an object's schema, and the values with which the crawl tested the required ones.

    RapidAPI asks a provider for a value of each parameter: of a required one it is an example, never sent unasked.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    tested: dict[str, Any] = {}
    for key, must in (("required_parameters", True), ("optional_parameters", False)):
        listed = api.get(key)
        if listed not in (None, "") and not isinstance(listed, list):
            raise DocumentError(LeftOutReason.INVALID_SCHEMA, f"its {key} are a {type(listed).__name__}, not a list")
        for parameter in listed or ():
            if not isinstance(parameter, dict) or not text(parameter.get("name")) or not parameter["name"]:
                raise DocumentError(LeftOutReason.INVALID_SCHEMA, f"one of its {key} has no name")
            name = parameter["name"]
            if name in properties:
                continue
            properties[name] = schema = _parameter(parameter, must)
            if must:
                required.append(name)
                if "example" in schema:
                    tested[name] = schema["example"]
    return {"type": "object", "properties": properties, "required": required}, tested


def _parameter(parameter: dict[str, Any], must: bool) -> dict[str, Any]:
    kind = parameter.get("type")
    schema: dict[str, Any] = schema_of(kind) if isinstance(kind, str) else {}
    if isinstance(parameter.get("description"), str) and parameter["description"].strip():
        schema["description"] = parameter["description"]
    options = parameter.get("enum") or parameter.get("options")
    if isinstance(options, list) and options:
        schema["enum"] = options
        if not all(isinstance(option, str) for option in options):
            schema.pop("type", None)  # ENUM says nothing of its values' type
    value = parameter.get("default", parameter.get("example"))
    if value is not None and value != "":
        schema["example" if must else "default"] = typed(value, schema.get("type"))
    return schema


def _binding(api: dict[str, Any], names: dict[str, Any], required: set[str]) -> tuple[dict[str, Any] | None, str]:
    """How to call it, where the crawl kept the address; and its server."""
    method, url = str(api.get("method") or "GET").upper(), api.get("url")
    if not isinstance(url, str) or not text(url) or method not in _METHODS:
        return None, ""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None, ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None, ""
    path = _PLACEHOLDER.sub(lambda match: f"{{{match[1] or match[2]}}}", parts.path) or "/"
    in_path = {match[1] for match in _PLACEHOLDER.finditer(path)}
    parameters = Parameters()
    for name in names:
        elsewhere = ParameterLocation.BODY if method in _WITH_BODY else ParameterLocation.QUERY
        parameters.add(name, {}, ParameterLocation.PATH if name in in_path else elsewhere, name in required)
    has_body = ParameterLocation.BODY.value in parameters.locations.values()
    binding = parameters.http_binding(method, path, "application/json" if has_body else None)
    return binding, f"{parts.scheme}://{parts.netloc}"


def _function(api: dict[str, Any], name: str, where: str) -> tuple[Function, str]:
    documented = ("api_description", "description", "required_parameters", "optional_parameters", "method", "url")
    if not any(key in api for key in documented):
        raise DocumentError(LeftOutReason.UNDOCUMENTED, f"{name}: the API is only named")
    schema, tested = _parameters(api)
    binding, server = _binding(api, schema["properties"], set(schema["required"]))
    method = api.get("method")
    described = api.get("api_description") or api.get("description")
    function = Function(
        name=name,
        where=where,
        description=described if isinstance(described, str) else "",
        parameters=schema,
        returns=_returns(api),
        hints=http_hints(method, name) if isinstance(method, str) and method.upper() in _METHODS else {},
        examples=example_arguments(tested) if tested and len(tested) == len(schema["required"]) else [],
        binding=binding,
    )
    return function, server


class _Providers:
    """Collects APIs by provider; what several rows repeat is kept once."""

    def __init__(self, folder: str, fallback: str) -> None:
        self._folder = folder
        self._fallback = fallback
        self.all: dict[tuple[str, str], _Provider] = {}

    def take_row(self, row: Any, where: str, report: RowReport) -> None:
        """A tool file's object, an instruction's row, or a bare API."""
        if not isinstance(row, dict):
            raise DocumentError(
                LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a tool or an instruction"
            )
        listed = row.get("api_list")
        if listed is None and "api_name" in row:
            listed, row = [row], {}
        if not isinstance(listed, list):
            raise DocumentError(LeftOutReason.INVALID_ROW, "it has no api_list")
        for number, api in enumerate(listed, 1):
            report.guard(f"{where} api {number}".strip(), self._take_api, api, row, f"{where} api {number}".strip())

    def _take_api(self, api: Any, holder: dict[str, Any], where: str) -> None:
        if not isinstance(api, dict):
            raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(api).__name__} instead of an API")
        name = name_of(api.get("api_name") or api.get("name"))
        provider = self._provider(api, holder)
        known = provider.apis.setdefault(name, [])
        if "api_name" in api and known:  # ToolBench itself knows an API by its names alone
            if "template_response" in api:
                known[0][1].setdefault("template_response", api["template_response"])
        elif (mark := fingerprint([name, api], where)) not in provider.seen:
            provider.seen.add(mark)
            known.append((where, dict(api)))

    def _provider(self, api: dict[str, Any], holder: dict[str, Any]) -> _Provider:
        title = plain(api.get("tool_name") or holder.get("tool_name") or holder.get("title"), 200) or self._fallback
        stated = api.get("category_name") or holder.get("category_name") or holder.get("category")
        category = " ".join(_CATEGORY_JOINS.split(plain(stated, 60) or self._folder)).strip()
        provider = self.all.get((category.casefold(), title))
        if provider is None:
            provider = self.all[category.casefold(), title] = _Provider(title, category)
        provider.description = provider.description or plain(holder.get("tool_description"), TOOL_LIMIT)
        return provider


def import_toolbench(document: Document, source: str) -> Iterator[Draft]:
    """One toolset a provider; drafts of several documents that mean one provider are merged later."""
    folders = source.replace("\\", "/").split("/")[:-1]
    providers = _Providers(folders[-1] if folders else "", stem(document.name))
    report = RowReport(source)
    for where, row in document.rows():
        report.guard(where, providers.take_row, row, where, report)
    drafts = [_draft(provider, source, report) for provider in providers.all.values()]
    yield report.draft()
    yield from drafts


def _draft(provider: _Provider, source: str, report: RowReport) -> Draft:
    draft = Draft(
        slug=slug(provider.name),
        source=source,
        title=provider.name,
        description=provider.description,
        introduction=first_sentence(provider.description),
        family=slug(provider.name, ""),
        provider_category=provider.category,
        merge_key=f"toolbench\n{provider.category.casefold()}\n{provider.name}",
    )
    builder = Builder(draft, references=False)

    def take(api: dict[str, Any], name: str, where: str) -> None:
        function, server = _function(api, name, where)
        builder.add(function)
        if server and server not in draft.servers:
            draft.servers.append(server)
            draft.auth = ["apiKey in header"]

    for name, definitions in provider.apis.items():
        for where, api in definitions:
            report.guard(where, take, api, name, where)
    return builder.finish()
