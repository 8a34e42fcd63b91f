"""Settings of the meta-task experiment: one configuration for a laptop, one for a GPU or a night."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config
from toolwise.pipelines.mixing import Variant
from toolwise.training.settings import CompactTrainingConfig
from toolwise.worlds.planning import Wording


class WorldSizes(Config):
    """Instance sizes of one world."""

    trained: tuple[int, int]
    """Of training and of held-out instances."""
    larger: tuple[int, int]
    longest: int = Field(default=6, ge=1)
    """Plans of training and of held-out instances have at most so many calls; a turn holds six at most."""
    longest_larger: int = Field(default=6, ge=1)
    """And those of larger instances."""


class MetaTaskExperiment(Config):
    """Everything that shapes the results."""

    worlds: dict[str, WorldSizes]
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the models' first weights and of the order of their batches."""
    variants: tuple[Variant, ...] = tuple(Variant)
    ratio: float = Field(default=0.5, ge=0, le=1)
    """Meta-tasks' share of the tokens, in the mixed and the two-stage variant."""
    tokens: int = Field(ge=1000)
    """Every model reads so many."""
    solutions: int = Field(ge=10)
    """Training solutions of a world, the same for all variants; they are repeated as often as the tokens need."""
    metatasks: int = Field(ge=10)
    """Meta-task examples of a world, all splits together."""
    calls_per_turn: int = Field(default=0, ge=0, le=6)
    """At most so many; 0 for the whole plan in one turn."""
    renamings: int = Field(default=150, ge=0)
    """Training examples that are not in the plain tools are spread evenly over so many renamings."""
    plain: float = Field(default=0.25, ge=0, le=1)
    """Share of the training examples in the plain tools."""
    wording: Wording = Wording.PLAIN
    """Of states, goals and questions, in training and in the tests."""
    tested: int = Field(default=60, ge=1)
    """Tasks of each test set."""
    questions: int = Field(default=60, ge=1)
    """Held-out meta-task questions, evenly over the kinds."""
    vocabulary: int = 500
    ablated: tuple[str, ...] = ()
    """Worlds in which each meta-task in turn is also left out of the mixed variant."""
    ablation_seeds: int = Field(default=3, ge=1)
    """With at most so many of the seeds."""
    catalog_tasks: int = Field(default=1500, ge=1)
    """Where a catalog is given: training tasks to write."""
    catalog_held_out: int = Field(default=80, ge=1)
    """And tasks of each other split."""
    catalog_tokens: int = Field(default=1_200_000, ge=1000)
    """Every model of the catalog's reads so many."""
    catalog_ratio: float = Field(default=0.25, ge=0, le=1)
    catalog_seeds: int = Field(default=3, ge=1)
    """At most so many of the seeds."""
    training: CompactTrainingConfig
    catalog_training: CompactTrainingConfig
    data_seed: int = 0


_TRAINING = CompactTrainingConfig(
    width=64, layers=2, heads=2, batch_tokens=2000, alike_batches=False, learning_rate=1e-2, warm_up=20, threads=1,
    selection=0, synthetic=0, shortened=0, dev_examples=0, longest=1500,
)  # fmt: skip
_CATALOG_TRAINING = CompactTrainingConfig(width=64, layers=3, alike_batches=False, threads=1, dev_examples=0)
_SIZES = {
    "blocksworld": WorldSizes(trained=(2, 3), larger=(4, 4)),
    "logistics": WorldSizes(trained=(1, 1), larger=(2, 2), longest=4),
    "spellwrite": WorldSizes(trained=(1, 1), larger=(2, 2)),
}


def quick_experiment(worlds: tuple[str, ...] = (), seeds: tuple[int, ...] = ()) -> MetaTaskExperiment:
    """For two cores: 36 models of a tenth of the usual size."""
    return MetaTaskExperiment(
        worlds={name: _SIZES[name] for name in worlds or _SIZES},
        seeds=seeds or (0, 1, 2),
        tokens=900_000,
        solutions=200,
        metatasks=9000,
        tested=80,
        questions=120,
        training=_TRAINING,
        catalog_training=_CATALOG_TRAINING,
    )


def full_experiment(worlds: tuple[str, ...] = (), seeds: tuple[int, ...] = ()) -> MetaTaskExperiment:
    """For a night: larger models, more tokens, more tests, and the ablations."""
    training = _TRAINING.model_copy(update={"width": 128, "layers": 4, "batch_tokens": 4000, "learning_rate": 5e-3})
    names = worlds or tuple(_SIZES)
    return MetaTaskExperiment(
        worlds={name: _SIZES[name] for name in names},
        seeds=seeds or (0, 1, 2, 3, 4),
        tokens=4_000_000,
        solutions=200,
        metatasks=40_000,
        tested=150,
        questions=300,
        ablated=names,
        ablation_seeds=5,
        catalog_tasks=4000,
        catalog_held_out=300,
        catalog_tokens=6_000_000,
        catalog_seeds=5,
        training=training,
        catalog_training=_CATALOG_TRAINING.model_copy(update={"width": 128, "layers": 5}),
    )
