import inspect
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.cli import evaluate_run_commands
from toolwise.corpus import SplitConfig
from toolwise.errors import DataError
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.pipelines.evaluate_cells import Conditions
from toolwise.pipelines.reproduce.findings import Conclusion, conclude
from toolwise.pipelines.reproduce.generalisation import generalisation_experiment
from toolwise.pipelines.reproduce.outcomes import Outcome, apart, no_worse, paired, rate, read_outcomes, rows_of
from toolwise.pipelines.reproduce.search import search_experiment
from toolwise.pipelines.reproduce.trained import encoder_beside, open_trained
from toolwise.search import Strategy
from toolwise.store import RunFolder
from toolwise.types import Metric


def outcomes(passed: list[float], group: str = "g") -> dict[str, Outcome]:
    return {f"{group}{i}": Outcome(group, f"c{i}", value, 2.0) for i, value in enumerate(passed)}


def test_only_tasks_that_both_attempted_are_paired() -> None:
    left, right = outcomes([1.0] * 30), outcomes([0.0] * 20)
    difference = paired(left, right)
    assert (difference.value, difference.n) == (1.0, 20)
    assert difference.low > 0
    assert paired(left, outcomes([1.0], "other")).n == 0
    assert paired(left, right, ("other",)).n == 0


def test_agents_that_never_differ_are_told_from_a_margin_by_enough_tasks() -> None:
    few, many = outcomes([1.0, 0.0] * 5), outcomes([1.0, 0.0] * 60)
    assert paired(few, few).high > 0.05 > paired(many, many).high > 0
    assert conclude(paired(few, few), 0.05) is Conclusion.UNCLEAR
    assert conclude(paired(many, many), 0.05) is Conclusion.FAILS


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_difference_of_different_tasks_lies_within_its_interval(one: list[bool], other: list[bool]) -> None:
    left, right = (mean_with_interval([float(value) for value in values]) for values in (one, other))
    found, mirrored = apart(left, right), apart(right, left)
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.04, 0.2, Conclusion.HOLDS), (-0.3, -0.06, Conclusion.FAILS), (-0.3, 0.3, Conclusion.UNCLEAR)],
)
def test_no_worse_needs_the_whole_interval(low: float, high: float, verdict: Conclusion) -> None:
    assert no_worse(Metric(value=(low + high) / 2, n=10, low=low, high=high)) is verdict
    assert no_worse(Metric(value=0, n=0, low=low, high=high)) is Conclusion.UNCLEAR


def test_rows_count_every_group_and_all(tmp_path: Path) -> None:
    verdicts = [
        {"id": str(i), "group": "a" if i < 4 else "b", "cluster": str(i), "scores": {"pass": float(i < 2)},
         "costs": {"model_calls": i}}
        for i in range(6)
    ]  # fmt: skip
    folder = tmp_path / "cells" / "x"
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps({"verdicts": verdicts}))
    found = read_outcomes(tmp_path, "x")
    rows = {row["group"]: row for row in rows_of({"x": found}, ("a", "b"))}
    assert (rows["a"]["value"], rows["a"]["n"], rows["b"]["value"], rows["all"]["n"]) == (0.5, 4, 0.0, 6)
    assert rows["all"]["model_calls"] == 2.5
    assert rate(found).value == pytest.approx(1 / 3)
    assert read_outcomes(tmp_path, "absent") == {}


def test_every_strategy_has_one_budget_and_the_experiments_one_model() -> None:
    search, generalisation = search_experiment(True), generalisation_experiment(True)
    assert search.conditions.strategies == tuple(Strategy)
    assert search.conditions.transient == (0.0, 0.1, 0.3)
    assert search.model == generalisation.model
    budgets = {search.conditions.search(strategy, 0).budget for strategy in Strategy}
    assert len(budgets) == 1


def test_a_folder_without_a_model_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        open_trained(tmp_path)


def test_an_encoder_beside_serves_where_it_learnt_from_the_same_toolsets(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "retrieval", {"catalog": "C", "data_seed": 0}, resume=False):
        pass
    assert encoder_beside(tmp_path / "retrieval", "C", SplitConfig()) is None  # not finished
    (tmp_path / "retrieval" / "report.json").write_text("{}")
    assert encoder_beside(tmp_path / "retrieval", "C", SplitConfig()) == tmp_path / "retrieval" / "retriever"
    assert encoder_beside(tmp_path / "retrieval", "D", SplitConfig()) is None
    assert encoder_beside(tmp_path / "retrieval", "C", SplitConfig(seed=1)) is None
    assert encoder_beside(tmp_path / "retrieval", "C", SplitConfig(unseen_toolset_share=0.3)) is None


def test_fewer_tasks_are_fewer_for_everyone() -> None:
    few, many = generalisation_experiment(True).of_each(3), generalisation_experiment(True).of_each(300)
    assert (few.per_unseen, few.per_known, few.per_retrieved, few.per_untrained) == (3, 3, 3, 3)
    assert (many.per_unseen, many.per_known, many.per_retrieved) == (300, 300, 20)


def test_every_condition_has_an_option_of_the_command() -> None:
    options = inspect.signature(evaluate_run_commands.run).parameters
    named = {"strategies": "strategy"}
    for name, field in Conditions.model_fields.items():
        given = options[named.get(name, name)].default
        assert given is None or given == field.default, name
