"""Lists of function definitions to toolsets: OpenAI, Anthropic and MCP tools, BFCL's rows, and corpora that hold them.

All of them are a name, a description and a schema, and differ in what they call the schema and in what they are
wrapped in; so one reader takes any of them, also mixed in one document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from toolwise.catalog.documents import Document, DocumentError
from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.functions import Builder, Function, name_of
from toolwise.catalog.keywords import text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.catalog.rows import RowReport, stem
from toolwise.text import first_sentence

_SCHEMAS = ("parameters", "input_schema", "inputSchema", "arguments")
_RETURNS = ("returns", "outputSchema", "output_schema", "response")
_LISTS = ("tools", "functions", "function", "functionDeclarations", "function_declarations")
_HINTS = {"readOnlyHint": "read_only", "idempotentHint": "idempotent", "destructiveHint": "destructive"}
_MAX_WRAPPERS = 6


@dataclass(frozen=True)
class _Place:
    """Which toolset a function belongs to, as the objects around it and its own row say."""

    toolset: str = ""
    category: str = ""
    description: str = ""
    collections: tuple[str, ...] = ()

    def within(self, row: dict[str, Any], *, wrapper: bool) -> _Place:
        result = row.get("result")
        holder = result if wrapper and isinstance(result, dict) else row
        server = holder.get("serverInfo") or holder.get("server_info")
        named = row.get("toolset") or (server.get("name") if isinstance(server, dict) else None)
        if not named and wrapper:
            named = row.get("server") or row.get("name")
        told = row.get("toolset_description") or (row.get("description") if wrapper else None)
        groups = row.get("collections")
        return _Place(
            toolset=plain(named, 200) or self.toolset,
            category=plain(row.get("category"), 60) or self.category,
            description=plain(told, TOOL_LIMIT) or self.description,
            collections=tuple(plain(g, 60) for g in groups if text(g))
            if isinstance(groups, list)
            else self.collections,
        )


@dataclass
class _Group:
    place: _Place
    functions: list[Function] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)


def _listed(row: dict[str, Any]) -> list[Any] | None:
    """The definitions that an object wraps; none if it is a definition itself."""
    result = row.get("result")
    for holder in (row, result if isinstance(result, dict) else {}):
        for key in _LISTS:
            value = holder.get(key)
            if isinstance(value, str) and value.lstrip()[:1] == "[":
                try:
                    value = orjson.loads(value)
                except orjson.JSONDecodeError as error:
                    raise DocumentError(LeftOutReason.INVALID_ROW, f"its {key} are not valid JSON: {error}") from error
            if isinstance(value, list):
                return value
    if isinstance(row.get("function"), dict) and "question" in row:
        return [row["function"]]
    return None


def _definitions(row: Any, place: _Place, where: str, depth: int = 0) -> Iterator[tuple[_Place, str, Any]]:
    """Every definition inside a row, with its place."""
    if not isinstance(row, dict):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a tool")
    listed = _listed(row) if depth < _MAX_WRAPPERS else None
    if listed is None:
        if isinstance(row.get("toolSpec"), dict):  # Amazon Bedrock
            row = {**row, **row["toolSpec"]}
        yield place.within(row, wrapper=False), where, row
        return
    inner = place.within(row, wrapper=True)
    for number, item in enumerate(listed, 1):
        inside = f"{where} tool {number}".strip()
        if isinstance(item, dict) and _listed(item) is not None:
            yield from _definitions(item, inner, inside, depth + 1)
        else:
            yield (inner.within(item, wrapper=False) if isinstance(item, dict) else inner), inside, item


def _function(row: Any, where: str) -> Function:
    """A definition of whichever format. Raises DocumentError."""
    if not isinstance(row, dict):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a tool")
    wrapped = row.get("function")
    inner = {**row, **wrapped} if isinstance(wrapped, dict) else row
    kind = row.get("type")
    schema = next((inner[key] for key in _SCHEMAS if inner.get(key) is not None), None)
    if schema is None and isinstance(kind, str) and kind not in ("function", "custom"):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a provider's built-in tool ({kind[:60]}) has no schema")
    returns = next((inner[key] for key in _RETURNS if isinstance(inner.get(key), dict)), None)
    examples: list[Any] = next((inner[k] for k in ("examples", "input_examples") if isinstance(inner.get(k), list)), [])
    return Function(
        name=_own_name(row, name_of(inner.get("name"))),
        where=where,
        description=_description(inner),
        parameters=schema,
        returns=returns,
        hints=_hints(inner),
        examples=[example.get("input", example) for example in examples if isinstance(example, dict)],
    )


def _own_name(row: dict[str, Any], name: str) -> str:
    """The tool's name in its catalog, which our own export keeps in an id beside the function's."""
    known, toolset = row.get("id"), row.get("toolset")
    if isinstance(known, str) and isinstance(toolset, str) and toolset and known.startswith(f"{toolset}."):
        return known[len(toolset) + 1 :] or name
    return name


def _description(row: dict[str, Any]) -> str:
    for key in ("description", "title"):
        if isinstance(row.get(key), str) and row[key].strip():
            return str(row[key])
    return ""


def _hints(row: dict[str, Any]) -> dict[str, bool]:
    """MCP's annotations, or this project's own hints (`read_only`, …) beside them."""
    found: dict[str, bool] = {}
    for holder in (row.get("annotations"), row.get("hints")):
        if isinstance(holder, dict):
            for theirs, ours in _HINTS.items():
                value = holder.get(theirs, holder.get(ours))
                if isinstance(value, bool):
                    found[ours] = value
    return found


def import_tool_list(document: Document, source: str) -> Iterator[Draft]:
    """Toolsets of the functions of a document; a function that several rows define alike is one tool."""
    groups: dict[tuple[str, str], _Group] = {}
    report = RowReport(source)

    def collect(row: Any, where: str) -> None:
        for place, at, definition in _definitions(row, _Place(), where):
            report.guard(at, _take, definition, place, at, groups)

    for where, row in document.rows():
        report.guard(where, collect, row, where)
    yield report.draft()
    for group in groups.values():
        yield _draft(group, document.name, source)


def _take(definition: Any, place: _Place, where: str, groups: dict[tuple[str, str], _Group]) -> None:
    function = _function(definition, where)
    key = (place.toolset.casefold(), "" if place.toolset else place.category)
    group = groups.setdefault(key, _Group(place))
    mark = function.fingerprint()
    if mark not in group.seen:
        group.seen.add(mark)
        group.functions.append(function)


def _draft(group: _Group, name: str, source: str) -> Draft:
    place = group.place
    title = place.toolset or f"{stem(name)} {place.category}".strip()
    draft = Draft(
        slug=slug(title),
        source=source,
        title=title,
        description=place.description,
        introduction=first_sentence(place.description),
        family=slug(place.toolset, ""),
        provider_category=place.category,
        collections=list(place.collections),
    )
    builder = Builder(draft)
    for function in group.functions:
        builder.add(function)
    return builder.finish()
