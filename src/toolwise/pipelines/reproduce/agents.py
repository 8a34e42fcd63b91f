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

    per_unseen: int = Field(ge=1)
    """Tasks of each setting of unseen toolsets, spread over as many toolsets as there are: these decide most claims."""
    per_known: int = Field(ge=1)
    """Tasks of each setting of known toolsets."""
    per_retrieved: int = Field(ge=1)
    """Tasks of each setting that are attempted with retrieved candidates, too."""
    per_untrained: int = Field(ge=1)
    """Tasks of each setting for the untrained model: it writes long turns and solves nothing, which few tasks show."""
    retrieved: int = Field(default=5, ge=1)
    """Tools that the retriever offers, from the whole catalog (ToolLLM: 5)."""
    conditions: Conditions
    model: ModelRecipe
    data_seed: int = 0

    def of_each(self, count: int) -> GeneralisationExperiment:
        """The same with so many tasks of every setting, and no more by anyone."""
        fewer = {name: min(count, getattr(self, name)) for name in ("per_retrieved", "per_untrained")}
        return self.model_copy(update={"per_unseen": count, "per_known": count, **fewer})


_TURN_TOKENS = 240
"""Of 1,349 right turns on held-out tasks 99.5% are shorter."""
_SEARCHES = (Strategy.REACT, Strategy.REACT_N, Strategy.DFSDT)
_REFUSED = (0.0, 0.1, 0.3)


def search_experiment(quick: bool) -> SearchExperiment:
    """For some minutes on four cores, or for hours.

    Quick: with fewer than 73 toolsets, two strategies that pass the same tasks are not told to be within 5 points.
    """
    conditions = Conditions(strategies=_SEARCHES, transient=_REFUSED, turn_tokens=_TURN_TOKENS)
    return SearchExperiment(per_kind=28 if quick else 200, conditions=conditions, model=_recipe(quick))


def generalisation_experiment(quick: bool) -> GeneralisationExperiment:
    """For some minutes on four cores, or for hours."""
    return GeneralisationExperiment(
        per_unseen=80 if quick else 250,
        per_known=30 if quick else 250,
        per_retrieved=20 if quick else 100,
        per_untrained=20 if quick else 50,
        conditions=Conditions(strategies=(Strategy.REACT, Strategy.DFSDT), turn_tokens=_TURN_TOKENS),
        model=_recipe(quick),
    )


def _recipe(quick: bool) -> ModelRecipe:
    if quick:
        return ModelRecipe(minutes=9.0, tasks=10_000, retriever_minutes=1.0)
    return ModelRecipe(minutes=30.0, tasks=12_000, retriever_minutes=2.0)
