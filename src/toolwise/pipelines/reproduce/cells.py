"""One cell of the experiment: train a model on one variant's data, and score it by execution."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.metatasks import Goals, Solution
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.mixing import Variant, mix
from toolwise.pipelines.reproduce.episodes import (
    ModelActor,
    NullActor,
    RandomActor,
    answers_right,
    success,
    success_in_all,
)
from toolwise.pipelines.reproduce.material import ToolTable, WorldData
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment
from toolwise.types import Json, MetaTaskKind

BASELINES = ("null", "random")


@dataclass(frozen=True)
class Cell:
    """A model to train and score."""

    folder: Path
    """The experiment's."""
    config: MetaTaskExperiment
    world: str
    variant: Variant
    seed: int
    left_out: MetaTaskKind | None = None

    @property
    def key(self) -> str:
        """World, variant (without a meta-task), seed."""
        without = f" without {self.left_out.value}" if self.left_out else ""
        return f"{self.world}/{self.variant.value}{without}/{self.seed}"

    @property
    def data(self) -> WorldData:
        return world_data(self.folder, self.config, self.world)


def world_data(folder: Path, config: MetaTaskExperiment, world: str) -> WorldData:
    """Where a world's data lies."""
    return WorldData(folder / "data" / world, config, world)


def train_and_score(cell: Cell) -> Json:
    """Train, go on from a checkpoint if there is one, and score on all test sets and held-out questions."""
    from toolwise.training.sft import Given, train_compact

    watch = Stopwatch()
    config, data = cell.config, cell.data
    mixture = mix(*data.pools(cell.left_out), cell.variant, config.ratio, config.tokens, cell.seed)
    settings = config.training.model_copy(
        update={"max_tokens": config.tokens, "seed": cell.seed, "first_stage": mixture.first_stage}
    )
    out = cell.folder / "models" / cell.key.replace("/", "-").replace(" ", "-")
    trained = train_compact(mixture.train, (), out, settings, given=Given(data.tokenizer(), mixture.first))
    training_seconds = watch.seconds
    return {
        **_scores(out, data),
        "mixture": mixture.summary(),
        "tokens": trained.tokens,
        "steps": trained.steps,
        "parameters": trained.parameters,
        "loss": trained.loss,
        "training_seconds": round(training_seconds, 1),
        "seconds": round(watch.seconds, 1),
    }


def _scores(model: Path, data: WorldData) -> dict[str, Json]:
    from toolwise.llm.local import LocalModel

    actor = ModelActor(LocalModel(model, batch=256))
    questions = data.questions()
    subjects = data.subjects()
    answers: dict[str, list[bool]] = defaultdict(list)
    right = answers_right(actor, subjects[0][0], ToolTable(subjects[:1]), questions)
    for question, fine in zip(questions, right, strict=True):
        answers[question.kind.value].append(fine)
    tests = data.tests()
    reached = success_in_all(actor, [part for parts in tests.values() for part in parts])
    return {"success": _by_set(tests, reached), "answers": dict(answers)}


def _by_set(tests: Mapping[str, Sequence[tuple[Goals, list[Solution]]]], reached: Sequence[bool]) -> Json:
    """Results of all test sets in a row, set by set."""
    rest = iter(reached)
    return {name: [next(rest) for _, tasks in parts for _ in tasks] for name, parts in tests.items()}


def _random(parts: Sequence[tuple[Goals, list[Solution]]]) -> list[bool]:
    """Which tasks of a test set any calls that can run reach."""
    return [done for subject, tasks in parts for done in success(RandomActor(subject), subject, tasks)]


def score_baselines(data: WorldData) -> Json:
    """What doing nothing, and any call that can run, reach; name -> test set -> reached."""
    tests = data.tests()
    return {
        "null": {name: success_in_all(NullActor(), parts) for name, parts in tests.items()},
        "random": {name: _random(parts) for name, parts in tests.items()},
        "plan": {name: [len(task.plan) for _, tasks in parts for task in tasks] for name, parts in tests.items()},
    }
