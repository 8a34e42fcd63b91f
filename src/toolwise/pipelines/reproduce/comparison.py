"""From scored models to rates with intervals, differences paired by seed and task, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwise.evaluation.intervals import mean_with_interval
from toolwise.metatasks import SIX
from toolwise.pipelines.mixing import Variant
from toolwise.pipelines.reproduce.catalogs import CATALOG, EXACT, UNSEEN, CatalogCell
from toolwise.pipelines.reproduce.cells import BASELINES, Cell
from toolwise.pipelines.reproduce.findings import Conclusion, points
from toolwise.pipelines.reproduce.material import HELD_OUT, RENAMED, SETS
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment
from toolwise.pipelines.reproduce.two_way import two_way
from toolwise.types import Json, Metric

MARGIN = 0.05
"""What mixing must add to count: 5 points."""
HOLDS, FAILS, UNCLEAR = (conclusion.value for conclusion in Conclusion)
_TOLERANCE = 0.01
_WORLDS = 3
_ENOUGH = 2


@dataclass(frozen=True)
class Scored:
    """A cell and what came of it."""

    cell: Cell | CatalogCell
    result: Json


def _label(cell: Cell | CatalogCell) -> str:
    return f"{cell.variant.value} without {cell.left_out.value}" if cell.left_out else cell.variant.value


def _groups(scored: Sequence[Scored]) -> dict[tuple[str, str], list[Scored]]:
    groups: dict[tuple[str, str], list[Scored]] = {}
    for one in scored:
        groups.setdefault((one.cell.world, _label(one.cell)), []).append(one)
    return dict(sorted(groups.items(), key=lambda item: item[0][0]))


def _rate(values: Mapping[int, Sequence[bool]]) -> Metric:
    """The mean over seeds and tasks."""
    return two_way([[float(value) for value in of_seed] for of_seed in values.values()])


def success_rows(scored: Sequence[Scored]) -> list[Json]:
    """World, variant, test set, rate with its interval, and the rate of each seed."""
    rows = []
    for (world, label), group in _groups(scored).items():
        for name in group[0].result["success"]:
            values = {one.cell.seed: one.result["success"][name] for one in group}
            seeds = {str(seed): sum(reached) / len(reached) for seed, reached in values.items() if reached}
            rows.append({"world": world, "agent": label, "set": name, **_rate(values).model_dump(), "seeds": seeds})
    return rows


def baseline_rows(baselines: Mapping[str, Json]) -> list[Json]:
    """The same of the policies that learn nothing."""
    return [
        {
            "world": world,
            "agent": name,
            "set": of,
            **mean_with_interval([float(value) for value in reached]).model_dump(),
            "seeds": {},
        }
        for world, scores in baselines.items()
        for name in BASELINES
        for of, reached in scores[name].items()
    ]


def answer_rows(scored: Sequence[Scored]) -> list[Json]:
    """World, variant, meta-task, accuracy (judged by execution) with its interval."""
    rows = []
    for (world, label), group in _groups([one for one in scored if one.result["answers"]]).items():
        for kind in SIX:
            values = {one.cell.seed: one.result["answers"].get(kind.value, []) for one in group}
            rows.append({"world": world, "agent": label, "kind": kind.value, **_rate(values).model_dump()})
    return rows


def _difference(scored: Sequence[Scored], world: str, name: str, labels: tuple[str, str]) -> Metric:
    """Success of one variant less that of another, paired by seed and task."""
    of = {
        label: {one.cell.seed: one for one in scored if one.cell.world == world and _label(one.cell) == label}
        for label in labels
    }
    differences = []
    for seed in sorted(of[labels[0]].keys() & of[labels[1]].keys()):
        one, other = (of[label][seed].result["success"][name] for label in labels)
        differences.append([float(a) - float(b) for a, b in zip(one, other, strict=True)])
    difference = two_way(differences, lowest=-1.0)
    if len(differences) == 1:  # one model of each says nothing of the next ones
        return difference.model_copy(update={"low": -1.0, "high": 1.0})
    return difference


def _verdict(difference: Metric) -> str:
    if difference.value >= MARGIN and difference.low > 0:
        return HOLDS
    return FAILS if difference.high < MARGIN else UNCLEAR


def findings(config: MetaTaskExperiment, scored: Sequence[Scored]) -> list[Json]:
    """The hypothesis, part by part, and whether the tokens were equal."""
    pair = (Variant.MIXED.value, Variant.SOLUTION_ONLY.value)
    found: list[Json] = []
    verdicts: dict[str, list[str]] = {}
    for name in SETS:
        for world in config.worlds:
            found.append(_finding(scored, world, name, pair))
            verdicts.setdefault(name, []).append(found[-1]["verdict"])
    found.append(_overall("at least two of the three worlds (held-out instances)", verdicts.get(HELD_OUT, []), _ENOUGH))
    found.append(_overall("all three worlds with renamed tools", verdicts.get(RENAMED, []), _WORLDS))
    if any(one.cell.world == CATALOG for one in scored):
        found += [_finding(scored, CATALOG, name, pair) for name in (UNSEEN, EXACT)]
    found.append(_matched(config, scored))
    return found


def ablation_rows(config: MetaTaskExperiment, scored: Sequence[Scored]) -> list[Json]:
    """World, the meta-task left out, and test set: success of mixed less that of mixed without it."""
    mixed = Variant.MIXED.value
    rows = []
    for world in config.worlds:
        for kind in SIX:
            for name in SETS:
                difference = _difference(scored, world, name, (mixed, f"{mixed} without {kind.value}"))
                if difference.n:
                    rows.append({"world": world, "kind": kind.value, "set": name, **difference.model_dump()})
    return rows


def _finding(scored: Sequence[Scored], world: str, name: str, pair: tuple[str, str]) -> Json:
    difference = _difference(scored, world, name, pair)
    return {
        "claim": f"{world}, {name}: mixed beats solution-only at equal tokens",
        "claimed": f">= {100 * MARGIN:.0f} points",
        "measured": points(difference),
        "verdict": _verdict(difference) if difference.n else UNCLEAR,
    }


def _overall(where: str, verdicts: Sequence[str], needed: int) -> Json:
    holding, failing = verdicts.count(HOLDS), verdicts.count(FAILS)
    verdict = HOLDS if holding >= needed else FAILS if _WORLDS - failing < needed else UNCLEAR
    return {
        "claim": f"mixed beats solution-only by 5 points on {where}",
        "claimed": f">= {needed} of {_WORLDS} worlds",
        "measured": f"{holding} hold, {failing} do not, of {len(verdicts)} measured",
        "verdict": verdict,
    }


def _matched(config: MetaTaskExperiment, scored: Sequence[Scored]) -> Json:
    read = [one.result["tokens"] for one in scored if one.cell.world != CATALOG]
    spread = max((abs(tokens - config.tokens) / config.tokens for tokens in read), default=0.0)
    return {
        "claim": "all models of the worlds read the same number of tokens",
        "claimed": f"{config.tokens:,}, within {_TOLERANCE:.0%}",
        "measured": f"{min(read):,} to {max(read):,}" if read else "not measured",
        "verdict": UNCLEAR if not read else HOLDS if spread <= _TOLERANCE else FAILS,
    }
