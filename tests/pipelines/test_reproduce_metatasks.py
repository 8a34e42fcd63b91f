import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from small_documents import write_documents
from toolwise.cli.app import app
from toolwise.errors import ConfigError
from toolwise.metatasks import Solution, SolutionConfig, solutions
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.mixing import Variant
from toolwise.pipelines.reproduce.cells import Cell
from toolwise.pipelines.reproduce.comparison import FAILS, HOLDS, UNCLEAR, Scored, findings
from toolwise.pipelines.reproduce.episodes import Act, Episode, NullActor, RandomActor, success
from toolwise.pipelines.reproduce.metatasks import metatask_experiment, reproduce_metatasks
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment, quick_experiment
from toolwise.types import ToolCall
from toolwise.worlds.planning import PlanningSubject


def tasks(subject: PlanningSubject, count: int) -> list[Solution]:
    async def collect() -> list[Solution]:
        return [s async for s in solutions(subject, subject.world.variant.toolset.tools, count, SolutionConfig())]

    return asyncio.run(collect())


class PlanActor:
    """Follows the plan, after some wasted calls."""

    name = "plan"

    def __init__(self, wasted: int) -> None:
        self.wasted = wasted

    def act(self, episodes: Sequence[Episode]) -> list[Act]:
        return [Act(calls=(*([ToolCall(name="none")] * self.wasted), *e.solution.plan)) for e in episodes]


def test_success_is_decided_by_the_world_within_the_step_limit() -> None:
    subject = PlanningSubject("blocksworld", (3, 4))
    drawn = tasks(subject, 10)
    assert success(PlanActor(0), subject, drawn) == [True] * 10
    assert success(PlanActor(2), subject, drawn) == [True] * 10
    assert success(PlanActor(3), subject, drawn) == [False] * 10
    assert success(NullActor(), subject, drawn) == [False] * 10


def test_an_attempt_ends_with_a_turn_of_which_no_call_runs() -> None:
    subject = PlanningSubject("blocksworld", (3, 4))

    class Hesitant(PlanActor):
        def act(self, episodes: Sequence[Episode]) -> list[Act]:
            return [
                Act(calls=(ToolCall(name="none"),)) if not e.calls else Act(calls=e.solution.plan) for e in episodes
            ]

    assert success(Hesitant(0), subject, tasks(subject, 5)) == [False] * 5


def test_the_random_policy_only_makes_calls_that_run_and_repeats_itself_by_seed() -> None:
    subject = PlanningSubject("blocksworld", (2, 2))
    drawn = tasks(subject, 40)
    reached = success(RandomActor(subject), subject, drawn)
    assert reached == success(RandomActor(subject), subject, drawn)
    assert 0 < sum(reached) < 40


def scored(world: str, variant: Variant, rates: Sequence[float], config: MetaTaskExperiment) -> list[Scored]:
    found = []
    for seed, rate in enumerate(rates):
        values = [index < rate * 100 for index in range(100)]
        result: dict[str, Any] = {"success": dict.fromkeys(("held-out", "larger", "renamed"), values)}
        result |= {"answers": {}, "tokens": config.tokens}
        found.append(Scored(Cell(Path(), config, world, variant, seed), result))
    return found


@pytest.mark.parametrize(
    ("mixed", "alone", "verdict"),
    [
        ((0.7, 0.7, 0.7), (0.3, 0.3, 0.3), HOLDS),
        ((0.3, 0.3, 0.3), (0.7, 0.7, 0.7), FAILS),
        ((0.9, 0.4, 0.2), (0.5, 0.5, 0.4), UNCLEAR),
    ],
)
def test_verdicts(mixed: Sequence[float], alone: Sequence[float], verdict: str) -> None:
    config = quick_experiment()
    every = [
        one
        for world in config.worlds
        for variant, rates in ((Variant.MIXED, mixed), (Variant.SOLUTION_ONLY, alone))
        for one in scored(world, variant, rates, config)
    ]
    found = findings(config, every)
    assert {f["verdict"] for f in found[:-1]} == {verdict}
    assert found[-1]["verdict"] == HOLDS


def test_one_seed_cannot_speak_for_others() -> None:
    config = quick_experiment(("blocksworld",))
    every = scored("blocksworld", Variant.MIXED, (0.9,), config)
    every += scored("blocksworld", Variant.SOLUTION_ONLY, (0.1,), config)
    found = findings(config, every)
    assert found[0]["measured"].startswith("+80.0 points")
    assert {f["verdict"] for f in found[:-1]} == {UNCLEAR}


def test_one_world_cannot_speak_for_three() -> None:
    config = quick_experiment(("blocksworld",))
    every = scored("blocksworld", Variant.MIXED, (0.9,) * 3, config)
    every += scored("blocksworld", Variant.SOLUTION_ONLY, (0.1,) * 3, config)
    overall = [f for f in findings(config, every) if "by 5 points" in f["claim"]]
    assert [f["verdict"] for f in overall] == [UNCLEAR, UNCLEAR]


def tiny(variants: tuple[Variant, ...]) -> MetaTaskExperiment:
    config = quick_experiment(("blocksworld",), (0,))
    small = {"width": 16, "layers": 1, "heads": 2, "batch_tokens": 1000}
    changes = {"tokens": 3000, "solutions": 30, "metatasks": 300, "tested": 2, "questions": 6, "renamings": 1}
    changes["ratio"] = 0.5
    training = config.training.model_copy(update=small)
    return config.model_copy(update={**changes, "variants": variants, "training": training})


def test_a_run_trains_scores_reports_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    config = tiny((Variant.SOLUTION_ONLY, Variant.TWO_STAGE))
    request = Request(tmp_path, "again", workers=1)
    nothing = reproduce_metatasks(config, request, so_far=True)
    assert nothing["unfinished"] == 2
    assert not nothing["models"]
    assert "2 more models were wanted" in (tmp_path / "metatasks.md").read_text()
    report = reproduce_metatasks(config, request)
    assert not report["failed"]
    assert not report["unfinished"]
    assert {row["agent"] for row in report["success"]} == {"solution-only", "two-stage", "null", "random"}
    tokens = [model["tokens"] for model in report["models"]]
    assert all(config.tokens <= read < config.tokens + 1000 for read in tokens)
    assert reproduce_metatasks(config, request, so_far=True)["success"] == report["success"]
    alone, staged = (model["mixture"] for model in report["models"])
    assert alone["metatask_tokens"] == 0
    assert staged["first_stage"] == 0.5
    assert json.loads((tmp_path / "report.json").read_bytes())["findings"] == report["findings"]
    assert "Hypothesis" in (tmp_path / "metatasks.md").read_text()
    assert (tmp_path / "metatasks.svg").read_text().startswith("<svg")
    models = {path: path.stat().st_mtime_ns for path in tmp_path.glob("models/*/model.safetensors")}
    assert len(models) == 2
    again = reproduce_metatasks(config, request)
    assert again["success"] == report["success"]
    assert models == {path: path.stat().st_mtime_ns for path in models}


def test_a_catalog_is_compared_on_toolsets_that_training_never_saw(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    import_documents([str(write_documents(tmp_path / "documents"))], tmp_path / "catalog", "auto")
    config = tiny((Variant.MIXED,)).model_copy(update={"worlds": {}, "catalog_tasks": 20, "catalog_held_out": 4})
    training = config.catalog_training.model_copy(update={"width": 16, "layers": 1, "heads": 2})
    config = config.model_copy(update={"catalog_tokens": 3000, "catalog_training": training})
    report = reproduce_metatasks(config, Request(tmp_path / "out", "again", tmp_path / "catalog", workers=1))
    assert not report["failed"]
    rows = {(row["agent"], row["set"]): row for row in report["success"]}
    sets = ("unseen toolsets", "unseen toolsets, exact calls")
    assert rows.keys() == {(agent, name) for agent in ("solution-only", "mixed") for name in sets}
    assert all(row["n"] > 0 for row in rows.values())
    assert any(finding["claim"].startswith("catalog, unseen toolsets") for finding in report["findings"])
    tokens = [model["tokens"] for model in report["models"]]
    assert all(3000 <= read < 3000 + 2500 for read in tokens)


def test_bad_worlds_and_ratios_are_one_line() -> None:
    with pytest.raises(ConfigError, match="blocksworld, logistics, spellwrite"):
        metatask_experiment(True, ["chess"], None, None)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        metatask_experiment(True, [], None, 1.5)
    assert metatask_experiment(True, ["logistics"], 2, 0.25).seeds == (0, 1)
    with pytest.raises(ConfigError, match="--world logistics"):
        metatask_experiment(True, ["blocksworld"], None, None, ["logistics"])
    assert metatask_experiment(True, [], None, None, ["logistics"]).ablated == ("logistics",)
    assert len(metatask_experiment(False, [], None, None).ablated) == 3


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["reproduce", "metatasks", "--quick", "--world", "chess", "--out", str(tmp_path / "d")]
    )
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "d").exists()
