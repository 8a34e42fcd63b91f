"""ToolBench's instruction files: queries with the APIs on offer and those that are relevant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolwise.corpus.formats.naming import ToolNames
from toolwise.corpus.formats.reading import DropReason, Note, Reading, ReadRow, drop, text_of
from toolwise.corpus.formats.toolbench_tree import KINDS, kind_of
from toolwise.types import Json, Provenance, Split, Task, TaskKind

_RELEVANT = "relevant APIs"
GROUP_OF = {kind: group for group, kind in KINDS.items()}
"""A task's kind -> how ToolBench's files of that kind are named."""


def read_instruction(row: Any, where: str, known: ToolNames, reading: Reading, split: Split = Split.TRAIN) -> ReadRow:
    """One row as a task; `known` are the catalog's tools, from the same files. Raises RowError.

    `where` is the file's path: its name says the kind (`G1_query.json`).
    """
    if not isinstance(row, dict) or "query" not in row:
        drop(DropReason.UNKNOWN_SHAPE, "no instruction: it has no query")
    instruction = text_of(row["query"])
    if not instruction.strip():
        drop(DropReason.NO_INSTRUCTION, "its query is empty")
    listed = row.get("api_list")
    if not isinstance(listed, list) or not listed:
        drop(DropReason.NO_TOOLS, "it has no api_list")
    candidates: dict[str, None] = {}
    for api in listed:
        found = _known(api.get("tool_name"), api.get("api_name"), known) if isinstance(api, dict) else None
        reading.note(Note.UNKNOWN_CANDIDATE, int(found is None))
        if found is not None:
            candidates[found] = None
    if not candidates:
        drop(DropReason.NO_TOOLS, "the catalog knows none of its APIs")
    task = Task(
        instruction=instruction,
        kind=kind_of(where, tuple(candidates)),
        candidates=tuple(candidates),
        relevant=_relevant(row.get(_RELEVANT), candidates, known, reading),
        provenance=Provenance(teacher="toolbench", split=split),
    )
    return ReadRow(task.with_key())


def instruction_row(task: Task, number: int, api_of: Callable[[str], Mapping[str, Json]]) -> dict[str, Json]:
    """The way back: `api_of` gives a tool's entry of an `api_list`."""
    apis = {tool: dict(api_of(tool)) for tool in task.candidates}
    named = [[apis[tool]["tool_name"], apis[tool]["api_name"]] for tool in task.relevant if tool in apis]
    return {"api_list": list(apis.values()), "query": task.instruction, _RELEVANT: named, "query_id": number}


def group_of(kind: TaskKind) -> str:
    """G1, G2 or G3."""
    return GROUP_OF[kind]


def _known(toolset: Any, api: Any, known: ToolNames) -> str | None:
    return known.of_api(text_of(toolset), text_of(api))


def _relevant(stated: Any, candidates: Mapping[str, None], known: ToolNames, reading: Reading) -> tuple[str, ...]:
    """The relevant APIs among the candidates, in the order stated."""
    wanted: dict[str, None] = {}
    for pair in stated if isinstance(stated, list) else ():
        found = _known(pair[0], pair[1], known) if isinstance(pair, list) and len(pair) == 2 else None
        if found in candidates and found is not None:
            wanted[found] = None
        else:
            reading.note(Note.UNKNOWN_CANDIDATE)
    return tuple(wanted)
