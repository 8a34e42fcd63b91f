"""RunDocument: everything a report shows, as one frozen value. Any part may be empty and is then left out."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from toolwise.types import Frozen, Funnel, Json, Metric, Task, Trajectory, Verdict

SplitMetrics = Mapping[str, Mapping[str, Metric]]
"""Split -> metric name -> metric."""


class CatalogStatistics(Frozen):
    """What was read from the tool documents."""

    toolsets: int = 0
    tools: int = 0
    parameters: int = 0
    tools_per_second: float | None = None
    """Parsing and normalising, on one core."""
    categories: Mapping[str, int] = Field(default_factory=dict)
    """Category -> toolsets in it."""
    left_out: Mapping[str, int] = Field(default_factory=dict)
    """Reason -> documents, toolsets or tools left out for it."""


class CorpusStatistics(Frozen):
    """What the accepted tasks look like."""

    tasks: int = 0
    toolsets: int = 0
    """Toolsets that at least one task's right calls use."""
    tools: int = 0
    """Tools that at least one task's right calls use."""
    by_split: Mapping[str, int] = Field(default_factory=dict)
    by_kind: Mapping[str, int] = Field(default_factory=dict)
    by_pattern: Mapping[str, int] = Field(default_factory=dict)
    calls_per_task: Mapping[int, int] = Field(default_factory=dict)
    """Number of right calls -> tasks."""
    by_category: Mapping[str, int] = Field(default_factory=dict)
    examples: Mapping[str, int] = Field(default_factory=dict)
    """Kind of training example (`sft`, `preference`, `retrieval`) -> rows."""


class CurvePoint(Frozen):
    """One reading of the training loop."""

    seconds: float
    """Since training began, over all stages."""
    step: int
    tokens: int = 0
    """Tokens seen so far, over all stages; 0 where not counted."""
    loss: float
    """Mean cross-entropy in nats a target token."""
    dev: float | None = None
    """Accuracy on the development split as a fraction, where it was measured at this step."""
    stage: str = ""


class Sample(Frozen):
    """One attempt on one task, to be browsed."""

    task: Task
    trajectory: Trajectory
    verdict: Verdict | None = None
    split: str = ""
    agent: str = ""


class RunDocument(Frozen):
    """The input of `render_html` and `render_markdown`."""

    title: str
    subtitle: str = ""
    """One sentence: what was trained, on what."""
    created: str = ""
    """When, as the caller wants it shown; never read from the clock here."""
    about: tuple[str, ...] = ()
    """Lines for a newcomer; where empty, lines made from the other fields."""
    model: SplitMetrics = Field(default_factory=dict)
    baselines: Mapping[str, SplitMetrics] = Field(default_factory=dict)
    """Baseline's name -> split -> metric name -> metric."""
    retrieval: Mapping[str, Mapping[str, Metric]] = Field(default_factory=dict)
    """Retriever's name -> metric name -> metric."""
    retrieval_pool: int = 0
    """Tools that every query was searched among."""
    funnels: Mapping[str, Funnel] = Field(default_factory=dict)
    catalog: CatalogStatistics | None = None
    corpus: CorpusStatistics | None = None
    curve: tuple[CurvePoint, ...] = ()
    samples: tuple[Sample, ...] = ()
    seconds: Mapping[str, float] = Field(default_factory=dict)
    """Stage -> wall seconds. A stage called `total` is shown as the total."""
    peak_memory_mb: float | None = None
    provenance: Mapping[str, Json] = Field(default_factory=dict)
    """Where the numbers come from: `command`, `seed`, `versions`, `config`, … in the order to show."""
