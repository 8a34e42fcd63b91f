"""The verb `trajectories import`: other people's tasks and trajectories as a run that `corpus` and `solve` can read.

Tools come from the same files (or from a catalog that is given), rows are read one by one, and every trajectory is
held to the checks that need no world: format and schema. Nothing is replayed: whose world it was, nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from toolwise.catalog import SourceFormat, import_sources, open_catalog, write_catalog
from toolwise.corpus import read_trajectories, write_rows
from toolwise.corpus.formats import (
    MARK,
    CorpusFormat,
    DropReason,
    Note,
    Reading,
    ReadRow,
    RowError,
    ToolNames,
    check_writable,
    conversation_row,
    drop,
    loose_json,
    read_answer,
    read_conversation_row,
    read_instruction,
    read_openai_row,
    read_sharegpt_row,
    read_toolalpaca,
    whole_conversations,
)
from toolwise.corpus.lines import line
from toolwise.errors import CatalogError, ConfigError, DataError
from toolwise.files import write_json, write_lines
from toolwise.pipelines.context import Context
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.ports import Observer, Progress, silent
from toolwise.store import RunFolder
from toolwise.types import Catalog, Funnel, Json, Split, Task, Tool, Toolset, Verdict
from toolwise.verification.attempt import Attempt
from toolwise.verification.form import check_format
from toolwise.verification.schema import SchemaCheck

ChoiceT = TypeVar("ChoiceT", CorpusFormat, Split)
IMPORT = "import"
_SUFFIXES = {".json", ".jsonl", ".ndjson", ".parquet"}
_DOCUMENTED = {CorpusFormat.TOOLBENCH: SourceFormat.TOOLBENCH, CorpusFormat.TOOLALPACA: SourceFormat.TOOLALPACA}
"""Formats whose files document their tools as a catalog source does."""
_LINES = frozenset({".jsonl", ".ndjson"})


def import_trajectories(
    files: Sequence[Path],
    out: Path,
    file_format: str,
    *,
    catalog: Path | None = None,
    split: str = Split.TRAIN.value,
    resume: bool = False,
    observer: Observer = silent,
) -> Json:
    """Read files (or folders of them) into the run folder `out`: catalog, tasks, trajectories, verdicts.

    Raises ConfigError for an unknown format or split, DataError where there is no file to read, RunError.
    """
    wanted = _choice(CorpusFormat, file_format, "--format")
    part = _choice(Split, split, "--split")
    paths = list(_files(files))
    settings = {
        "verb": "trajectories import",
        "files": [str(path.resolve()) for path in paths],
        "format": wanted.value,
        "catalog": str(catalog.resolve()) if catalog else "",
        "split": part.value,
    }
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, 1, observer)
        return context.stage(IMPORT, lambda: _Import(context, wanted, part, catalog).run(paths))


def _choice(kind: type[ChoiceT], value: str, option: str) -> ChoiceT:
    try:
        return kind(value)
    except ValueError as error:
        raise ConfigError(f"unknown {option} {value!r}; choose one of {', '.join(kind)}") from error


def _files(given: Sequence[Path]) -> Iterator[Path]:
    """The files, and those of the folders, each once."""
    seen: set[Path] = set()
    for path in given:
        if not path.exists():
            raise DataError(f"{path} does not exist; give the files or folders to import")
        for file in sorted(filter(_is_data, path.rglob("*"))) if path.is_dir() else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file
    if not seen:
        raise DataError(f"{given[0]} holds no .json, .jsonl or .parquet file; give the files to import")


def _is_data(path: Path) -> bool:
    """May it hold rows? What an export says of itself does not."""
    return path.suffix in _SUFFIXES and path.name != MARK and path.is_file()


@dataclass
class _Import:
    """One import: what was read so far."""

    context: Context
    format: CorpusFormat
    split: Split
    catalog: Path | None
    reading: Reading = field(default_factory=Reading)
    tasks: dict[str, Task] = field(default_factory=dict)
    """Key -> task, in the order read."""
    by_instruction: dict[str, Task] = field(default_factory=dict)
    """Tasks of instruction files: an answer file does not say which of its tools are relevant."""
    solved: set[str] = field(default_factory=set)
    tools: dict[str, Tool] = field(default_factory=dict)
    """Tools that rows document themselves."""

    def run(self, paths: Sequence[Path]) -> Json:
        known = self._known(paths)
        names = ToolNames((tool.id for tool in known.tools()), known)
        write_lines(self.context.path("trajectories.jsonl"), self._trajectories(paths, names))
        write_rows(self.context.path("tasks.jsonl"), self.tasks.values())
        used = {tool.partition(".")[0] for task in self.tasks.values() for tool in task.candidates}
        catalog = self._write_catalog(known, used)
        funnel = self._verify(catalog)
        return self._record(catalog, funnel)

    def _known(self, paths: Sequence[Path]) -> Catalog:
        """The catalog that is given, or the one that the files themselves document."""
        if self.catalog is not None:
            opened = open_catalog(self.catalog)
            return Catalog(toolsets=tuple(opened))
        source = _DOCUMENTED.get(self.format)
        sources = [str(path) for path in paths if source is not None and path.suffix != ".parquet"]
        toolsets: list[Toolset] = []
        try:
            if source is not None and sources:
                found = import_sources(sources, format=source)
                toolsets = [made for made in found if isinstance(made, Toolset) and made.tools]
        except CatalogError:
            toolsets = []  # answer files document no APIs; what is wrong with a file, its rows will say
        return Catalog(toolsets=tuple(toolsets))

    def _trajectories(self, paths: Sequence[Path], names: ToolNames) -> Iterator[bytes]:
        """The trajectories as lines, while the tasks are gathered; instruction files are read first."""
        for number, path in enumerate(sorted(paths, key=lambda path: "instruction" not in path.parts)):
            self.context.observer(Progress(IMPORT, number, len(paths), path.name))
            for where, read in self._rows(path, names):
                row = self.reading.guard(where, lambda read=read: check_writable(read()))  # type: ignore[misc]
                if row is not None and (made := self._take(row, where)) is not None:
                    yield made
        self.context.observer(Progress(IMPORT, len(paths), len(paths)))

    def _take(self, row: ReadRow, where: str) -> bytes | None:
        """Keep a row; its trajectory as a line, if it has one that is new."""
        task, trajectory = row.task, row.trajectory
        stated = self.by_instruction.get(task.instruction)
        if stated is not None and set(stated.candidates) == set(task.candidates):
            task = stated
        known = task.key in self.tasks
        if task.key in self.solved or (known and trajectory is None):
            self.reading.retract(where, DropReason.DUPLICATE, "the same task was read before")
            return None
        if known:
            self.reading.joined += 1
        self.tasks[task.key] = task
        for tool in row.tools:
            if self.tools.setdefault(tool.id, tool) != tool:
                self.reading.note(Note.TOOL_DIFFERS)
        if trajectory is None:
            self.by_instruction.setdefault(task.instruction, task)
            return None
        self.solved.add(task.key)
        return line(trajectory.model_copy(update={"task_key": task.key})).rstrip(b"\n")

    def _rows(self, path: Path, names: ToolNames) -> Iterator[tuple[str, Callable[[], ReadRow]]]:
        """Where each row of a file is, and how to read it; a file that cannot be read is one row, which says so."""
        reading, split = self.reading, self.split
        try:
            values = list(_values(path)) if path.suffix not in _LINES else _values(path)
            if self.format is CorpusFormat.TOOLBENCH:
                values = whole_conversations(values)
            for number, value in enumerate(values, 1):
                where = f"{path}, row {number}"
                if isinstance(value, RowError):
                    yield where, partial(_raise, value)
                elif self.format is CorpusFormat.TOOLALPACA:
                    yield from _entry(value, where, names, reading, split)
                else:
                    yield where, partial(self._read, value, path, names)
        except RowError as error:
            yield str(path), partial(_raise, error)

    def _read(self, value: Any, path: Path, names: ToolNames) -> ReadRow:
        """One row of a format in which rows stand alone. Raises RowError."""
        if not isinstance(value, dict):
            drop(DropReason.UNKNOWN_SHAPE, f"a {type(value).__name__} instead of a row")
        where, source = str(path), self.format.value
        if self.format is CorpusFormat.TOOLBENCH:
            if "answer_generation" in value:
                return read_answer(value, where, names, self.reading, self.split)
            if "conversations" not in value:
                return read_instruction(value, where, names, self.reading, self.split)
            talk = read_conversation_row(value)
        elif self.format is CorpusFormat.SHAREGPT:
            talk = read_sharegpt_row(value)
        elif self.format is CorpusFormat.PARQUET:
            from toolwise.corpus.formats.huggingface import read_dataset_row  # pyarrow takes a while to import

            talk = read_dataset_row(value)
        else:
            talk = read_openai_row(value)
        return conversation_row(talk, path.stem, names, self.reading, source=source, split=self.split)

    def _write_catalog(self, known: Catalog, used: Iterable[str]) -> Catalog:
        """The toolsets that the tasks use, with the tools that the rows document."""
        wanted = set(used)
        toolsets = {toolset.name: toolset for toolset in known.toolsets if toolset.name in wanted}
        extra: dict[str, list[Tool]] = {}
        for tool in self.tools.values():
            extra.setdefault(tool.toolset, []).append(tool)
        for name, tools in extra.items():
            base = toolsets.get(name) or Toolset(name=name, title=name, source=self.format.value)
            more = tuple(tool for tool in tools if tool.name not in base.by_name)
            fields = {field: getattr(base, field) for field in Toolset.model_fields}
            toolsets[name] = Toolset(**{**fields, "tools": base.tools + more})  # a copy would keep old look-ups
        catalog = Catalog(toolsets=tuple(toolsets.values()))
        write_catalog(catalog, self.context.path("catalog"))
        return catalog

    def _verify(self, catalog: Catalog) -> Funnel:
        """Write the verdicts; the funnel counts rows, those without a trajectory as pending."""
        check_schema = SchemaCheck(catalog)
        reasons: dict[str, int] = dict(self.reading.dropped)
        accepted = rejected = 0
        verdicts: list[Verdict] = []
        for trajectory in read_trajectories(self.context.path("trajectories.jsonl")):
            attempt = Attempt(self.tasks[trajectory.task_key], trajectory)
            checks = [check_format(attempt)]
            if checks[0].passed:
                checks.append(check_schema(attempt))
            verdict = Verdict(key=trajectory.task_key, checks=tuple(checks))
            verdicts.append(verdict)
            accepted += verdict.accepted
            if verdict.reason is not None:
                rejected += 1
                reasons[verdict.reason.value] = reasons.get(verdict.reason.value, 0) + 1
        write_rows(self.context.path("verdicts.jsonl"), verdicts)
        failed = sum(self.reading.dropped.values())
        entered = self.reading.rows - self.reading.joined
        pending = entered - accepted - rejected - failed
        return Funnel(
            entered=entered, accepted=accepted, rejected=rejected, failed=failed, pending=pending, reasons=reasons
        )

    def _record(self, catalog: Catalog, funnel: Funnel) -> Json:
        place = self.context.path
        counted = funnel.model_dump(mode="json")
        inputs: dict[str, Json] = {
            "catalog": str(place("catalog").resolve()),
            "split": {toolset.name: self.split.value for toolset in catalog.toolsets},
            "tasks": str(place("tasks.jsonl").resolve()),
            "trajectories": str(place("trajectories.jsonl").resolve()),
            "verdicts": str(place("verdicts.jsonl").resolve()),
            "failed": {},
            "funnel": counted,
            "verified": counted,
        }
        write_json(place(INPUTS_FILE), inputs)
        return {
            "format": self.format.value,
            "tasks": len(self.tasks),
            "trajectories": len(self.solved),
            "toolsets": len(catalog.toolsets),
            "tools": len(catalog),
            "reading": self.reading.summary(),
            "funnel": counted,
        }


def _entry(
    value: Any, where: str, names: ToolNames, reading: Reading, split: Split
) -> Iterator[tuple[str, Callable[[], ReadRow]]]:
    """The rows of a ToolAlpaca toolset; one that is none is a row that says so."""
    try:
        for position, read in enumerate(read_toolalpaca(value, where, names, reading, split), 1):
            yield f"{where}, item {position}", read
    except RowError as error:
        yield where, partial(_raise, error)


def _raise(error: RowError) -> ReadRow:
    raise error


def _values(path: Path) -> Iterator[Any]:
    """The rows of a file: of an array its elements, of lines each line. A bad line is given as its RowError.

    Raises RowError for a file that cannot be read at all.
    """
    if path.suffix == ".parquet":
        from toolwise.corpus.formats.huggingface import read_dataset  # as above

        try:
            yield from read_dataset(path)
        except (OSError, ValueError) as error:  # Arrow's errors are both
            drop(DropReason.UNKNOWN_SHAPE, f"no parquet file: {str(error).splitlines()[0]}")
        return
    if path.suffix in _LINES:
        yield from _each_line(path)
        return
    try:
        value = _json(path.read_bytes())
    except OSError as error:
        drop(DropReason.NOT_JSON, f"cannot be read: {error.strerror}")
    yield from value if isinstance(value, list) else [value]


def _each_line(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            for text in file:
                if text.strip():
                    try:
                        yield _json(text)
                    except RowError as error:
                        yield error
    except OSError as error:
        drop(DropReason.NOT_JSON, f"cannot be read: {error.strerror}")


def _json(data: bytes) -> Any:
    """Raises RowError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        value = loose_json(data.decode("utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        return drop(DropReason.NOT_JSON, f"no JSON: {error}")
    try:
        orjson.dumps(value)
    except TypeError as error:
        drop(DropReason.UNWRITABLE, str(error))
    return value


def unread_summary(document: Mapping[str, Json]) -> list[str]:
    """What was dropped or changed, one line each."""
    reading = document["reading"]
    lines = [f"  dropped, {reason.replace('_', ' ')}: {count:,}" for reason, count in reading["dropped"].items()]
    return lines + [f"  note, {note.replace('_', ' ')}: {count:,}" for note, count in reading["notes"].items()]
