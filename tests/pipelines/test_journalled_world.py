"""Real tool calls happen once: as a property over any order of calls, branches and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.pipelines.asking import largest_first, pending_jobs
from toolwise.pipelines.journalled_world import JournalledWorld
from toolwise.ports import Session
from toolwise.store import Row, RowStatus, RunFolder
from toolwise.store.journal import EffectKind
from toolwise.types import (
    Catalog,
    Json,
    McpBinding,
    Observation,
    ObservationSource,
    Task,
    Tool,
    ToolCall,
    Toolset,
)

TASK = Task(instruction="x", candidates=(), relevant=()).with_key()


def tools(server: str | None) -> Catalog:
    binding = McpBinding(server=server, tool="add") if server else None
    return Catalog(toolsets=(Toolset(name="box", tools=(Tool(id="box.add", name="add", binding=binding),)),))


class Counter:
    """Adds numbers up: for all sessions together or, with `private`, for each of its own."""

    name = "counter"
    can_fork = False

    def __init__(self, *, private: bool) -> None:
        self.private = private
        self.total = 0
        self.calls = 0

    def open(self, task: Task) -> CounterSession:
        return CounterSession(self)


class CounterSession:
    def __init__(self, world: Counter) -> None:
        self.world = world
        self.own = 0

    async def call(self, call: ToolCall) -> Observation:
        self.world.calls += 1
        self.world.total += call.arguments["by"]
        self.own += call.arguments["by"]
        total = self.own if self.world.private else self.world.total
        return Observation(status=200, body={"total": total}, source=ObservationSource.REAL)

    def state(self) -> Mapping[str, Json]:
        return {}

    def snapshot(self) -> object:
        raise AssertionError

    def restore(self, snapshot: object) -> None:
        raise AssertionError

    def prepare(self, call: ToolCall) -> None:
        pass


async def walked(session: Session, steps: list[int]) -> list[Json]:
    return [(await session.call(ToolCall(name="box.add", arguments={"by": by}))).body for by in steps]


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.lists(st.integers(0, 8), max_size=4))
def test_a_restarted_task_makes_no_recorded_call_again_outside_of_its_own_process(
    steps: list[int], stops: list[int]
) -> None:
    """A service that everybody shares is called once a step; a process of the session's own is brought up to date."""
    whole = asyncio.run(walked(Counter(private=True).open(TASK), steps))
    for private in (False, True):
        with TemporaryDirectory() as folder:
            service = Counter(private=private)
            server = "python -m box" if private else "TOKEN=$T http://127.0.0.1:1/mcp"
            for stop in [*stops, len(steps)]:
                with RunFolder(Path(folder) / "R", {}, resume=True) as run:
                    world = JournalledWorld(service, tools(server), run.journal)
                    seen = asyncio.run(walked(world.open(TASK), steps[:stop]))
                    assert seen == whole[:stop]
            if not private:
                assert service.calls == len(steps)


def test_another_branch_makes_its_own_calls_and_the_common_ones_once(tmp_path: Path) -> None:
    service = Counter(private=False)
    with RunFolder(tmp_path / "R", {}, resume=False) as run:
        world = JournalledWorld(service, tools(None), run.journal)
        assert asyncio.run(walked(world.open(TASK), [1, 2])) == [{"total": 1}, {"total": 3}]
        assert asyncio.run(walked(world.open(TASK), [1, 3])) == [{"total": 1}, {"total": 6}]
        assert asyncio.run(walked(world.open(TASK), [1, 1])) == [{"total": 1}, {"total": 7}]
        other = Task(instruction="y", candidates=(), relevant=()).with_key()
        assert asyncio.run(walked(world.open(other), [1])) == [{"total": 8}]
    assert service.calls == 5


def test_a_recorded_observation_comes_back_as_it_was_and_is_on_disk_at_once(tmp_path: Path) -> None:
    async def go(run: RunFolder) -> Observation:
        world = JournalledWorld(Counter(private=False), tools(None), run.journal)
        with run.grouped():
            observation = await world.open(TASK).call(ToolCall(name="box.add", arguments={"by": 2}))
            with pytest.raises(StopIteration):  # nothing of the group is left to be written
                next(iter(run.journal._waiting))
            assert len(run.journal) == 1
        return observation

    with RunFolder(tmp_path / "R", {}, resume=False) as run:
        first = asyncio.run(go(run))
        assert first.source is ObservationSource.REAL
        assert [value["body"] for value in run.journal.values(EffectKind.TOOL)] == [{"total": 2}]
        again = JournalledWorld(Counter(private=False), tools(None), run.journal).open(TASK)
        assert asyncio.run(again.call(ToolCall(name="box.add", arguments={"by": 2}))) == first


@settings(max_examples=30)
@given(st.lists(st.integers(0, 30), max_size=60), st.sets(st.integers(0, 30)), st.integers(1, 10))
def test_each_pending_row_gets_its_job_once_whatever_their_sizes(
    numbers: list[int], finished: set[int], window: int
) -> None:
    keys = list(dict.fromkeys(map(str, numbers)))
    with TemporaryDirectory() as folder, RunFolder(Path(folder) / "R", {}, resume=True) as run:
        rows = run.rows("s")
        rows.add(map(str, numbers))
        for key in keys:
            if int(key) in finished:
                rows.finish(Row(key, RowStatus.DONE))
        jobs = list(pending_jobs(rows, ((str(number), number) for number in numbers)))
        assert [key for key, _ in jobs] == [key for key in keys if int(key) not in finished] == rows.pending()
        assert all(key == str(job) for key, job in jobs)
        ordered = list(largest_first(jobs, lambda job: job, window))
        assert sorted(ordered) == sorted(jobs)
        assert (
            not jobs or window < len(jobs) or [job for _, job in ordered] == sorted((j for _, j in jobs), reverse=True)
        )
