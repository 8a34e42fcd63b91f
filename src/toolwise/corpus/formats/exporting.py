"""A corpus in other people's formats: folders beside the corpus's own, streamed, each replaced as a whole."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol, Self

import orjson

from toolwise.corpus.examples import ExampleConfig, sft_example
from toolwise.corpus.formats.losses import CannotHoldError
from toolwise.corpus.formats.naming import ToolBenchOffer
from toolwise.corpus.formats.openai_chat import openai_row
from toolwise.corpus.formats.sharegpt import sharegpt_row
from toolwise.corpus.formats.toolalpaca_write import instance, toolset_of
from toolwise.corpus.formats.toolbench_chat import conversation_rows, training_messages
from toolwise.corpus.formats.toolbench_tasks import group_of, instruction_row
from toolwise.corpus.formats.toolbench_tree import SIDE
from toolwise.corpus.formats.toolbench_write import answer_document
from toolwise.corpus.lines import read_sft
from toolwise.errors import RunError
from toolwise.files import write_json
from toolwise.types import Json, SFTExample, Split, Task, Tool, Trajectory

MARK = "export.json"
"""In every exported folder: what was written and what was left out."""
_THOUGHTS = ExampleConfig(thoughts=True)
_ILLEGAL = re.compile(r"[^A-Za-z0-9.-]+")
_METHOD = "DFS_woFilter_w2"
"""How ToolBench names the files of its search, and finds them again."""


class CorpusFormat(StrEnum):
    """A format that other systems read."""

    TOOLBENCH = "toolbench"
    """Instructions, answer trees, and the conversations that ToolLLaMA learns from."""
    TOOLALPACA = "toolalpaca"
    """Toolsets with their documentation, instructions and instances."""
    SHAREGPT = "sharegpt"
    """Conversations with function calls, as LLaMA-Factory reads them."""
    OPENAI = "openai"
    """Fine-tuning rows of OpenAI's service, which most trainers read."""
    PARQUET = "parquet"
    """Hugging Face data sets: chat messages with tools and arguments as JSON strings."""


FOLDER_OF = {CorpusFormat.PARQUET: "huggingface"}
"""A format's folder, where it does not bear the format's name."""
_OF_EXAMPLES = (CorpusFormat.SHAREGPT, CorpusFormat.OPENAI, CorpusFormat.PARQUET)


class Describer(Protocol):
    """Documents tools in the other systems' ways."""

    def api(self, tool_id: str) -> Mapping[str, Json]:
        """An entry of a ToolBench instruction's `api_list`."""
        ...

    def entry(self, toolset: str) -> Mapping[str, Json]:
        """A toolset's entry of a ToolAlpaca file, without instructions; its functions bear the tools' names."""
        ...


class FormatFolder:
    """A folder under construction beside its place, with counts. Use as a context; it appears on a good end."""

    def __init__(self, corpus: Path, to: CorpusFormat) -> None:
        """Raises RunError for a folder in its place that no export made."""
        self.format = to
        self._target = corpus / FOLDER_OF.get(to, to.value)
        self._new = self._target.with_name(f".{self._target.name}.exporting")
        self._stack = ExitStack()
        self._files: dict[Path, IO[bytes]] = {}
        self.rows: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        other = self._target.exists() and any(self._target.iterdir()) and not (self._target / MARK).exists()
        if other:
            raise RunError(f"{self._target} exists and is no earlier export; remove it or choose another --out")

    def __enter__(self) -> Self:
        shutil.rmtree(self._new, ignore_errors=True)  # of an export that was killed
        self._new.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        with self._stack:
            if kind is None:
                for path, file in self._files.items():
                    if path.suffix == ".json":
                        file.write(b"\n]\n")
        if kind is None:
            write_json(self._new / MARK, self.summary())
            shutil.rmtree(self._target, ignore_errors=True)
            self._new.rename(self._target)
        else:
            shutil.rmtree(self._new, ignore_errors=True)

    def path(self, *parts: str) -> Path:
        """A place for a file; its folder is made."""
        path = self._new.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def append(self, row: Json, *parts: str) -> None:
        """Add a row to a file: a line of a `.jsonl`, an element of a `.json`."""
        path = self._new.joinpath(*parts)
        file = self._files.get(path)
        listed = path.suffix == ".json"
        if file is None:
            file = self._files[path] = self._stack.enter_context(self.path(*parts).open("wb"))
            file.write(b"[\n" if listed else b"")
        elif listed:
            file.write(b",\n")
        file.write(orjson.dumps(row) + (b"" if listed else b"\n"))

    def take(self, split: Split, write: Callable[[], None]) -> None:
        """Write one row, or count why the format has no place for it."""
        try:
            write()
        except CannotHoldError as error:
            self.left_out[error.reason.value] += 1
        else:
            self.rows[split.value] += 1

    def summary(self) -> dict[str, Json]:
        return {
            "format": self.format.value,
            "rows": {split.value: self.rows[split.value] for split in Split if split.value in self.rows},
            "left_out": dict(sorted(self.left_out.items())),
        }


class TrajectoryExports:
    """Writes trajectories as ToolBench and ToolAlpaca keep them, as they come. Use as a context."""

    def __init__(self, corpus: Path, formats: Sequence[CorpusFormat]) -> None:
        """Raises RunError."""
        wanted = [to for to in CorpusFormat if to in formats and to not in _OF_EXAMPLES]
        self._folders = {to: FormatFolder(corpus, to) for to in wanted}
        self._stack = ExitStack()
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._groups: _Groups | None = None

    def __enter__(self) -> Self:
        for folder in self._folders.values():
            self._stack.enter_context(folder)
        if (folder_of := self._folders.get(CorpusFormat.TOOLALPACA)) is not None:
            self._groups = self._stack.enter_context(_Groups(folder_of))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        self._stack.__exit__(kind, error, None)

    def add(self, task: Task, trajectory: Trajectory, tools: Sequence[Tool], describe: Describer) -> None:
        """One accepted row; `tools` are the task's candidates."""
        split = task.provenance.split
        if (folder := self._folders.get(CorpusFormat.TOOLBENCH)) is not None:
            folder.take(split, lambda: self._toolbench(folder, task, trajectory, tools, describe))
        if (groups := self._groups) is not None:
            self._folders[CorpusFormat.TOOLALPACA].take(split, lambda: groups.add(task, trajectory, describe))

    def summaries(self) -> dict[str, Json]:
        return {to.value: folder.summary() for to, folder in self._folders.items()}

    def _toolbench(
        self, folder: FormatFolder, task: Task, trajectory: Trajectory, tools: Sequence[Tool], describe: Describer
    ) -> None:
        offer = ToolBenchOffer(tools)
        split, group = task.provenance.split.value, group_of(task.kind)
        document = answer_document(task, trajectory, offer)
        example = sft_example(task, trajectory, offer, _THOUGHTS)
        rows: list[Json] = []
        if example is not None:
            document["answer_generation"]["train_messages"] = training_messages(example.messages)
            rows = list(conversation_rows(example.messages, example.tools))
        self._numbers[split, group] += 1
        number = self._numbers[split, group]
        policy = _ILLEGAL.sub("-", trajectory.policy).strip("-") or "model"
        path = folder.path(split, "answer", f"{group}_answer", f"{number}_{policy}_{_METHOD}.json")
        path.write_bytes(orjson.dumps(document))
        folder.append(instruction_row(task, number, describe.api), split, "instruction", f"{group}_query.json")
        for row in rows:
            folder.append(row, split, "toolllama.json")


class _Groups:
    """Instances by toolset: kept in a file until all are known, since a ToolAlpaca file is an array of toolsets."""

    def __init__(self, folder: FormatFolder) -> None:
        self._folder = folder
        self._path = folder.path(".instances")
        self._places: dict[tuple[str, str], tuple[Mapping[str, Json], list[tuple[int, int]]]] = {}

    def __enter__(self) -> Self:
        self._file = self._folder.path(".instances").open("w+b")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        with self._file:
            if kind is None:
                for (split, toolset), (entry, places) in sorted(self._places.items(), key=lambda item: item[0]):
                    self._folder.append(self._whole(toolset, entry, places), f"{split}.json")
        self._path.unlink(missing_ok=True)

    def add(self, task: Task, trajectory: Trajectory, describe: Describer) -> None:
        toolset = toolset_of(task, trajectory)
        line = orjson.dumps(instance(task, trajectory))
        place = (self._file.tell(), len(line))
        self._file.write(line)
        key = (task.provenance.split.value, toolset)
        if key not in self._places:
            self._places[key] = (describe.entry(toolset), [])
        self._places[key][1].append(place)

    def _whole(self, toolset: str, entry: Mapping[str, Json], places: Sequence[tuple[int, int]]) -> Json:
        instances = []
        for start, length in places:
            self._file.seek(start)
            instances.append(orjson.loads(self._file.read(length)))
        instructions = [one["input"] for one in instances]
        return {**entry, "Instructions": instructions, "Instances": instances, SIDE: {"toolset": toolset}}


def export_examples(corpus: Path, formats: Sequence[CorpusFormat]) -> dict[str, Json]:
    """Write a corpus's SFT examples as ShareGPT, OpenAI rows or Hugging Face parquet. Raises RunError, DataError."""
    made: dict[str, Json] = {}
    for to in (to for to in CorpusFormat if to in formats and to in _OF_EXAMPLES):
        with FormatFolder(corpus, to) as folder:
            for split in Split:
                path = corpus / "sft" / f"{split.value}.jsonl"
                if path.exists():
                    _write_split(folder, split, read_sft(path))
        made[to.value] = folder.summary()
    return made


def _write_split(folder: FormatFolder, split: Split, examples: Iterator[SFTExample]) -> None:
    if folder.format is CorpusFormat.PARQUET:
        from toolwise.corpus.formats.huggingface import write_dataset  # pyarrow takes a while to import

        folder.rows[split.value] = write_dataset(folder.path(f"{split.value}.parquet"), examples)
        return
    for example in examples:
        folder.take(split, lambda one=example: folder.append(_row(folder.format, one), f"{split.value}.jsonl"))  # type: ignore[misc]


def _row(to: CorpusFormat, example: SFTExample) -> Json:
    if to is CorpusFormat.SHAREGPT:
        return sharegpt_row(example.key, example.messages, example.tools)
    return openai_row(example.messages, example.tools)


def remove_other_exports(corpus: Path, formats: Sequence[CorpusFormat]) -> None:
    """Remove earlier exports of this folder to formats that are not wanted now: they would show another corpus."""
    for to in CorpusFormat:
        folder = corpus / FOLDER_OF.get(to, to.value)
        if to not in formats and (folder / MARK).exists():
            with suppress(OSError):
                shutil.rmtree(folder)
