"""The configuration of a whole run: what `toolwise.yaml` may hold."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field

from toolwise.config import Config, parse_config
from toolwise.corpus import SplitConfig
from toolwise.errors import ConfigError
from toolwise.evaluation.settings import EvaluationConfig
from toolwise.pipelines.worlds import WorldConfig
from toolwise.retrieval.config import RetrieverConfig
from toolwise.search import TEACHER_RATES, ErrorRates, SearchConfig, Strategy
from toolwise.synthesis import SynthesisConfig
from toolwise.training.settings import CompactTrainingConfig
from toolwise.types import Split


class TaskCounts(Config):
    """How many tasks to write for each split; slightly fewer survive the funnel."""

    train: int = Field(default=12_000, ge=1)
    dev: int = Field(default=150, ge=1)
    seen_toolset: int = Field(default=200, ge=1)
    unseen_toolset: int = Field(default=300, ge=1)
    unseen_category: int = Field(default=200, ge=1)

    def of(self, split: Split) -> int:
        return int(getattr(self, split.value))


class RunConfig(Config):
    """Everything that shapes a run's results. Paths and numbers of workers are not part of it."""

    seed: int = 0
    sources: tuple[str, ...] = ("google", "aws")
    """Files, folders, or the installed catalogs `google` and `aws`."""
    shard_toolsets: int = Field(default=16, ge=1)
    """Toolsets whose tasks are written together; category and collection tasks draw from one shard."""
    tasks: TaskCounts = TaskCounts()
    split: SplitConfig = SplitConfig()
    synthesis: SynthesisConfig = SynthesisConfig()
    world: WorldConfig = WorldConfig()
    """Where tools run while tasks are written, solved and verified."""
    search: SearchConfig = SearchConfig()
    """How the embedded teacher searches when it solves tasks."""
    errors: ErrorRates = TEACHER_RATES
    """How often, and in which ways, the embedded teacher errs on training tasks."""
    training: CompactTrainingConfig = CompactTrainingConfig()
    retriever: RetrieverConfig = RetrieverConfig()
    evaluation: EvaluationConfig = EvaluationConfig()


def read_run_config(path: Path) -> RunConfig:
    """Read a `toolwise.yaml`. Raises ConfigError."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give the path of a toolwise.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first_line = str(error).splitlines()[0]
        raise ConfigError(f"{path} is not YAML ({first_line}); see docs/configuration.md") from error
    if not isinstance(values, dict | None):
        raise ConfigError(f"{path} must hold keys and values; see docs/configuration.md")
    return parse_config(RunConfig, values or {}, str(path))


def parse_strategy(name: str) -> Strategy:
    """Raises ConfigError naming the strategies there are."""
    try:
        return Strategy(name)
    except ValueError as error:
        raise ConfigError(f"unknown strategy {name!r}; choose one of {', '.join(Strategy)}") from error
