"""From scored models to the diversity curve: rates with intervals, paired differences, findings, the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from toolwise.evaluation import difference_with_interval, mean_with_interval
from toolwise.pipelines.reproduce.diversity_cells import BASE
from toolwise.pipelines.reproduce.diversity_settings import DiversityExperiment
from toolwise.pipelines.reproduce.findings import Conclusion, Finding, conclude, points, wider
from toolwise.pipelines.reproduce.findings_page import Section, cell, findings_page, plot, table
from toolwise.pipelines.reproduce.plots import Series, curve_plot
from toolwise.types import Json, Metric

NEAREST, NULL = "nearest_tool", "null"
SCORES = {"exact": "exact call", "passed": "pass rate"}
PLOT_FILE = "diversity.svg"
_TOLERANCE = 0.02
"""The last batch passes the number of tokens by a part of its own."""


@dataclass(frozen=True)
class Scores:
    """What all models and baselines reached on the same tests."""

    clusters: Sequence[str]
    """The toolset of each test."""
    models: Mapping[int, Mapping[int, Json]]
    """Number of toolsets -> seed -> result."""
    fixed: Mapping[str, Json]
    """The base and the baselines, which have no seeds."""

    def of(self, agent: int | str, seeds: Sequence[int]) -> list[Json]:
        """One result for each seed; an agent without seeds answers with the same for all."""
        return [self.models[agent][seed] if isinstance(agent, int) else self.fixed[agent] for seed in seeds]

    def rate(self, agent: int | str, name: str) -> Metric:
        """The mean over seeds and tests, with the wider of the intervals clustered by toolset and by seed."""
        seeds = sorted(self.models[agent]) if isinstance(agent, int) else [0]
        values, toolsets, draws = self._flat([result[name] for result in self.of(agent, seeds)], seeds)
        if isinstance(agent, str):
            return mean_with_interval(values, toolsets)
        return wider([mean_with_interval(values, toolsets), mean_with_interval(values, draws)])

    def difference(self, left: int, right: int | str, name: str) -> Metric:
        """Paired by seed and test; the interval as for rates."""
        others = self.models[right] if isinstance(right, int) else self.models[left]
        seeds = sorted(self.models[left].keys() & others.keys())
        one, toolsets, draws = self._flat([result[name] for result in self.of(left, seeds)], seeds)
        other, _, _ = self._flat([result[name] for result in self.of(right, seeds)], seeds)
        return wider([difference_with_interval(one, other, clusters) for clusters in (toolsets, draws)])

    def _flat(
        self, scores: Sequence[Sequence[bool | None]], seeds: Sequence[int]
    ) -> tuple[list[float], list[str], list[str]]:
        measured = [
            (float(value), toolset, str(seed))
            for seed, of_seed in zip(seeds, scores, strict=True)
            for toolset, value in zip(self.clusters, of_seed, strict=True)
            if value is not None
        ]
        return [m[0] for m in measured], [m[1] for m in measured], [m[2] for m in measured]


def rate_rows(scores: Scores) -> list[Json]:
    """Agent, number of toolsets (none for baselines), score, rate with its interval, and each seed's rate."""
    rows = []
    for name in SCORES:
        agents: list[int | str] = [*scores.fixed, *scores.models]
        for agent in agents:
            seeds = {}
            if isinstance(agent, int):
                seeds = {str(seed): scores_mean(result[name]) for seed, result in scores.models[agent].items()}
            rows.append(
                {
                    "agent": agent if isinstance(agent, str) else f"{agent} toolsets",
                    "toolsets": agent if isinstance(agent, int) else None,
                    "score": name,
                    **scores.rate(agent, name).model_dump(),
                    "seeds": seeds,
                }
            )
    return rows


def scores_mean(values: Sequence[bool | None]) -> float:
    """Of what was measured."""
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else 0.0


def findings_of(config: DiversityExperiment, scores: Scores, chosen: Mapping[str, Json]) -> list[Finding]:
    """ToolAlpaca's claim, on both scores; the baselines; and whether the comparison was fair."""
    numbers = sorted(scores.models)
    found: list[Finding] = []
    for name, title in SCORES.items():
        if len(numbers) > 1:
            found += [_more(scores, numbers, name, title), _monotone(scores, numbers, name, title)]
        if numbers:
            found += [_beats(scores, numbers[-1], other, name, title) for other in (BASE, NEAREST, NULL)]
    return [*found, _fair(config, scores, chosen), _unseen(scores)]


def _more(scores: Scores, numbers: Sequence[int], name: str, title: str) -> Finding:
    difference = scores.difference(numbers[-1], numbers[0], name)
    return Finding(
        claim=f"{numbers[-1]} toolsets train a better model than {numbers[0]} ({title} on unseen toolsets)",
        claimed="higher, at the same number of instances (ToolAlpaca)",
        measured=points(difference),
        verdict=conclude(difference),
    )


def _monotone(scores: Scores, numbers: Sequence[int], name: str, title: str) -> Finding:
    steps = [scores.difference(more, fewer, name) for fewer, more in pairwise(numbers)]
    verdicts = [conclude(step) for step in steps]
    if all(verdict is Conclusion.HOLDS for verdict in verdicts):
        verdict = Conclusion.HOLDS
    else:
        verdict = Conclusion.FAILS if Conclusion.FAILS in verdicts else Conclusion.UNCLEAR
    rates = " → ".join(f"{100 * scores.rate(number, name).value:.1f}%" for number in numbers)
    return Finding(
        claim=f"every step {' → '.join(map(str, numbers))} raises the {title}",
        claimed="monotone (ToolAlpaca)",
        measured=f"{rates}; steps {', '.join(points(step) for step in steps)}",
        verdict=verdict,
    )


def _beats(scores: Scores, number: int, other: str, name: str, title: str) -> Finding:
    difference = scores.difference(number, other, name)
    who = {BASE: "the base, which knows made-up tools only", NEAREST: "the nearest tool", NULL: "doing nothing"}
    return Finding(
        claim=f"trained on {number} toolsets beats {who[other]} ({title})",
        claimed="above",
        measured=points(difference),
        verdict=conclude(difference),
    )


def _fair(config: DiversityExperiment, scores: Scores, chosen: Mapping[str, Json]) -> Finding:
    results = [result for of in scores.models.values() for result in of.values()]
    tokens, instances = [r["tokens"] for r in results], {of["instances"] for of in chosen.values()}
    fair = len(instances) == 1 and all(abs(t - config.tokens) <= _TOLERANCE * config.tokens for t in tokens)
    return Finding(
        claim="all models read as many instances and as many tokens",
        claimed=f"{config.tokens:,} tokens, within {_TOLERANCE:.0%}",
        measured=f"{', '.join(map(str, sorted(instances)))} instances; {min(tokens):,} to {max(tokens):,} tokens"
        if tokens
        else "not measured",
        verdict=Conclusion.UNCLEAR if not tokens else Conclusion.HOLDS if fair else Conclusion.FAILS,
    )


def _unseen(scores: Scores) -> Finding:
    leaks = [result["leaks"] for of in scores.models.values() for result in of.values()]
    shared = {name: sum(leak[name] for leak in leaks) for name in ("toolsets", "tools", "tasks")}
    clean = not any(shared.values())
    return Finding(
        claim="no model has read a tested toolset, a tested tool under another name, or a tested task",
        claimed="0 shared",
        measured=", ".join(f"{count} {name}" for name, count in shared.items()) + f" shared, over {len(leaks)} models",
        verdict=Conclusion.UNCLEAR if not leaks else Conclusion.HOLDS if clean else Conclusion.FAILS,
    )


def render(report: Json) -> tuple[str, dict[str, str]]:
    """The page, and its plots by file name."""
    settings, tests = report["settings"], report["tests"]
    facts = (
        f"{len(report['models'])} models of {report['base']['parameters']:,} parameters: for each of "
        f"{len(settings['seeds'])} draws of toolsets (the first {settings['toolsets'][0]} are among the first "
        f"{settings['toolsets'][-1]}), {report['instances']['instances']:,} instances and {settings['tokens']:,} "
        f"tokens after a common base that read {report['base']['tokens']:,} tokens of made-up tools. Tested once "
        f"each (ReAct) on {tests['kept']} fixed tasks of {tests['toolsets']} unseen toolsets; {tests['leak']} of "
        f"{tests['written']} were left out by the leak checks. {report['model_minutes']} minutes of model time, one "
        f"thread each ({report['hardware']['system']} {report['hardware']['machine']})."
    )
    question = (
        "Does a model learn to use unseen tools better from many toolsets than from few, if it reads as many "
        "instances and as many tokens? (ToolAlpaca, arXiv 2306.05301, the figure on diversity.)"
    )
    sections = [
        Section("On unseen toolsets", [*_rates_table(report["rates"]), *_NOTE, "", *plot("diversity", PLOT_FILE)]),
        Section("Models", _models_table(report)),
    ]
    page = findings_page("Diversity: measured", question, facts, report, sections)
    return page, {PLOT_FILE: curve_plot("Accuracy on unseen toolsets", "training toolsets", _panels(report["rates"]))}


_NOTE = [
    "Rates with 95% intervals: the wider of those clustered by the tested toolset and by the draw of training "
    "toolsets. Exact call: the first turn's call is the right one with the right arguments, on tasks of one call. "
    "Pass rate: the whole attempt, judged by replay."
]


def _rates_table(rows: Sequence[Json]) -> list[str]:
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    of = {(row["agent"], row["score"]): row for row in rows}
    body = [
        [
            agent.replace("_", " "),
            *(cell(of[agent, name]) for name in SCORES),
            ", ".join(f"{100 * rate:.1f}" for rate in of[agent, "exact"]["seeds"].values()) or "-",
        ]
        for agent in agents
    ]
    counts = [f"{title} (n = {next(row['n'] for row in rows if row['score'] == n)})" for n, title in SCORES.items()]
    return table(["trained on", *counts, "exact call of each draw"], body)


def _models_table(report: Json) -> list[str]:
    return table(
        ["toolsets/draw", "instances", "toolsets in them", "tokens of them", "tokens read", "loss", "exact", "passed"],
        [
            [
                model["cell"], f"{model['instances']:,}", str(model["toolsets_used"]), f"{model['epoch_tokens']:,}",
                f"{model['tokens']:,}", f"{model['loss']:.3f}", f"{model['exact']:.1%}", f"{model['passed']:.1%}",
            ]
            for model in report["models"]
        ],
    )  # fmt: skip


def _panels(rows: Sequence[Json]) -> dict[str, list[Series]]:
    panels: dict[str, list[Series]] = {}
    for name, title in SCORES.items():
        inside = [row for row in rows if row["score"] == name]
        curve = {float(row["toolsets"]): row for row in inside if row["toolsets"]}
        levels = [
            Series(row["agent"].replace("_", " "), {}, row) for row in inside if row["agent"] in (BASE, NEAREST, NULL)
        ]
        panels[title] = [Series("trained", curve), *levels]
    return panels
