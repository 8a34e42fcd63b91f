"""Journalled model calls, budgets, and reads answered once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.errors import ModelError
from toolwise.llm.pricing import Usage
from toolwise.pipelines.answered_once import AnsweredOnce
from toolwise.pipelines.budget import Budget, BudgetMeter, BudgetSpentError
from toolwise.pipelines.journalled import JournalledModel, spent
from toolwise.ports import ChatReply, ChatRequest, Sampling
from toolwise.store import RunFolder
from toolwise.types import Catalog, Hints, Message, Observation, Role, Task, Tool, ToolCall, Toolset
from virtual_time import run_virtually


class Slow:
    """Answers after a second with the number of the call."""

    name = "slow"

    def __init__(self, *, failing: bool = False) -> None:
        self.calls = 0
        self.failing = failing

    async def ask(self, request: ChatRequest) -> tuple[ChatReply, Usage]:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(1)
        if self.failing:
            raise ModelError("no")
        return ChatReply(Message(role=Role.ASSISTANT, content=str(number)), "stop", 10, 2), Usage(1, 10, 2, 0, 0.5)


def question(seed: int = 0, text: str = "hi") -> ChatRequest:
    return ChatRequest((Message(role=Role.USER, content=text),), sampling=Sampling(seed=seed))


def test_identical_questions_at_once_are_asked_once_and_never_again(tmp_path: Path) -> None:
    async def go(model: JournalledModel) -> list[str]:
        asked = [model.complete(question()) for _ in range(5)] + [model.complete(question(1))]
        return [reply.message.content for reply in await asyncio.gather(*asked)]

    for resume in (False, True):
        slow = Slow()
        with RunFolder(tmp_path / "R", {}, resume=resume) as run:
            assert run_virtually(go(JournalledModel(slow, run.journal))) == ["1"] * 5 + ["2"]
            assert spent(run.journal) == Usage(2, 20, 4, 0, 1.0)
        assert slow.calls == (0 if resume else 2)


def test_a_failed_call_is_not_recorded(tmp_path: Path) -> None:
    async def go(model: JournalledModel) -> list[object]:
        return await asyncio.gather(*(model.complete(question()) for _ in range(3)), return_exceptions=True)

    with RunFolder(tmp_path / "R", {}, resume=False) as run:
        failed = run_virtually(go(JournalledModel(Slow(failing=True), run.journal)))
        assert all(isinstance(error, ModelError) for error in failed)
        assert len(run.journal) == 0


def test_one_that_is_cancelled_does_not_take_the_answer_from_the_others(tmp_path: Path) -> None:
    async def go(model: JournalledModel) -> str:
        first = asyncio.ensure_future(model.complete(question()))
        second = asyncio.ensure_future(model.complete(question()))
        await asyncio.sleep(0.5)
        first.cancel()
        return (await second).message.content

    with RunFolder(tmp_path / "R", {}, resume=False) as run:
        assert run_virtually(go(JournalledModel(Slow(), run.journal))) == "2"


@given(
    st.integers(0, 30),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=60),
)
def test_a_budget_is_never_exceeded_and_used_as_far_as_it_goes(
    most: int, workers: int, calls: list[tuple[int, int]]
) -> None:
    """Calls whose use is at most their estimate, from several workers."""
    budget = Budget(max_calls=most, max_tokens=most * 20)

    async def go() -> BudgetMeter:
        meter = BudgetMeter(budget)
        stream = iter(calls)

        async def work() -> None:
            for estimated, used in stream:
                estimate = Usage(1, estimated, 0, 0, None)
                try:
                    await meter.admit(estimate)
                except BudgetSpentError:
                    return
                await asyncio.sleep(0.1)
                meter.settle(estimate, Usage(1, min(used, estimated), 0, 0, None))
                assert meter.used.calls <= most
                assert meter.used.tokens <= most * 20

        await asyncio.gather(*(work() for _ in range(workers)))
        return meter

    meter = run_virtually(go())
    fits_all = sum(estimated for estimated, _ in calls) <= most * 20 and len(calls) <= most
    if fits_all:
        assert meter.used.calls == len(calls)


def test_minutes_count_from_the_first_call() -> None:
    async def go() -> None:
        meter = BudgetMeter(Budget(max_minutes=1))
        await meter.admit(Usage(1))
        meter.settle(Usage(1), Usage(1))
        await asyncio.sleep(61)
        with pytest.raises(BudgetSpentError, match="--max-minutes"):
            await meter.admit(Usage(1))

    run_virtually(go())


READ = Tool(id="box.read", name="read", hints=Hints(read_only=True))
WRITE = Tool(id="box.write", name="write")
TOOLS = Catalog(toolsets=(Toolset(name="box", tools=(READ, WRITE)),))


class CountingWorld:
    """Returns how often it ran something; its state is the number of writes."""

    name = "counting"
    can_fork = True

    def __init__(self) -> None:
        self.ran = 0

    def open(self, task: Task) -> CountingSession:
        return CountingSession(self)


class CountingSession:
    def __init__(self, world: CountingWorld) -> None:
        self.world = world
        self.writes = 0

    async def call(self, call: ToolCall) -> Observation:
        self.world.ran += 1
        self.writes += call.name == "box.write"
        return Observation(status=200, body={"writes": self.writes})

    def state(self) -> dict[str, int]:
        return {"writes": self.writes}

    def snapshot(self) -> object:
        return self.writes

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, int)
        self.writes = snapshot

    def prepare(self, call: ToolCall) -> None:
        pass


@given(st.lists(st.sampled_from(["read", "write", "mark", "back"]), max_size=30))
def test_reads_are_answered_once_and_always_right(acts: list[str]) -> None:
    async def go() -> None:
        inner = CountingWorld()
        task = Task(instruction="x", candidates=(), relevant=())
        session = AnsweredOnce(inner, TOOLS).open(task)
        marks = [session.snapshot()]
        reads = 0
        for act in acts:
            if act == "mark":
                marks.append(session.snapshot())
            elif act == "back":
                session.restore(marks[-1])
            else:
                observation = await session.call(ToolCall(name=f"box.{act}"))
                assert observation.body == session.state()
                reads += act == "read"
        writes = acts.count("write")
        assert inner.ran <= writes + min(reads, writes + 1)

    asyncio.run(go())
