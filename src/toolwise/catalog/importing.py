"""Documents to toolsets, one document at a time: memory is bounded by the largest document."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwise.catalog import categories, validity
from toolwise.catalog.aws import import_aws
from toolwise.catalog.documents import DocumentError, SourceFormat, detect, parse
from toolwise.catalog.draft import Draft, Names
from toolwise.catalog.google import import_google
from toolwise.catalog.left_out import LeftOut, LeftOutReason
from toolwise.catalog.openapi import import_openapi
from toolwise.catalog.saving import CatalogWriter
from toolwise.catalog.sources import Located, locate
from toolwise.catalog.swagger import import_swagger
from toolwise.errors import CatalogError
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Frozen, Toolset

_IMPORTERS: dict[SourceFormat, Callable[[dict[str, Any], str], Draft]] = {
    SourceFormat.OPENAPI: import_openapi,
    SourceFormat.SWAGGER: import_swagger,
    SourceFormat.GOOGLE_DISCOVERY: import_google,
    SourceFormat.AWS_SERVICE: import_aws,
}


class ImportSummary(Frozen):
    """What an import did."""

    toolsets: int
    tools: int
    parameters: int
    left_out: tuple[LeftOut, ...] = ()
    seconds: float = 0.0
    """Wall time from the first document's reading to the catalog's last byte."""
    tools_per_second: float = 0.0


@dataclass
class _Row:
    """What one document gave: a toolset as JSON, or nothing; and what was left out."""

    toolset: dict[str, Any] | None
    left_out: list[LeftOut]


def _draft(data: bytes, located: Located, wanted: SourceFormat) -> Draft:
    document = parse(data, located.path.name)
    found = detect(document) if wanted is SourceFormat.AUTO else wanted
    try:
        draft = _IMPORTERS[found](document, located.source)
        validity.check(draft, thorough=found in (SourceFormat.OPENAPI, SourceFormat.SWAGGER))
    except RecursionError as error:
        raise DocumentError(LeftOutReason.MALFORMED, "nested too deeply") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A document of another shape than its format's. The importers check what they read, so this is the
        # last resort that keeps one bad document from stopping the rest.
        raise DocumentError(
            LeftOutReason.MALFORMED, f"not a well-formed {found.value} document: {type(error).__name__}: {error}"
        ) from error
    if not draft.tools:
        raise DocumentError(LeftOutReason.NO_OPERATIONS, "no operation could be imported")
    return draft


def _finish(draft: Draft, names: Names, categories_of: dict[str, str]) -> dict[str, Any]:
    """The draft as a Toolset's JSON, with a name of its own, a category and collections."""
    name = names.give(draft.slug)
    api = draft.api or draft.family or name
    category = categories_of.setdefault(api, categories.category_of(draft))
    return {
        "name": name,
        "title": draft.title or name,
        "description": draft.description,
        "introduction": draft.introduction,
        "category": category,
        "collections": categories.collections(draft, category),
        "family": draft.family or name,
        "servers": draft.servers,
        "auth": draft.auth,
        "source": draft.source,
        "definitions": draft.definitions,
        "tools": [{"id": f"{name}.{tool['name']}", **tool} for tool in draft.tools],
    }


def _rows(documents: Sequence[Located], wanted: SourceFormat, observer: Observer) -> Iterator[_Row]:
    names = Names()
    categories_of: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    for number, located in enumerate(documents):
        observer(Progress("catalog", number, len(documents), located.source))
        try:
            data = located.read()
            digest = hashlib.blake2b(data, digest_size=16).digest()
            if digest in seen:
                raise DocumentError(LeftOutReason.DUPLICATE_DOCUMENT, f"the same bytes as {seen[digest]}")
            seen[digest] = located.source
            draft = _draft(data, located, wanted)
        except DocumentError as error:
            if located.alone and error.reason is not LeftOutReason.DUPLICATE_DOCUMENT:
                raise CatalogError(f"{located.path}: {error.detail}") from error
            yield _Row(None, [LeftOut(source=located.source, reason=error.reason, detail=error.detail)])
            continue
        yield _Row(_finish(draft, names, categories_of), draft.left_out)
    observer(Progress("catalog", len(documents), len(documents)))


def import_sources(
    sources: Sequence[str],
    *,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002 (the natural name of the option)
    observer: Observer = silent,
) -> Iterator[Toolset | LeftOut]:
    """Toolsets and what was left out, as they come; see `import_catalog` for whole catalogs.

    A source is a file, a folder (searched recursively for .json, .yaml and .yml), or one of the names `google` and
    `aws`. Raises CatalogError for a source that does not exist and for a file that is the only source and cannot be
    imported, and MissingExtraError.
    """
    for row in _rows(locate(sources), format, observer):
        if row.toolset is not None:
            yield Toolset.model_validate(row.toolset)
        yield from row.left_out


def import_catalog(
    sources: Sequence[str],
    out: Path,
    *,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002 (the natural name of the option)
    observer: Observer = silent,
) -> ImportSummary:
    """Import and save a catalog; `out` appears, complete, only when all is written.

    Raises CatalogError when a source cannot be read (see `import_sources`), when `out` holds something else than a
    catalog, when nothing at all could be imported, and when writing fails.
    """
    started = time.perf_counter()
    documents = locate(sources)
    left_out: list[LeftOut] = []
    with CatalogWriter(out) as writer:
        for row in _rows(documents, format, observer):
            left_out.extend(row.left_out)
            if row.toolset is not None:
                writer.add(row.toolset)
            for item in row.left_out:
                writer.leave_out(item)
        if not writer.toolsets:
            why = f"; the first: {left_out[0].source}: {left_out[0].detail}" if left_out else ""
            raise CatalogError(f"none of {len(documents)} documents could be imported{why}")
        writer.commit()
    seconds = time.perf_counter() - started
    return ImportSummary(
        toolsets=writer.toolsets,
        tools=writer.tools,
        parameters=writer.parameters,
        left_out=tuple(left_out),
        seconds=round(seconds, 3),
        tools_per_second=round(writer.tools / seconds, 1) if seconds > 0 else 0.0,
    )
