"""What all readers share: one row that cannot be read never stops the rest, and is counted with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import orjson
from pydantic import ValidationError

from toolwise.types import Json, Task, Tool, Trajectory

ReadT = TypeVar("ReadT")
_REPORTED = 200
"""Rows whose place is kept; beyond that they are only counted."""


class DropReason(StrEnum):
    """Why a row was not read."""

    NOT_JSON = "not_json"
    """The file, or the line, is no JSON."""
    UNKNOWN_SHAPE = "unknown_shape"
    """It is JSON, but no row of this format."""
    NO_INSTRUCTION = "no_instruction"
    """Nothing says what was asked for."""
    NO_TOOLS = "no_tools"
    """It offers no tools, or none that the catalog knows."""
    BROKEN_TREE = "broken_tree"
    """A node of the tree is missing, has an unknown type, or stands where it cannot."""
    BROKEN_TURNS = "broken_turns"
    """The turns of the conversation are out of order, or one of them cannot be read."""
    UNWRITABLE = "unwritable"
    """It holds text or numbers that cannot be written as JSON."""
    DUPLICATE = "duplicate"
    """A task of the same content was read before, with a trajectory of its own."""


class Note(StrEnum):
    """What a reader changed or could not take over in rows that it did read."""

    SYSTEM_PROMPT = "system_prompt"
    """The other system's standing instructions were left out."""
    HINT = "hint"
    """Words in the input that were meant for the simulated user only were left out."""
    SIZE_DIFFERS = "size_differs"
    """The file states another number of nodes than its tree has."""
    WIN_DIFFERS = "win_differs"
    """The file's `win` is not what its tree says."""
    END_UNKNOWN = "end_unknown"
    """A leaf of which nothing says why its branch ended; it has no StopReason."""
    UNREADABLE_ARGUMENTS = "unreadable_arguments"
    """A call whose arguments are no JSON object: the text is the message's content, the call has none."""
    UNKNOWN_FUNCTION = "unknown_function"
    """A call, or a reference call, of a function that is not on offer; it keeps the name."""
    RENAMED_ARGUMENTS = "renamed_arguments"
    """A call's arguments bore the other system's spelling of the catalog's parameter names."""
    UNKNOWN_CANDIDATE = "unknown_candidate"
    """A tool on offer that the catalog does not know was left out."""
    OPEN_VALUE = "open_value"
    """A reference call with a value left open, such as a date: its task has no blueprint."""
    ASKS = "asks"
    """A reference that first asks the user for details: its task has the tools that it then needs, but no blueprint."""
    NO_BLUEPRINT = "no_blueprint"
    """A reference whose calls cannot all be read: its task has no blueprint."""
    REFERENCE_BY_NAME = "reference_by_name"
    """The response's schema has no such field: the reference's path is the name that the file gives."""
    TOOL_DIFFERS = "tool_differs"
    """A tool that rows document in different ways; the first way is kept."""


class RowError(Exception):
    """This row cannot be read."""

    def __init__(self, reason: DropReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def drop(reason: DropReason, detail: str) -> NoReturn:
    """Raise RowError."""
    raise RowError(reason, detail)


@dataclass(frozen=True)
class ReadRow:
    """What one row of a file became."""

    task: Task
    trajectory: Trajectory | None = None
    tools: tuple[Tool, ...] = ()
    """The tools that the row itself documents."""


@dataclass
class Reading:
    """Counts while rows are read; `rows` = `kept` + the sum of `dropped`."""

    rows: int = 0
    kept: int = 0
    joined: int = 0
    """Of `kept`: trajectories of tasks that another row had stated."""
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, str]] = field(default_factory=list)
    """Where, why and what, of the first rows that were dropped."""

    def note(self, note: Note, count: int = 1) -> None:
        if count:
            self.notes[note.value] += count

    def guard(self, where: str, read: Callable[[], ReadT]) -> ReadT | None:
        """The row that `read` reads; none, and counted, where it cannot."""
        self.rows += 1
        noted = self.notes.copy()
        try:
            made = read()
        except RowError as error:
            self._drop(where, error.reason, error.detail)
        except RecursionError:
            self._drop(where, DropReason.UNKNOWN_SHAPE, "nested too deeply")
        except (ValidationError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # The readers check what they read; this is the last resort that keeps one row from stopping the rest.
            self._drop(where, DropReason.UNKNOWN_SHAPE, f"not well-formed: {type(error).__name__}: {error}")
        else:
            self.kept += 1
            return made
        self.notes = noted  # of a row that was not read nothing is to be said but why
        return None

    def retract(self, where: str, reason: DropReason, detail: str) -> None:
        """Drop a row after all that `guard` had let through."""
        self.kept -= 1
        self._drop(where, reason, detail)

    def summary(self) -> dict[str, Json]:
        return {
            "rows": self.rows,
            "kept": self.kept,
            "joined": self.joined,
            "dropped": dict(sorted(self.dropped.items())),
            "notes": dict(sorted(self.notes.items())),
            "problems": self.problems,
        }

    def _drop(self, where: str, reason: DropReason, detail: str) -> None:
        self.dropped[reason.value] += 1
        if len(self.problems) < _REPORTED:
            self.problems.append(
                {"where": where[:200], "reason": reason.value, "detail": " ".join(detail.split())[:300]}
            )


def check_writable(row: ReadRow) -> ReadRow:
    """The row itself. Raises RowError for what Python holds and JSON cannot: halves of surrogates, huge integers."""
    try:
        orjson.dumps(row.task.model_dump(mode="json"))
        if row.trajectory is not None:
            orjson.dumps(row.trajectory.model_dump(mode="json"))
        orjson.dumps([tool.model_dump(mode="json") for tool in row.tools])
    except (TypeError, ValueError) as error:
        drop(DropReason.UNWRITABLE, str(error))
    return row


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def loose_json(text: str) -> Any:
    """JSON as language models write it: with raw line breaks inside strings. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, strict=False, parse_constant=_refuse)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def text_of(value: Any) -> str:
    """The value if it is text, else the empty string."""
    return value if isinstance(value, str) else ""
