"""The verb `converse`: a user, an assistant and the tools, played by scripts, a language model and a world."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolwise.catalog import CatalogFile
from toolwise.corpus import write_rows
from toolwise.errors import DataError, ToolwiseError
from toolwise.files import write_json
from toolwise.llm.solver import ChatPolicy
from toolwise.pipelines.asking import Session
from toolwise.pipelines.assemble import build_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.funnels import followed_by
from toolwise.pipelines.instructions import Source, cost_of, open_source
from toolwise.pipelines.journalled_world import Effects
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.pipelines.worlds import settings_of
from toolwise.ports import ChatModel, ChatRequest, Observer, Turn, World, silent
from toolwise.ports import Session as WorldSession
from toolwise.store import Row, Rows, RowStatus, RunFolder
from toolwise.synthesis.conversations import (
    ASSISTANT,
    Conversation,
    ConversationConfig,
    ScriptWriter,
    converse,
)
from toolwise.synthesis.pool import Pool
from toolwise.types import (
    Catalog,
    Json,
    Message,
    RejectReason,
    Role,
    Split,
    Task,
    Trajectory,
    Verdict,
    content_key,
)
from toolwise.verification import Verifier, funnel_of

STAGE = "converse"
_POOL = 16
"""Toolsets whose tools are candidates for each other's conversations."""
_POOLS = 8
"""Pools kept in memory."""
_TURN_TOKENS, _ANSWER_TOKENS = 1500, 60
"""What a turn sends and gets, for estimates."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One conversation to hold."""

    toolset: str
    pool: tuple[str, ...]
    seed: int

    @property
    def key(self) -> str:
        return content_key("conversation", self.toolset, self.seed)


class _Assistant(ChatPolicy):
    """A language model that talks with a user."""

    def request(self, turn: Turn) -> ChatRequest:
        """As the solver asks it, under the standing instructions of a conversation."""
        request = super().request(turn)
        return replace(request, messages=(_ASSISTANT, *request.messages[1:]))


_ASSISTANT = Message(role=Role.SYSTEM, content=ASSISTANT)


def hold_conversations(
    catalog: Path,
    out: Path,
    count: int,
    config: ConversationConfig,
    teacher: Teacher,
    *,
    resume: bool = False,
    observer: Observer = silent,
) -> Json:
    """Hold `count` conversations over the catalog's training toolsets and verify them. Raises UserError.

    Writes `tasks.jsonl`, `trajectories.jsonl` and `verdicts.jsonl`: those that passed the conversation's own filters.
    The funnel is over all of them. Where the session ends early for the budget or the endpoint, the summary's
    `stopped` says why, and the rest stays pending.
    """
    source = open_source(catalog, config.seed)
    settings = {
        "verb": "converse",
        "catalog": str(catalog.resolve()),
        "count": count,
        "conversations": config.model_dump(mode="json"),
        **teacher.identity,
    }
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, 1, observer)
        if (finished := folder.finished(STAGE)) is not None:
            return finished[1]
        summary = asyncio.run(_session(context, source, count, config, teacher))
        _finish(context, source, teacher, summary)
    return summary


def _finish(context: Context, source: Source, teacher: Teacher, summary: Mapping[str, Json]) -> None:
    names = ("tasks", "trajectories", "verdicts")
    inputs = {
        "catalog": str(source.path.resolve()),
        "split": {name: split.value for name, split in source.split_of.items()},
        **settings_of(teacher.world),
        **{name: str(context.path(f"{name}.jsonl").resolve()) for name in names},
        "failed": {},
        "funnel": summary["funnel"],
        "verified": summary["verified"],
    }
    write_json(context.path(INPUTS_FILE), inputs)
    if not summary["funnel"]["pending"]:
        context.run.finish(STAGE, summary["session"]["seconds"], dict(summary))


async def _session(
    context: Context, source: Source, count: int, config: ConversationConfig, teacher: Teacher
) -> dict[str, Json]:
    jobs = list(_jobs(source, count, config.seed))
    rows = context.run.rows(STAGE)
    rows.add(job.key for job in jobs)
    session: Session[_Job] = Session(context, STAGE, teacher)
    async with session as model:
        effects = Effects(context.run.journal, session.meter)
        world = build_world(teacher.world, source.catalog, session.closers, effects=effects)
        stage = _Stage(source.catalog, world, config, teacher)
        await session.run(rows, ((job.key, job) for job in jobs), stage.row, model)
        held = list(_held(rows))
        verdicts, broken = await _verified(_Replaying(world, _scripts(rows)), source.catalog, held)
    kept = [pair for pair in held if pair[0].key not in broken]
    write_rows(context.path("tasks.jsonl"), (task for task, _ in kept))
    write_rows(context.path("trajectories.jsonl"), (trajectory for _, trajectory in kept))
    write_rows(context.path("verdicts.jsonl"), verdicts)
    verified = funnel_of(verdicts, dict(Counter(broken.values())))
    accepted = {verdict.key for verdict in verdicts if verdict.accepted}
    values = [row.value for row in rows if row.status is RowStatus.DONE and row.value["task"]["key"] in accepted]
    return {
        "conversations": len(kept),
        "funnel": followed_by(rows.funnel(), verified).model_dump(mode="json"),
        "verified": funnel_of(verdicts).model_dump(mode="json"),
        "replayed": teacher.world.repeatable,
        "proportions": {
            **proportions([pair for pair in kept if pair[0].key in accepted]),
            "styles": dict(sorted(Counter(value["style"] for value in values).items())),
            "acts": dict(sorted(Counter(act for value in values for act in value["acts"]).items())),
        },
        **session.summary(),
    }


def _jobs(source: Source, count: int, seed: int) -> Iterator[_Job]:
    """The training toolsets take turns, those of a pool together."""
    summaries = sorted(source.catalog.summaries, key=lambda summary: (summary.category, summary.name))
    names = [s.name for s in summaries if s.tools and source.split_of[s.name] is Split.TRAIN]
    if not names:
        raise DataError(f"{source.path} has no training toolset with tools; import more documents")
    pools = [tuple(names[start : start + _POOL]) for start in range(0, len(names), _POOL)]
    if len(pools) > 1 and len(pools[-1]) < _POOL // 2:  # a small pool has too few other tools to offer
        pools[-2:] = [pools[-2] + pools[-1]]
    homes = [(name, pool) for pool in pools for name in pool]
    for index in range(count):
        name, pool = homes[index * len(homes) // count] if count < len(homes) else homes[index % len(homes)]
        yield _Job(name, pool, int(content_key("conversation", seed, index)[:8], 16))


class _Replaying:
    """The world in which conversations are verified: what the journal holds is found under the script's key."""

    def __init__(self, world: World, scripts: Mapping[str, str]) -> None:
        self.name = world.name
        self.can_fork = world.can_fork
        self._world = world
        self._scripts = scripts

    def open(self, task: Task) -> WorldSession:
        return self._world.open(task.model_copy(update={"key": self._scripts.get(task.key, task.key)}))


class _Stage:
    """Holds one conversation at a time for whoever asks; pools are shared."""

    def __init__(self, catalog: CatalogFile, world: World, config: ConversationConfig, teacher: Teacher) -> None:
        self._catalog = catalog
        self._world = world
        self._config = config
        self._chat = teacher.chat
        self._executes = teacher.world.repeatable
        self._pools: OrderedDict[tuple[str, ...], tuple[Pool, ScriptWriter]] = OrderedDict()

    async def row(self, job: _Job, model: ChatModel) -> Row:
        pool, writer = self._pool(job.pool)
        script = await writer.write(pool.catalog.toolset(job.toolset), job.seed, Split.TRAIN)
        if isinstance(script, RejectReason):
            return Row(job.key, RowStatus.REJECTED, None, reason=f"script_{script.value}")
        assistant = _Assistant(model, temperature=self._chat.temperature, max_tokens=self._chat.max_tokens_per_call)
        held = await converse(script, model, assistant, (self._world, self._catalog), self._config)
        if held.fault is None:
            acts = [request.act.value for request in script.requests]
            acts += ["withhold"] if any(request.withheld for request in script.requests) else []
            about = {"script": script.task.key, "style": script.style.value, "acts": acts}
            return Row(job.key, RowStatus.DONE, {**_dumped(held), **about})
        return Row(job.key, RowStatus.REJECTED, _dumped(held), reason=held.fault.value)

    def _pool(self, names: tuple[str, ...]) -> tuple[Pool, ScriptWriter]:
        found = self._pools.get(names)
        if found is None:
            pool = Pool(Catalog(toolsets=tuple(self._catalog.toolset(name) for name in names)))
            writer = ScriptWriter(pool, self._world, self._config, executes=self._executes)
            found = self._pools[names] = (pool, writer)
            if len(self._pools) > _POOLS:
                self._pools.popitem(last=False)
        return found


def _dumped(held: Conversation) -> dict[str, Json]:
    return {"task": held.task.model_dump(mode="json"), "trajectory": held.trajectory.model_dump(mode="json")}


def _held(rows: Rows) -> Iterator[tuple[Task, Trajectory]]:
    """The conversations that passed their filters, in order."""
    for row in rows:
        if row.status is RowStatus.DONE:
            yield Task.model_validate(row.value["task"]), Trajectory.model_validate(row.value["trajectory"])


def _scripts(rows: Rows) -> dict[str, str]:
    """Task key -> its script's key."""
    return {row.value["task"]["key"]: row.value["script"] for row in rows if row.status is RowStatus.DONE}


async def _verified(
    world: World, catalog: CatalogFile, held: Iterable[tuple[Task, Trajectory]]
) -> tuple[list[Verdict], dict[str, str]]:
    """(a verdict each, the error of each that broke): every turn's form, schema, execution, calls and grounding."""
    verifier = Verifier(world, catalog)
    verdicts: list[Verdict] = []
    broken: dict[str, str] = {}
    for task, trajectory in held:
        try:
            verdicts.append(await verifier.verify(task, trajectory))
        except (ToolwiseError, KeyError) as error:
            broken[task.key] = type(error).__name__
    return verdicts, broken


def proportions(held: Iterable[tuple[Task, Trajectory]]) -> dict[str, Json]:
    """How many conversations have one turn of the user's or several, and one call or several, with the shares."""
    turns: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for _, trajectory in held:
        said = sum(node.message.role is Role.USER for node in trajectory.nodes)
        made = sum(len(node.message.tool_calls) for node in trajectory.nodes)
        turns["single" if said == 1 else "multi"] += 1
        calls["single" if made == 1 else "multi"] += 1
        lengths[said] += 1
    return {
        "turns": _shares(turns),
        "calls": _shares(calls),
        "user_turns": {str(length): lengths[length] for length in sorted(lengths)},
    }


def _shares(counts: Counter[str]) -> dict[str, Json]:
    total = counts.total()
    return {
        name: {"n": counts[name], "share": round(counts[name] / total, 4) if total else None}
        for name in ("single", "multi")
    }


def estimate_conversations(catalog: Path, count: int, config: ConversationConfig, teacher: Teacher) -> Json:
    """Calls, tokens and price beforehand; turns are expected from the shares of the configuration, and guessed."""
    source = open_source(catalog, config.seed)
    list(_jobs(source, 1, config.seed))  # says so where there is nothing to talk about
    requests = 1 + config.change + config.add
    user_turns = requests + config.withhold * (1 + config.add)
    turns = user_turns + 2 * requests + config.multi_call + config.withhold
    most = 3 * (config.max_steps + config.max_questions) + 3 * config.user_tries
    calls, limit = int(count * turns), count * most
    return {
        "tasks": count,
        "model": teacher.endpoints[0].model,
        "expected": cost_of(teacher, calls, calls * _TURN_TOKENS, calls * _ANSWER_TOKENS),
        "at_most": cost_of(teacher, limit, limit * _TURN_TOKENS, limit * teacher.chat.max_tokens_per_call),
    }
