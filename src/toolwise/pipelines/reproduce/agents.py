"""Settings of the experiments in which a trained model acts: on which tasks, under which conditions."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config
from toolwise.pipelines.evaluate_cells import Conditions
from toolwise.search import Strategy


class ModelRecipe(Config):
    """The model that both experiments share, where no run is given."""

    minutes: float = Field(gt=0)
    """Of training."""
    tasks: int = Field(ge=10)
    """Training tasks to write."""
    retriever_minutes: float = Field(gt=0)
    seed: int = 0


class SearchExperiment(Config):
    """Strategies at the same number of model calls, on tasks of unseen toolsets."""

    per_kind: int = Field(ge=1)
    """Tasks of single toolsets, of a category's and of a collection's."""
    conditions: Conditions
    model: ModelRecipe
    data_seed: int = 0


class GeneralisationExperiment(Config):
    """The six settings, by a trained and an untrained model."""

    per_setting: int = Field(ge=1)
    untrained_per_setting: int = Field(ge=1)
    """Of the same tasks: an untrained model writes long turns and solves nothing, which few tasks show."""
    retrieved: int = Field(default=5, ge=1)
    """Tools that the retriever offers, from the whole catalog (ToolLLM: 5)."""
    conditions: Conditions
    model: ModelRecipe
    data_seed: int = 0


_SEARCHES = (Strategy.REACT, Strategy.REACT_N, Strategy.DFSDT)
_REFUSED = (0.0, 0.1, 0.3)


def search_experiment(quick: bool) -> SearchExperiment:
    """For some minutes on four cores, or for an hour."""
    conditions = Conditions(strategies=_SEARCHES, transient=_REFUSED)
    return SearchExperiment(per_kind=24 if quick else 200, conditions=conditions, model=_recipe(quick))


def generalisation_experiment(quick: bool) -> GeneralisationExperiment:
    """For some minutes on four cores, or for an hour."""
    conditions = Conditions(strategies=(Strategy.REACT, Strategy.DFSDT))
    return GeneralisationExperiment(
        per_setting=20 if quick else 150,
        untrained_per_setting=10 if quick else 50,
        conditions=conditions,
        model=_recipe(quick),
    )


def _recipe(quick: bool) -> ModelRecipe:
    if quick:
        return ModelRecipe(minutes=4.0, tasks=5000, retriever_minutes=0.5)
    return ModelRecipe(minutes=30.0, tasks=12_000, retriever_minutes=2.0)
