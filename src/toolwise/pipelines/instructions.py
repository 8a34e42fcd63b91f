"""The verb `tasks` with a language model, by ToolBench's sampling and filters (ToolLLM, section 2.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import (
    DeduplicationConfig,
    Deduplicator,
    TaskGuard,
    split_catalog,
    tool_signature,
    write_rows,
)
from toolwise.errors import DataError
from toolwise.files import read_json, write_json
from toolwise.llm.pricing import estimated_tokens, usage_of
from toolwise.llm.wire import asked
from toolwise.pipelines.asking import Session
from toolwise.pipelines.assemble import build_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.settings import RunConfig
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.pipelines.worlds import settings_of
from toolwise.ports import ChatModel, ChatRequest, Observer, Sampling, World, silent
from toolwise.store import Row, Rows, RowStatus, RunFolder
from toolwise.synthesis.instructions import (
    Batch,
    InstructionFault,
    InstructionFilter,
    InstructionsConfig,
    Written,
    instruction_request,
    instruction_task,
    plan_batches,
    read_written,
)
from toolwise.types import Funnel, Json, Split, Task, Tool, Toolset, content_key

STAGE = "instructions"
_HELD = {Split.DEV: 0.04, Split.SEEN_TOOLSET: 0.06}
"""Of the instructions for training toolsets: the shares that go to these splits."""
_ANSWER_TOKENS = 110
"""What a model writes for one instruction with its calls, on average."""
_ESTIMATED = 50
"""Calls whose prompts are built for an estimate."""


@dataclass(frozen=True)
class Source:
    """A catalog with the split of its toolsets."""

    path: Path
    catalog: CatalogFile
    split_of: Mapping[str, Split]

    def tools(self, batch: Batch) -> list[tuple[Toolset, Tool]]:
        """A batch's tools with their toolsets, in the order shown."""
        pairs = ((self.catalog.toolset(tool_id.partition(".")[0]), tool_id) for tool_id in batch.tools)
        return [(toolset, self.catalog.tool(tool_id)) for toolset, tool_id in pairs]


def open_source(catalog: Path, seed: int) -> Source:
    """The catalog, split as the embedded teacher splits it for the same seed. Raises CatalogError."""
    opened = open_catalog(catalog)
    placed = split_catalog(opened.summaries, RunConfig().split.model_copy(update={"seed": seed}))
    return Source(catalog, opened, placed)


def write_instructions(
    catalog: Path,
    out: Path,
    config: InstructionsConfig,
    teacher: Teacher,
    *,
    resume: bool = False,
    observer: Observer = silent,
) -> Json:
    """Write tasks whose instructions a language model wrote. Raises UserError.

    The funnel counts every instruction that was asked for. Where the session ends early for the budget or the
    endpoint, the summary's `stopped` says why, and the rest stays pending.
    """
    source = open_source(catalog, config.seed)
    settings = {
        "verb": "tasks",
        "teacher": "llm",
        "catalog": str(catalog.resolve()),
        "instructions": config.model_dump(mode="json"),
        **teacher.identity,
    }
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, 1, observer)
        if (finished := folder.finished(STAGE)) is not None:
            return finished[1]
        summary = asyncio.run(_session(context, source, config, teacher))
        finish_tasks(context, source, teacher, summary)
    return summary


def finish_tasks(context: Context, source: Source, teacher: Teacher, summary: Mapping[str, Json]) -> None:
    """Say where the tasks are, for the next step; a stage without pending rows is finished."""
    found = {
        "catalog": str(source.path.resolve()),
        "split": {name: split.value for name, split in source.split_of.items()},
        **settings_of(teacher.world),
        "tasks": str(context.path("tasks.jsonl").resolve()),
        "funnel": summary["funnel"],
    }
    write_json(context.path(INPUTS_FILE), found)
    if not summary["funnel"]["pending"]:
        context.run.finish(STAGE, summary["session"]["seconds"], dict(summary))


async def _session(context: Context, source: Source, config: InstructionsConfig, teacher: Teacher) -> dict[str, Json]:
    batches = planned(source, config)
    rows = context.run.rows(STAGE)
    rows.add(batch.key for batch in batches)
    session: Session[Batch] = Session(context, STAGE, teacher)
    world = build_world(teacher.world, source.catalog, session.closers)

    async def work(batch: Batch, model: ChatModel) -> Row:
        reply = await model.complete(_request(source, batch, config, teacher))
        try:
            written = read_written(reply.message.content)[: batch.wanted]
        except ValueError as error:
            return Row(batch.key, RowStatus.FAILED, {"error": str(error)}, reason="unreadable")
        return Row(batch.key, RowStatus.DONE, [entry.model_dump(mode="json") for entry in written])

    async with session as model:
        await session.run(rows, ((batch.key, batch) for batch in batches), work, model)
    judged = _Judged(source, config, world)
    count = write_rows(context.path("tasks.jsonl"), judged.tasks(batches, rows))
    return {
        "tasks": count,
        "model_calls": len(batches),
        "funnel": judged.funnel.model_dump(mode="json"),
        "splits": judged.splits,
        "kinds": judged.kinds,
        **session.summary(),
    }


def planned(source: Source, config: InstructionsConfig) -> list[Batch]:
    """All calls of a run. Raises DataError where the catalog allows none of the kinds."""
    batches = plan_batches(source.catalog.summaries, source.split_of, config)
    if not batches:
        kinds = ", ".join(kind.value for kind in config.kinds)
        raise DataError(
            f"{source.path} has no tools for the kinds {kinds}; category and collection need toolsets that share one "
            "(see `toolwise catalog group`)"
        )
    return batches


def _request(source: Source, batch: Batch, config: InstructionsConfig, teacher: Teacher) -> ChatRequest:
    chat = teacher.chat
    sampling = Sampling(chat.temperature, chat.max_tokens_per_call, batch.seed)
    return instruction_request(batch, source.tools(batch), config, sampling)


class _Judged:
    """Everything that was written, in order: filtered, freed of duplicates and leaks, counted."""

    def __init__(self, source: Source, config: InstructionsConfig, world: World) -> None:
        self._source = source
        self._config = config
        self._world = world
        self._filter = InstructionFilter(config)
        self._known = Deduplicator(DeduplicationConfig(threshold=config.similarity))
        self.funnel = Funnel()
        self.splits = dict.fromkeys((split.value for split in Split), 0)
        self.kinds = dict.fromkeys((kind.value for kind in config.kinds), 0)

    def tasks(self, batches: list[Batch], rows: Rows) -> Iterator[Task]:
        """The tasks of all that passed, training tasks first, because others are compared with them."""
        answers = {row.key: row for row in rows}
        ordered = sorted(batches, key=lambda batch: batch.split is not Split.TRAIN)  # stable
        made = [task for batch in ordered for task in self._batch(batch, answers[batch.key])]
        train = [task for task in made if task.provenance.split is Split.TRAIN]
        names = (name for name in self._source.catalog.names() if self._source.split_of[name] is Split.TRAIN)
        signatures = [tool_signature(tool) for name in names for tool in self._source.catalog.toolset(name).tools]
        guard = TaskGuard(train, signatures)
        leaks = 0
        for task in made:
            split = task.provenance.split
            if split is not Split.TRAIN and guard.leak(task, self._source.catalog) is not None:
                leaks += 1
                continue
            self.splits[split.value] += 1
            self.kinds[task.kind.value] += 1
            yield task
        if leaks:
            self.funnel = rejected_later(self.funnel, InstructionFault.LEAK.value, leaks)

    def _batch(self, batch: Batch, row: Row) -> list[Task]:
        if row.status is RowStatus.PENDING:
            self.funnel += Funnel(entered=batch.wanted, pending=batch.wanted)
            return []
        if row.status is RowStatus.FAILED:
            self.funnel += Funnel(entered=batch.wanted, failed=batch.wanted, reasons={row.reason: batch.wanted})
            return []
        tools = {tool.id: tool for _, tool in self._source.tools(batch)}
        reasons: dict[str, int] = {}
        tasks: list[Task] = []
        for position in range(batch.wanted):
            result = self._one(row.value, position, batch, tools)
            if isinstance(result, Task):
                tasks.append(result)
            else:
                reasons[result.value] = reasons.get(result.value, 0) + 1
        rejected = sum(reasons.values())
        self.funnel += Funnel(entered=batch.wanted, accepted=len(tasks), rejected=rejected, reasons=reasons)
        return tasks

    def _one(
        self, answer: list[Json], position: int, batch: Batch, tools: Mapping[str, Tool]
    ) -> Task | InstructionFault:
        if position >= len(answer):
            return InstructionFault.NOT_WRITTEN
        written = Written.model_validate(answer[position])
        if (fault := self._filter.fault(written, tools)) is not None:
            return fault
        if not self._known.is_new(written.instruction):
            return InstructionFault.DUPLICATE
        return instruction_task(written, position, batch, _split(batch, written), self._world)


def _split(batch: Batch, written: Written) -> Split:
    """A training toolset's instruction may serve for choosing checkpoints or for measuring; drawn by its words."""
    if batch.split is not Split.TRAIN:
        return batch.split
    point = int(content_key("held out", written.instruction)[:8], 16) / 16**8
    for split, share in _HELD.items():
        if point < share:
            return split
        point -= share
    return Split.TRAIN


def rejected_later(funnel: Funnel, reason: str, count: int) -> Funnel:
    """The funnel after so many of its accepted rows were dropped by a later check."""
    reasons = {**funnel.reasons, reason: funnel.reasons.get(reason, 0) + count}
    return Funnel(
        entered=funnel.entered,
        accepted=funnel.accepted - count,
        rejected=funnel.rejected + count,
        failed=funnel.failed,
        pending=funnel.pending,
        reasons=reasons,
    )


def estimate_instructions(catalog: Path, config: InstructionsConfig, teacher: Teacher) -> Json:
    """Calls, tokens and price beforehand, from the prompts themselves and a guess of the answers' length."""
    source = open_source(catalog, config.seed)
    batches = planned(source, config)
    sample = batches[:: max(1, len(batches) // _ESTIMATED)]
    sizes = [prompt_tokens(_request(source, batch, config, teacher)) for batch in sample]
    prompt = int(sum(sizes) / len(sizes) * len(batches))
    wanted = sum(batch.wanted for batch in batches)
    most = len(batches) * teacher.chat.max_tokens_per_call
    return {
        "tasks": wanted,
        "model": teacher.endpoints[0].model,
        "expected": cost_of(teacher, len(batches), prompt, min(most, wanted * _ANSWER_TOKENS)),
        "at_most": cost_of(teacher, len(batches), prompt, most),
    }


def prompt_tokens(request: ChatRequest) -> int:
    """What a request may need, from its characters."""
    return estimated_tokens(len(orjson.dumps(asked(request))))


def cost_of(teacher: Teacher, calls: int, prompt: int, completion: int) -> Json:
    """One line of an estimate."""
    used = usage_of(teacher.endpoints[0].price, prompt, completion, calls=calls)
    return {
        "calls": used.calls,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost": None if used.cost is None else round(used.cost, 4),
    }


def tasks_folder(folder: Path) -> dict[str, Json]:
    """What a folder that `toolwise tasks` wrote says of its inputs. Raises DataError."""
    problem = f"{folder} holds no tasks; give the folder that `toolwise tasks` wrote"
    if not (folder / INPUTS_FILE).exists():
        raise DataError(problem)
    inputs = dict(read_json(folder / INPUTS_FILE))
    if "tasks" not in inputs:
        raise DataError(problem)
    return inputs
