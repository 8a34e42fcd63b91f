"""ToolAlpaca's standardised toolsets (arXiv 2306.05301), and the public-apis list from which they were made.

A toolset has five fields: name, description, introduction, function documentation, and an OpenAPI document as a
string. Where that is missing or broken, the tools come from the function documentation in plain language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from toolwise.catalog.documents import Document, DocumentError
from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.functions import Builder, Function, name_of
from toolwise.catalog.keywords import text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.openapi import import_openapi
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.catalog.rows import RowReport
from toolwise.catalog.type_names import schema_of
from toolwise.text import first_sentence

_MAX_TEXT = 200_000
_NUMBERED = re.compile(r"(?:\A|\n)[ \t]*\d{1,4}\.[ \t]*Name:[ \t]*")
_FIELD = re.compile(r"\n[ \t]*(Description|Input|Output|Parameters):[ \t]*")
_NAMED = re.compile(r"(?:\A|\n)([A-Za-z_][\w.-]*):[ \t]*([^\n]*)\n(?=Parameters:)")
_ONE_OF = re.compile(r"\bone of:?\s*\[([^\]]*)\]", re.IGNORECASE)


def _parameter(told: Any) -> tuple[dict[str, Any], bool]:
    """`Required. Integer. One of: [1, 2]. How many.` as a schema, and whether it is required."""
    if not isinstance(told, str):
        return ({}, True) if not isinstance(told, dict) else (told, "default" not in told)
    words = [part.strip() for part in told[:2000].split(".")]
    required = not any(word.lower() == "optional" for word in words[:3])
    schema: dict[str, Any] = {}
    for word in words[:3]:
        if found := schema_of(word.lower().removeprefix("required").removeprefix("optional").strip(" ,:")):
            schema = found
            break
    if match := _ONE_OF.search(told[:2000]):
        schema["enum"] = [value.strip(" '\"") for value in match[1].split(",") if value.strip()]
    return {**schema, "description": told}, required


def _inputs(written: str) -> dict[str, Any]:
    """A function's inputs, `{"page": "Optional. Integer. …"}`, as an object's schema. Raises DocumentError."""
    start, end = written.find("{"), written.rfind("}")
    try:
        listed = orjson.loads(written[start : end + 1]) if 0 <= start < end else {}
    except orjson.JSONDecodeError as error:
        raise DocumentError(LeftOutReason.INVALID_SCHEMA, f"its input is not valid JSON: {error}") from error
    if not isinstance(listed, dict):
        raise DocumentError(LeftOutReason.INVALID_SCHEMA, "its input is not an object")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, told in listed.items():
        properties[name], must = _parameter(told)
        if must:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _fields(block: str) -> dict[str, str]:
    """The labelled parts of one function's documentation; the text before the first label is its head."""
    parts = _FIELD.split("\n" + block)
    return {"head": parts[0].strip(), **{parts[i].lower(): parts[i + 1].strip() for i in range(1, len(parts) - 1, 2)}}


def _described(row: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, description and inputs of every function that the plain documentation tells of."""
    by_name = row.get("Function_Description")
    if isinstance(by_name, dict):
        for name, told in by_name.items():
            if isinstance(told, str) and "\nParameters:" in told[:_MAX_TEXT]:
                parts = _fields(told[:_MAX_TEXT])
                yield name, parts["head"], parts.get("parameters", "")
        return
    told = row.get("NLDocumentation")
    found = list(_NAMED.finditer(told[:_MAX_TEXT])) if isinstance(told, str) else []
    if found and isinstance(told, str):
        ends = [*(match.start() for match in found[1:]), _MAX_TEXT]
        for match, end in zip(found, ends, strict=True):
            yield match[1], match[2], _fields(told[match.end() : end]).get("parameters", "")
        return
    told = row.get("Functions")
    if isinstance(told, str):
        for block in _NUMBERED.split(told[:_MAX_TEXT])[1:]:
            parts = _fields(block)
            yield parts["head"], parts.get("description", ""), parts.get("input", "")


def _openapi(row: dict[str, Any], source: str) -> Draft | None:
    """The draft of the OpenAPI document inside. Raises DocumentError if there is a broken one."""
    inside = row.get("Documentation")
    if inside in (None, "", {}):
        return None
    if isinstance(inside, str):
        try:
            inside = orjson.loads(inside)
        except orjson.JSONDecodeError as error:
            raise DocumentError(LeftOutReason.MALFORMED, f"its OpenAPI document is not valid JSON: {error}") from error
    if not isinstance(inside, dict):
        raise DocumentError(LeftOutReason.MALFORMED, "its OpenAPI document is not an object")
    return import_openapi(inside, source)


def _from_text(row: dict[str, Any], source: str, report: RowReport, where: str) -> Draft:
    builder = Builder(Draft(slug="", source=source))

    def take(name: str, described: str, written: str) -> None:
        builder.add(Function(name_of(name), f"{where} {name[:80]}".strip(), described, _inputs(written)))

    for name, described, written in _described(row):
        report.guard(f"{where} {name[:80]}".strip(), take, name, described, written)
    return builder.finish()


def _toolset(row: Any, where: str, source: str, report: RowReport, made: list[Draft]) -> None:
    if not isinstance(row, dict):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a toolset")
    title = plain(name_of(row.get("Name")), 200)
    draft: list[Draft] = []
    inside = report.guard(f"{where} Documentation".strip(), lambda: draft.extend(filter(None, [_openapi(row, source)])))
    if not inside or not draft or not draft[0].tools:
        draft = [_from_text(row, source, report, where)]
    whole = draft[0]
    whole.title, whole.slug, whole.family = title, slug(title), slug(title, "")
    whole.description = plain(row.get("Description"), TOOL_LIMIT) or whole.description
    whole.introduction = plain(row.get("Introduction"), TOOL_LIMIT) or first_sentence(whole.description)
    whole.provider_category = plain(row.get("Category"), 60)
    whole.stub = True
    made.append(whole)


def import_toolalpaca(document: Document, source: str) -> Iterator[Draft]:
    """One toolset a row; one whose documentation gives no tool is kept without, to be documented later."""
    report = RowReport(source)
    made: list[Draft] = []
    for where, row in document.rows():
        report.guard(where, _toolset, row, where, source, report, made)
    yield report.draft()
    yield from made


def _stub(row: Any, source: str, made: list[Draft]) -> None:
    if not isinstance(row, dict):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of an API")
    title = plain(name_of(row.get("API") or row.get("Name")), 200)
    description = plain(row.get("Description"), TOOL_LIMIT)
    auth = row.get("Auth")
    made.append(
        Draft(
            slug=slug(title),
            source=source,
            title=title,
            description=description,
            introduction=first_sentence(description),
            family=slug(title, ""),
            provider_category=plain(row.get("Category"), 60),
            auth=[auth[:60]] if text(auth) and auth else [],
            stub=True,
        )
    )


def import_public_apis(document: Document, source: str) -> Iterator[Draft]:
    """One toolset without tools for each API of the list, for `toolwise catalog document` to write."""
    report = RowReport(source)
    made: list[Draft] = []
    for where, row in document.rows():
        entries = row.get("entries") if isinstance(row, dict) else None
        for number, entry in enumerate(entries if isinstance(entries, list) else [row], 1):
            at = f"{where} entry {number}".strip() if isinstance(entries, list) else where
            report.guard(at, _stub, entry, source, made)
    yield report.draft()
    yield from made
