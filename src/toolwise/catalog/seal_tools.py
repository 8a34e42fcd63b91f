"""Seal-Tools' documents (arXiv 2405.08355) to toolsets: the tools of one field are one toolset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolwise.catalog.documents import Document, DocumentError
from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.functions import Builder, Function, name_of
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.loose import as_object
from toolwise.catalog.prose import plain
from toolwise.catalog.rows import RowReport, stem


def _function(row: Any, where: str) -> Function:
    if not isinstance(row, dict):
        raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a tool")
    parameters = row.get("parameters")
    required = row.get("required")
    if isinstance(parameters, dict) and parameters and all(isinstance(v, dict | str) for v in parameters.values()):
        parameters = {"type": "object", "properties": parameters}
        if isinstance(required, list):
            parameters["required"] = required
    responses = row.get("responses")
    return Function(
        name=name_of(row.get("api_name")),
        where=where,
        description=str(row.get("api_description") or ""),
        parameters=parameters,
        returns=_without_requirements(as_object(responses)) if isinstance(responses, dict) and responses else None,
    )


def _without_requirements(schema: dict[str, Any]) -> dict[str, Any]:
    """What a response may hold: the format does not say what it always holds."""
    return {key: value for key, value in schema.items() if key != "required"}


def import_seal_tools(document: Document, source: str) -> Iterator[Draft]:
    """One toolset a field; a field is `Category/Subject`, or only one of them."""
    report = RowReport(source)
    fields: dict[str, list[Function]] = {}
    seen: set[bytes] = set()

    def take(row: Any, where: str) -> None:
        function = _function(row, where)
        named = plain(row.get("field"), 200)
        if (mark := function.fingerprint() + named.encode()) not in seen:
            seen.add(mark)
            fields.setdefault(named, []).append(function)

    for where, row in document.rows():
        report.guard(where, take, row, where)
    yield report.draft()
    for named, functions in fields.items():
        category, _, subject = named.partition("/")
        title = subject.strip() or category.strip() or stem(document.name)
        builder = Builder(
            Draft(
                slug=slug(title),
                source=source,
                title=title,
                provider_category=category.strip()[:60],
                family=slug(named, ""),
            )
        )
        for function in functions:
            builder.add(function)
        yield builder.finish()
