"""The verb `tasks --from blueprints`: executed blueprints in a language model's words, accepted if they read back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import DeduplicationConfig, Deduplicator, read_tasks, write_rows
from toolwise.errors import DataError
from toolwise.pipelines.asking import Session
from toolwise.pipelines.context import Context
from toolwise.pipelines.instructions import (
    STAGE,
    Source,
    cost_of,
    finish_tasks,
    prompt_tokens,
    rejected_later,
    tasks_folder,
)
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.verbs import make_tasks, world_of
from toolwise.ports import ChatModel, Observer, Sampling, silent
from toolwise.store import Row, Rows, RowStatus, RunFolder
from toolwise.synthesis.instructions import (
    InstructionFault,
    InstructionsConfig,
    difference,
    read_calls,
    read_wording,
    reading_request,
    wording_fault,
    wording_request,
)
from toolwise.types import Json, Outcome, Split, Task, Tool, content_key

BLUEPRINTS = "blueprints"
"""The folder inside a run where the embedded teacher's tasks are, when the run makes them itself."""
_ANSWER_TOKENS = 90
_READING_TOKENS = 120
_ESTIMATED = 100


def reword_tasks(  # noqa: PLR0913 - a verb takes what its command takes
    catalog: Path,
    out: Path,
    config: InstructionsConfig,
    teacher: Teacher,
    *,
    tasks: Path | None = None,
    counts: tuple[int, int] = (1000, 100),
    resume: bool = False,
    observer: Observer = silent,
) -> Json:
    """Word the blueprints of a tasks folder, or of tasks that the embedded teacher makes first. Raises UserError.

    Tasks in which no call is right have no blueprint; they are counted under `without_blueprint` and left out.
    """
    home = tasks or out.with_name(f"{out.name}-{BLUEPRINTS}")
    if tasks is None:
        make_tasks(catalog, home, counts, world=teacher.world, seed=config.seed, resume=True, observer=observer)
    inputs = tasks_folder(home)
    if Path(inputs["catalog"]).resolve() != catalog.resolve():
        raise DataError(f"the tasks in {home} are of {inputs['catalog']}, not of {catalog}; give that catalog")
    teacher = replace(teacher, world=world_of(inputs))
    source = Source(catalog, open_catalog(catalog), {name: Split(split) for name, split in inputs["split"].items()})
    settings = {
        "verb": "tasks",
        "teacher": "llm",
        "from": str(inputs["tasks"]),
        "catalog": str(catalog.resolve()),
        "instructions": config.model_dump(mode="json"),
        **teacher.identity,
    }
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, 1, observer)
        if (finished := folder.finished(STAGE)) is not None:
            return finished[1]
        summary = asyncio.run(_session(context, source, Path(inputs["tasks"]), config, teacher))
        finish_tasks(context, source, teacher, summary)
    return summary


async def _session(
    context: Context, source: Source, tasks: Path, config: InstructionsConfig, teacher: Teacher
) -> dict[str, Json]:
    rows = context.run.rows(STAGE)
    rows.add(task.key for task in _worded(tasks))
    session: Session[Task] = Session(context, STAGE, teacher)
    wording = _Wording(source.catalog, config, teacher)
    async with session as model:
        await session.run(rows, ((task.key, task) for task in _worded(tasks)), wording.row, model)
    funnel, duplicates = rows.funnel(), [0]
    count = write_rows(context.path("tasks.jsonl"), _accepted(rows, tasks, config, duplicates))
    if duplicates[0]:
        funnel = rejected_later(funnel, InstructionFault.DUPLICATE.value, duplicates[0])
    return {
        "tasks": count,
        "funnel": funnel.model_dump(mode="json"),
        "without_blueprint": sum(not _has_calls(task) for task in read_tasks(tasks)),
        **session.summary(),
    }


def _has_calls(task: Task) -> bool:
    return task.blueprint is not None and task.checks.outcome is Outcome.CALL


def _worded(tasks: Path) -> Iterator[Task]:
    return (task for task in read_tasks(tasks) if _has_calls(task))


class _Wording:
    """Two calls a task: one words the blueprint, one reads it back."""

    def __init__(self, catalog: CatalogFile, config: InstructionsConfig, teacher: Teacher) -> None:
        self._catalog = catalog
        self._config = config
        self._chat = teacher.chat

    async def row(self, task: Task, model: ChatModel) -> Row:
        config = self._config
        tools = self.tools(task)
        asked = wording_request(task, tools, config.language, self.sampling(task, "word"))
        text = read_wording((await model.complete(asked)).message.content)
        fault = wording_fault(text, task, tuple(tools.values()), config.language, config.longest)
        if fault is not None:
            return Row(task.key, RowStatus.REJECTED, {"instruction": text}, reason=fault.value)
        asked = reading_request(text, tools.values(), config.documentation_chars, self.sampling(task, "read"))
        content = (await model.complete(asked)).message.content
        assert task.blueprint is not None  # noqa: S101 # only such tasks are worded
        differs = difference(task.blueprint, read_calls(content), tools)
        value = {"instruction": text}
        if differs is not None:
            return Row(task.key, RowStatus.REJECTED, {**value, "read": content}, reason=differs.value)
        return Row(task.key, RowStatus.DONE, value)

    def tools(self, task: Task) -> dict[str, Tool]:
        return {tool_id: self._catalog.tool(tool_id) for tool_id in task.candidates}

    def sampling(self, task: Task, what: str) -> Sampling:
        seed = int(content_key(what, self._config.seed, task.key)[:8], 16)
        return Sampling(self._chat.temperature, self._chat.max_tokens_per_call, seed)


def _accepted(rows: Rows, tasks: Path, config: InstructionsConfig, duplicates: list[int]) -> Iterator[Task]:
    """The tasks with their new words, in their old order."""
    words: Mapping[str, str] = {row.key: row.value["instruction"] for row in rows if row.status is RowStatus.DONE}
    known = Deduplicator(DeduplicationConfig(threshold=config.similarity))
    for task in _worded(tasks):
        text = words.get(task.key)
        if text is None:
            continue
        if not known.is_new(text):
            duplicates[0] += 1
            continue
        provenance = task.provenance.model_copy(update={"teacher": "llm"})
        yield task.model_copy(update={"instruction": text, "provenance": provenance}).with_key()


def estimate_rewording(
    catalog: Path, config: InstructionsConfig, teacher: Teacher, tasks: Path | None, most: int
) -> Json:
    """Calls, tokens and price beforehand; `most` is the number of tasks where none have been made yet."""
    if tasks is None:
        calls, size = 2 * most, 1000
        expected = cost_of(teacher, calls, calls * size, most * (_ANSWER_TOKENS + _READING_TOKENS))
        limit = cost_of(teacher, calls, calls * size, calls * teacher.chat.max_tokens_per_call)
        return {"tasks": most, "model": teacher.endpoints[0].model, "expected": expected, "at_most": limit}
    path = Path(tasks_folder(tasks)["tasks"])
    count = sum(1 for _ in _worded(path))
    wording = _Wording(open_catalog(catalog), config, teacher)
    sizes = []
    for task in islice(_worded(path), _ESTIMATED):
        tools = wording.tools(task)
        sampling = wording.sampling(task, "word")
        sizes.append(prompt_tokens(wording_request(task, tools, config.language, sampling)))
        sizes[-1] += prompt_tokens(
            reading_request(task.instruction, tools.values(), config.documentation_chars, sampling)
        )
    prompt = int(sum(sizes) / max(1, len(sizes)) * count)
    return {
        "tasks": count,
        "model": teacher.endpoints[0].model,
        "expected": cost_of(teacher, 2 * count, prompt, count * (_ANSWER_TOKENS + _READING_TOKENS)),
        "at_most": cost_of(teacher, 2 * count, prompt, 2 * count * teacher.chat.max_tokens_per_call),
    }
