"""Documents to toolsets, one document at a time: memory is bounded by the largest document."""

from __future__ import annotations

import gc
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolwise.catalog import categories, validity
from toolwise.catalog.aws import import_aws
from toolwise.catalog.detection import detect
from toolwise.catalog.documents import Document, DocumentError, SourceFormat, parse
from toolwise.catalog.draft import Draft, Names
from toolwise.catalog.gathering import Gathered
from toolwise.catalog.google import import_google
from toolwise.catalog.left_out import LeftOut, LeftOutReason
from toolwise.catalog.openapi import import_openapi
from toolwise.catalog.rows import RowReport
from toolwise.catalog.saving import CatalogWriter
from toolwise.catalog.seal_tools import import_seal_tools
from toolwise.catalog.sources import Fetch, Live, Source, fetch_typed, locate
from toolwise.catalog.swagger import import_swagger
from toolwise.catalog.tool_lists import import_tool_list
from toolwise.catalog.toolalpaca import import_public_apis, import_toolalpaca
from toolwise.catalog.toolbench import import_toolbench
from toolwise.errors import CatalogError
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Frozen, Toolset

Importer = Callable[[Document, str], Iterable[Draft]]
"""One document's toolsets: one, or many. Raises DocumentError when nothing of it can be used."""


def _each(read: Callable[[dict[str, Any], str], Draft]) -> Importer:
    """An importer of documents that are one toolset each; an array of such documents is many."""

    def importer(document: Document, source: str) -> Iterator[Draft]:
        if isinstance(document.value, dict):
            yield read(document.value, source)
            return
        report = RowReport(source)
        drafts: list[Draft] = []

        def take(row: Any) -> None:
            if not isinstance(row, dict):
                raise DocumentError(LeftOutReason.INVALID_ROW, f"a {type(row).__name__} instead of a document")
            drafts.append(read(row, source))

        for where, row in document.rows():
            report.guard(where, take, row)
            yield from drafts
            drafts.clear()
        yield report.draft()

    return importer


_IMPORTERS: dict[SourceFormat, Importer] = {
    SourceFormat.OPENAPI: _each(import_openapi),
    SourceFormat.SWAGGER: _each(import_swagger),
    SourceFormat.GOOGLE_DISCOVERY: _each(import_google),
    SourceFormat.AWS_SERVICE: _each(import_aws),
    SourceFormat.OPENAI: import_tool_list,
    SourceFormat.ANTHROPIC: import_tool_list,
    SourceFormat.MCP: import_tool_list,
    SourceFormat.BFCL: import_tool_list,
    SourceFormat.TOOLBENCH: import_toolbench,
    SourceFormat.TOOLALPACA: import_toolalpaca,
    SourceFormat.PUBLIC_APIS: import_public_apis,
    SourceFormat.SEAL_TOOLS: import_seal_tools,
}
_FEW_KEYWORDS = frozenset({SourceFormat.GOOGLE_DISCOVERY, SourceFormat.AWS_SERVICE})
"""Their importers write a handful of keywords and check every pattern: compiling them would be for nothing."""


class ImportSummary(Frozen):
    """What an import did."""

    toolsets: int
    tools: int
    parameters: int
    without_tools: int = 0
    """Of the toolsets, those that have no tools yet; `toolwise catalog document` can write them."""
    left_out: tuple[LeftOut, ...] = ()
    seconds: float = 0.0
    """Wall time from the first document's reading to the catalog's last byte."""
    tools_per_second: float = 0.0


@dataclass
class _Row:
    """What one document gave: a toolset as JSON, or nothing; and what was left out."""

    toolset: dict[str, Any] | None
    left_out: list[LeftOut]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cyclic garbage, which a document, a tree, has none of: an eighth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _each_checked(drafts: Iterable[Draft], *, thorough: bool) -> Iterator[Draft]:
    waiting = iter(drafts)
    while True:
        with _uncollected():
            draft = next(waiting, None)
            if draft is None:
                return
            validity.check(draft, thorough=thorough)
        yield draft


def _drafts(located: Source, wanted: SourceFormat, seen: dict[bytes, str]) -> Iterator[Draft]:
    """The toolsets of one source, each checked. Raises DocumentError."""
    if isinstance(located, Live):
        for draft in located.drafts():
            validity.check(draft, thorough=True)
            yield draft
        return
    data = located.read()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if digest in seen:
        raise DocumentError(LeftOutReason.DUPLICATE_DOCUMENT, f"the same bytes as {seen[digest]}")
    seen[digest] = located.source
    with _uncollected():
        document = parse(data, located.name)
    del data
    found = detect(document) if wanted is SourceFormat.AUTO else wanted
    try:
        yield from _each_checked(_IMPORTERS[found](document, located.source), thorough=found not in _FEW_KEYWORDS)
    except RecursionError as error:
        raise DocumentError(LeftOutReason.MALFORMED, "nested too deeply") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A document of another shape than its format's. The importers check what they read, so this is the
        # last resort that keeps one bad document from stopping the rest.
        raise DocumentError(
            LeftOutReason.MALFORMED, f"not a well-formed {found.value} document: {type(error).__name__}: {error}"
        ) from error
    report = RowReport(located.source)
    for number, detail in document.bad_lines:
        report.add(f"line {number}", LeftOutReason.MALFORMED, detail)
    yield report.draft()


_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Characters that turn the direction of text around or show nothing: in a title they can only mislead."""


def _finish(draft: Draft, names: Names, categories_of: dict[str, str]) -> dict[str, Any]:
    """The draft as a Toolset's JSON, with a name of its own, a category and collections."""
    name = names.give(draft.slug)
    api = draft.api or draft.family or name
    category = categories_of.setdefault(api, categories.category_of(draft))
    return {
        "name": name,
        "title": _UNSEEN.sub("", draft.title) or name,
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


class _Import:
    """One import's memory: names given, categories by API, documents seen, and toolsets that documents share."""

    def __init__(self, wanted: SourceFormat) -> None:
        self._wanted = wanted
        self._names = Names()
        self._categories_of: dict[str, str] = {}
        self._seen: dict[bytes, str] = {}
        self._gathered = Gathered()

    def _finished(self, draft: Draft) -> dict[str, Any]:
        return _finish(draft, self._names, self._categories_of)

    def document(self, located: Source) -> Iterator[_Row]:
        """What one document gives. Raises CatalogError where it is the only one and gives nothing."""
        got = 0
        reasons: list[LeftOut] = []
        try:
            for draft in _drafts(located, self._wanted, self._seen):
                reasons = reasons or draft.left_out
                if not draft.tools and not draft.stub:
                    if draft.left_out:
                        yield _Row(None, draft.left_out)
                elif draft.merge_key:
                    got += 1
                    self._gathered.add(draft)
                    yield _Row(None, draft.left_out)
                else:
                    got += 1
                    yield _Row(self._finished(draft), draft.left_out)
            if not got:
                first = f"; {reasons[0].where}: {reasons[0].detail}" if reasons else ""
                raise DocumentError(LeftOutReason.NO_OPERATIONS, f"no operation could be imported{first}")
        except DocumentError as error:
            if located.alone and not got and error.reason is not LeftOutReason.DUPLICATE_DOCUMENT:
                raise CatalogError(f"{located}: {error.detail}") from error
            yield _Row(None, [LeftOut(source=located.source, reason=error.reason, detail=error.detail)])

    def shared(self) -> Iterator[_Row]:
        """The toolsets that were gathered from several documents."""
        for draft in self._gathered.drafts():
            yield _Row(self._finished(draft), [])


def _rows(documents: Sequence[Source], wanted: SourceFormat, observer: Observer) -> Iterator[_Row]:
    running = _Import(wanted)
    for number, located in enumerate(documents):
        observer(Progress("catalog", number, len(documents), located.source))
        yield from running.document(located)
    yield from running.shared()
    observer(Progress("catalog", len(documents), len(documents)))


def import_sources(
    sources: Sequence[str],
    *,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002 (the natural name of the option)
    observer: Observer = silent,
    fetch: Fetch = fetch_typed,
) -> Iterator[Toolset | LeftOut]:
    """Toolsets and what was left out, as they come; see `import_catalog` for whole catalogs.

    A source is a file, a folder (searched recursively for .json, .jsonl, .ndjson, .yaml and .yml), an http(s) address
    (read by `fetch`), an MCP server (`mcp:` and its command or address), a Python file or module (`python:` and its
    name), or one of the names `google` and `aws`. Raises CatalogError for a source that does not exist and for one
    that is the only source and cannot be imported, and MissingExtraError.
    """
    for row in _rows(locate(sources, fetch), format, observer):
        if row.toolset is not None:
            try:
                with _uncollected():
                    toolset = Toolset.model_validate(row.toolset)
                yield toolset
            except ValidationError:
                yield _unwritable(row.toolset)
        yield from row.left_out


def _unwritable(toolset: dict[str, Any]) -> LeftOut:
    return LeftOut(
        source=toolset["source"],
        where=toolset["name"],
        reason=LeftOutReason.MALFORMED,
        detail="it holds text or numbers that cannot be written as JSON",
    )


def import_catalog(
    sources: Sequence[str],
    out: Path,
    *,
    format: SourceFormat = SourceFormat.AUTO,  # noqa: A002 (the natural name of the option)
    observer: Observer = silent,
    fetch: Fetch = fetch_typed,
) -> ImportSummary:
    """Import and save a catalog; `out` appears, complete, only when all is written.

    Raises CatalogError when a source cannot be read (see `import_sources`), when `out` holds something else than a
    catalog, when nothing at all could be imported, and when writing fails.
    """
    started = time.perf_counter()
    documents = locate(sources, fetch)
    left_out: list[LeftOut] = []
    without_tools = 0
    with CatalogWriter(out) as writer:
        for row in _rows(documents, format, observer):
            items = list(row.left_out)
            if row.toolset is not None:
                try:
                    writer.add(row.toolset)
                    without_tools += not row.toolset["tools"]
                except TypeError:
                    items.append(_unwritable(row.toolset))
            for item in items:
                writer.leave_out(item)
            left_out.extend(items)
        if not writer.toolsets:
            why = f"; the first: {left_out[0].source}: {left_out[0].detail}" if left_out else ""
            raise CatalogError(f"none of {len(documents)} documents could be imported{why}")
        writer.commit()
    seconds = time.perf_counter() - started
    return ImportSummary(
        toolsets=writer.toolsets,
        tools=writer.tools,
        parameters=writer.parameters,
        without_tools=without_tools,
        left_out=tuple(left_out),
        seconds=round(seconds, 3),
        tools_per_second=round(writer.tools / seconds, 1) if seconds > 0 else 0.0,
    )
