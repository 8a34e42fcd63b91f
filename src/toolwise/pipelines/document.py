"""The verb `catalog document`: the standard documentation of toolsets, composed or written by a teacher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.catalog.documentation import DOCUMENTATION, Documentation, DocumentationFile, compose
from toolwise.catalog.documentation.conversation import UnusableAnswerError
from toolwise.catalog.documentation.teaching import improve_toolset, teacher_key, write_toolset
from toolwise.catalog.rewriting import rewrite_catalog
from toolwise.errors import ConfigError, ModelError, UserError
from toolwise.files import write_lines
from toolwise.pipelines.catalog_teacher import ask_for_catalog
from toolwise.pipelines.export import chosen_names
from toolwise.pipelines.journalled import JournalledModel
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel, Observer, Progress, silent
from toolwise.types import Json, Toolset

PARTIAL = ".documentation.partial.jsonl"
"""Beside a catalog while a teacher writes: what is done, so that a run that was stopped does not ask again."""
SHOWN = 20
"""Failures in the result itself."""
_AT_A_TIME = 8
"""Toolsets in work at a time; the endpoint has its own limits."""
_GIVEN_UP_AFTER = 8
"""So many toolsets in a row for which the model itself failed end the run."""


@dataclass
class _Outcome:
    """What became of one toolset."""

    source: str
    toolset: Toolset | None = None
    """The toolset as documented, where its texts or tools changed."""
    documentation: Documentation | None = None
    reason: str = ""
    detail: str = ""
    model_failed: bool = False


@dataclass
class _Result:
    """Counts, and what failed."""

    documented: int = 0
    reused: int = 0
    tries: int = 0
    by: Counter[str] = field(default_factory=Counter)
    failed: list[_Outcome] = field(default_factory=list)
    tools_written: int = 0


def document_catalog(
    catalog: Path, out: Path | None = None, toolsets: Sequence[str] = (), observer: Observer = silent
) -> Json:
    """Compose the documentation of a catalog's toolsets from what it says; counts, and what failed and why.

    Written beside the catalog, or with a copy of it whose introductions are set, to `out`. Raises CatalogError,
    RunError.
    """
    opened = open_catalog(catalog)
    chosen = set(chosen_names(opened, toolsets))

    def outcomes() -> Iterator[_Outcome]:
        for done, toolset in enumerate(opened):
            observer(Progress("document", done, len(opened.names()), toolset.name))
            if toolset.name in chosen:
                yield _composed(toolset)
        observer(Progress("document", len(opened.names()), len(opened.names())))

    return _write(opened, out, outcomes())


def _composed(toolset: Toolset) -> _Outcome:
    if not toolset.tools:
        return _Outcome(toolset.name, reason="no_tools", detail="a toolset without tools needs --teacher llm")
    made = compose(toolset)
    return _Outcome(toolset.name, toolset.model_copy(update={"introduction": made.introduction}), made)


def document_with_teacher(
    catalog: Path,
    teacher: Teacher,
    out: Path | None = None,
    toolsets: Sequence[str] = (),
    *,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """As `document_catalog`, the texts by a teacher. Raises ConfigError, ModelError and BudgetSpentError besides."""

    def work(model: JournalledModel) -> Awaitable[Json]:
        return document_catalog_with(catalog, model, out, toolsets, seed=seed, name=model.name, observer=observer)

    return ask_for_catalog(open_catalog(catalog).folder, teacher, work)


async def document_catalog_with(
    catalog: Path,
    model: ChatModel,
    out: Path | None = None,
    toolsets: Sequence[str] = (),
    *,
    seed: int = 0,
    name: str = "",
    observer: Observer = silent,
) -> Json:
    """As `document_catalog`, the texts by a chat model; toolsets without tools get tools, which `out` then holds.

    After a run that was stopped, what it wrote for the same toolset, prompt, seed and model (`name`) is not asked
    for again. Raises ConfigError where tools are to be written and there is no `out`.
    """
    opened = open_catalog(catalog)
    chosen = chosen_names(opened, toolsets)
    bare = [one for one in chosen if not opened.summary(one).tools]
    if bare and out is None:
        raise ConfigError(f"{len(bare)} toolsets ({bare[0]}, …) have no tools yet; give --out for a catalog with them")
    partial = opened.folder / PARTIAL
    known = _done_before(partial)
    done: list[_Outcome] = []
    failures = 0
    with partial.open("ab") as record:
        async for outcome in _taught(opened, chosen, model, (seed, name), known):
            observer(Progress("document", len(done), len(chosen), outcome.source))
            done.append(outcome)
            if outcome.documentation is not None and outcome.documentation.key not in known:
                record.write(orjson.dumps(_row(outcome), option=orjson.OPT_APPEND_NEWLINE))
                record.flush()
            failures = failures + 1 if outcome.model_failed else 0
            if failures >= _GIVEN_UP_AFTER:
                raise ModelError(f"the model failed for {failures} toolsets in a row; the last: {outcome.detail}")
    observer(Progress("document", len(chosen), len(chosen)))
    summary = _write(opened, out, iter(done), known)
    with suppress(OSError):
        partial.unlink(missing_ok=True)
    return summary


def _row(outcome: _Outcome) -> Json:
    made, toolset = outcome.documentation, outcome.toolset
    return {
        "documentation": made.model_dump(mode="json") if made else None,
        "toolset": toolset.model_dump(mode="json") if toolset else None,
    }


def _done_before(partial: Path) -> dict[str, tuple[Toolset, Documentation]]:
    """By key; a last line that a kill cut off is skipped."""
    known: dict[str, tuple[Toolset, Documentation]] = {}
    if not partial.exists():
        return known
    with partial.open("rb") as file:
        for line in file:
            with suppress(orjson.JSONDecodeError, ValidationError, KeyError, TypeError):
                row = orjson.loads(line)
                made = Documentation.model_validate(row["documentation"])
                known[made.key] = (Toolset.model_validate(row["toolset"]), made)
    return known


async def _taught(
    catalog: CatalogFile,
    names: Sequence[str],
    model: ChatModel,
    how: tuple[int, str],
    known: dict[str, tuple[Toolset, Documentation]],
) -> AsyncIterator[_Outcome]:
    """Outcomes in the catalog's order, a few toolsets in work at a time."""
    rest = iter(names)
    flying: list[asyncio.Task[_Outcome]] = []
    try:
        while True:
            for name in islice(rest, _AT_A_TIME - len(flying)):
                flying.append(asyncio.ensure_future(_teach(catalog.toolset(name), model, how, known)))
            if not flying:
                return
            yield await flying.pop(0)
    finally:
        for task in flying:
            task.cancel()


async def _teach(
    toolset: Toolset, model: ChatModel, how: tuple[int, str], known: dict[str, tuple[Toolset, Documentation]]
) -> _Outcome:
    seed, name = how
    key = teacher_key(toolset, seed, name)
    if key in known:
        return _Outcome(toolset.name, *known[key])
    try:
        work = improve_toolset if toolset.tools else write_toolset
        whole, made = await work(toolset, model, seed)
    except UnusableAnswerError as error:
        return _Outcome(toolset.name, reason="no_usable_answer", detail=str(error))
    except UserError:
        raise
    except ModelError as error:
        return _Outcome(toolset.name, reason="model_failed", detail=str(error), model_failed=True)
    return _Outcome(toolset.name, whole, made.model_copy(update={"key": key}))


def _write(
    catalog: CatalogFile, out: Path | None, outcomes: Iterator[_Outcome], known: dict[str, Any] | None = None
) -> Json:
    """Write documentation beside the catalog, or the catalog with it to `out`."""
    result = _Result()
    counted = (_count(outcome, result, known or {}) for outcome in outcomes)
    if out is None:
        folder = catalog.folder
        _write_rows(catalog, folder, counted)
    else:
        folder = out
        changed = {one.source: one for one in counted}
        rewrite_catalog(catalog, out, (_changed(toolset, changed) for toolset in catalog))
        _write_rows(catalog, folder, iter(changed.values()))
    return {
        "toolsets": result.documented + len(result.failed),
        "documented": result.documented,
        "reused": result.reused,
        "tools_written": result.tools_written,
        "questions": result.tries,
        "by": dict(sorted(result.by.items())),
        "failed": dict(sorted(Counter(one.reason for one in result.failed).items())),
        "failures": [
            {"toolset": one.source, "reason": one.reason, "detail": one.detail} for one in result.failed[:SHOWN]
        ],
        "file": str(folder / DOCUMENTATION),
    }


def _changed(toolset: Toolset, outcomes: dict[str, _Outcome]) -> Toolset:
    outcome = outcomes.get(toolset.name)
    return outcome.toolset if outcome and outcome.toolset else toolset


def _count(outcome: _Outcome, result: _Result, known: dict[str, Any]) -> _Outcome:
    made = outcome.documentation
    if made is None:
        result.failed.append(outcome)
        return outcome
    result.documented += 1
    result.by[made.author.value] += 1
    if made.key in known:
        result.reused += 1
    else:
        result.tries += made.tries
    if outcome.toolset is not None and made.author.value == "teacher":
        result.tools_written += len(outcome.toolset.tools)
    return outcome


def _write_rows(catalog: CatalogFile, folder: Path, outcomes: Iterator[_Outcome]) -> None:
    """New rows in their order; then those that the catalog had for toolsets that were not worked on."""
    before = DocumentationFile(catalog.folder)
    written: set[str] = set()

    def rows() -> Iterator[bytes]:
        for outcome in outcomes:
            written.add(outcome.source)
            made = outcome.documentation or before.get(outcome.source)
            if made is not None:
                yield orjson.dumps(made.model_dump(mode="json"))
        for made in before:
            if made.toolset not in written:
                yield orjson.dumps(made.model_dump(mode="json"))

    write_lines(folder / DOCUMENTATION, rows())
