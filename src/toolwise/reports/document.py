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
    contender: str = ""
    """The key of the contender that made it, where contenders are compared."""
    failure: str = ""
    """Why it failed: a kind of the closed set in `RunDocument.failure_kinds`."""
    failure_detail: str = ""
    failure_node: int | None = None
    """The node that shows it."""
    raw: str = ""
    """The file of the raw row, relative to the page."""
    line: int = 0


class Cost(Frozen):
    """What a contender's attempts took, in one unit."""

    mean: float
    """A task, over those for which it is known."""
    n: int
    per_solved: float | None = None
    """All that was spent, failures included, over the tasks that were solved; none where none was, or where the cost of
    a part of the tasks is unknown."""


class Against(Frozen):
    """A contender paired with the first of the leaderboard on the tasks that both attempted."""

    difference: Metric
    """This one minus the first."""
    tasks: int
    better: str
    """`first`, `this` or `cannot_tell`."""
    p: float
    """Corrected for the number of comparisons (Holm, 1979)."""


class Contender(Frozen):
    """An agent with a strategy in one run."""

    key: str
    name: str
    run: str
    agent: str
    strategy: str = ""
    offer: str = ""
    """Which candidates it was given, and under which faults, where that differs."""
    baseline: bool = False
    passed: Metric
    by_setting: Mapping[str, Metric] = Field(default_factory=dict)
    costs: Mapping[str, Cost] = Field(default_factory=dict)
    """`model_calls`, `tokens`, `seconds` or `money` -> what a task took."""
    failures: Mapping[str, int] = Field(default_factory=dict)
    """Kind -> failed tasks of which the attempt is known, or known to be absent."""
    known: int = 0
    """Tasks of which the attempt is known, passed ones included: what `failures` is out of."""
    against: Against | None = None
    """None for the first, and where the two share no task."""


class Source(Frozen):
    """What was read of one run."""

    name: str
    place: str
    tasks: int
    rows: int
    missing: int = 0
    """Tasks without an attempt; they count as failed."""
    left_out: Mapping[str, int] = Field(default_factory=dict)
    """Reason -> rows that were not used."""


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
    contenders: tuple[Contender, ...] = ()
    """Best first: what the leaderboard, the heat map and the failures show."""
    failure_kinds: Mapping[str, str] = Field(default_factory=dict)
    """Kind of failure -> one sentence that defines it, in the order to show."""
    attempts: int = 0
    """Attempts of which the samples are a part; 0 where that is not known."""
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know before comparing."""
    curves: Mapping[str, tuple[CurvePoint, ...]] = Field(default_factory=dict)
    """Run -> its training, where several are compared."""
    provenance: Mapping[str, Json] = Field(default_factory=dict)
    """Where the numbers come from: `command`, `seed`, `versions`, `config`, … in the order to show."""
