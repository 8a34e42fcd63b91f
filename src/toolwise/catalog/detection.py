"""Telling a document's format by its content, and saying exactly what an unknown one looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from toolwise.catalog.documents import Document, DocumentError, SourceFormat
from toolwise.catalog.left_out import LeftOutReason

_LOOKED_AT = 200
"""Rows that decide a document's format."""
_SCHEMA_KEYS = {
    "input_schema": SourceFormat.ANTHROPIC,
    "inputSchema": SourceFormat.MCP,
    "parameters": SourceFormat.OPENAI,
}
_OTHERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"tree", "answer_generation"}), "a ToolBench answer: solutions, not tools"),
    (frozenset({"id", "ground_truth"}), "BFCL's accepted answers: calls, not tools"),
    (frozenset({"query", "calling"}), "Seal-Tools queries: reference calls, not tools"),
    (frozenset({"query", "query_id"}), "ToolBench instructions without an api_list"),
)
"""What people have beside tool documents, by the keys that give it away."""


def detect(document: Document) -> SourceFormat:
    """The format of a document. Raises DocumentError for anything unknown."""
    if not isinstance(document.value, list):
        found = _of_object(document.value)
        if found is None:
            raise DocumentError(LeftOutReason.UNKNOWN_FORMAT, _what_else(document.value))
        return found
    rows = [row for row in document.value[:_LOOKED_AT] if isinstance(row, dict)]
    if not rows:
        raise DocumentError(
            LeftOutReason.UNKNOWN_FORMAT, f"an array of {len(document.value):,} values that are no tool documents"
        )
    votes = Counter(found for row in rows if (found := _of_object(row)) is not None)
    if not votes:
        raise DocumentError(
            LeftOutReason.UNKNOWN_FORMAT, f"an array of {len(document.value):,} rows: {_what_else(rows[0])}"
        )
    return votes.most_common(1)[0][0]


def _of_object(document: Mapping[str, Any]) -> SourceFormat | None:
    return _of_api_document(document) or _of_dataset_row(document) or _of_tool_list(document)


def _of_api_document(document: Mapping[str, Any]) -> SourceFormat | None:
    openapi = document.get("openapi")
    if isinstance(openapi, str | float) and str(openapi).startswith("3."):
        return SourceFormat.OPENAPI
    if str(document.get("swagger", ""))[:1] == "2":
        return SourceFormat.SWAGGER
    if document.get("discoveryVersion") or document.get("kind") == "discovery#restDescription":
        return SourceFormat.GOOGLE_DISCOVERY
    if isinstance(document.get("operations"), dict) and isinstance(document.get("metadata"), dict):
        return SourceFormat.AWS_SERVICE
    return None


def _of_dataset_row(row: Mapping[str, Any]) -> SourceFormat | None:
    if isinstance(row.get("api_list"), list):
        return SourceFormat.TOOLBENCH
    if "question" in row and isinstance(row.get("function"), list | dict):
        return SourceFormat.BFCL
    if isinstance(row.get("api_name"), str):
        return SourceFormat.TOOLBENCH if isinstance(row.get("tool_name"), str) else SourceFormat.SEAL_TOOLS
    documented = ("Documentation", "NLDocumentation", "Functions", "Function_Description")
    if isinstance(row.get("Name"), str) and any(key in row for key in documented):
        return SourceFormat.TOOLALPACA
    if isinstance(row.get("entries"), list) or _is_public_api(row):
        entries = row.get("entries", [row])
        return SourceFormat.PUBLIC_APIS if entries and _is_public_api(entries[0]) else None
    return None


def _is_public_api(row: Any) -> bool:
    return isinstance(row, dict) and (
        {"API", "Description"} <= row.keys() or {"Name", "Description", "Category", "Link"} <= row.keys()
    )


def _of_tool_list(row: Mapping[str, Any]) -> SourceFormat | None:
    """The format of function definitions, which is told by what they call their schema."""
    if isinstance(row.get("function"), dict) and "name" in row["function"]:
        return SourceFormat.OPENAI
    if isinstance(row.get("name"), str):
        for key, found in _SCHEMA_KEYS.items():
            if isinstance(row.get(key), dict | str | list):
                return found
    result = row.get("result")
    for holder in (row, result if isinstance(result, dict) else {}):
        for key in ("tools", "functions", "functionDeclarations", "function_declarations"):
            listed = holder.get(key)
            if isinstance(listed, list):
                inside = [_of_tool_list(item) for item in listed[:_LOOKED_AT] if isinstance(item, dict)]
                return next((found for found in inside if found), SourceFormat.OPENAI)
            if isinstance(listed, str) and listed.lstrip()[:1] == "[":  # corpora keep tools as a JSON string
                return SourceFormat.OPENAI
    return None


def _what_else(document: Mapping[str, Any]) -> str:
    if "openapi" in document:
        return f"OpenAPI version {str(document['openapi'])[:20]!r}; 3.0 and 3.1 are supported"
    if "swagger" in document:
        return f"Swagger version {str(document['swagger'])[:20]!r}; 2.0 is the only one supported"
    for keys, what in _OTHERS:
        if keys <= document.keys():
            return what
    shown = ", ".join(str(key)[:20] for key in list(document)[:4])
    return f"none of the formats that can be imported (its keys: {shown or 'none'})"
