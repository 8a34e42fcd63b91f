import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from small_documents import write_documents
from toolwise.catalog import open_catalog
from toolwise.cli.app import app
from toolwise.corpus import read_sft, read_tasks
from toolwise.errors import ConfigError
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.reproduce import all as every
from toolwise.pipelines.reproduce.diversity import diversity_experiment, reproduce_diversity
from toolwise.pipelines.reproduce.diversity_cells import BASE
from toolwise.pipelines.reproduce.diversity_data import balanced, cluster, draw
from toolwise.pipelines.reproduce.diversity_results import NEAREST, NULL, Scores, findings_of
from toolwise.pipelines.reproduce.diversity_settings import DiversityExperiment, quick_diversity
from toolwise.pipelines.reproduce.findings import Conclusion, conclude
from toolwise.pipelines.reproduce.plots import Series, curve_plot
from toolwise.pipelines.reproduce.request import Request
from toolwise.training.settings import CompactTrainingConfig
from toolwise.types import Metric, SFTExample, Split


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    import_documents([str(write_documents(folder / "documents"))], folder / "catalog", "auto")
    return folder / "catalog"


def tiny(**changes: object) -> DiversityExperiment:
    training = CompactTrainingConfig(
        width=16, layers=1, heads=1, vocabulary=400, batch_tokens=1000, warm_up=2, longest=1500,
        selection=0, synthetic=0, shortened=0, dev_examples=0, threads=1,
    )  # fmt: skip
    settings = DiversityExperiment(
        toolsets=(1, 3), seeds=(0,), instances=20, tokens=4000, base_tokens=2000, base_examples=100, tested=5,
        max_steps=1, training=training,
    )  # fmt: skip
    return settings.model_copy(update=changes)


def test_a_run_gives_every_number_of_toolsets_as_much_and_tests_none_that_was_trained_on(
    catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    document = reproduce_diversity(tiny(), Request(out, "toolwise x", catalog, workers=1))
    assert not document["failed"]
    assert {m["cell"]: m["instances"] for m in document["models"]} == {"1/0": 20, "3/0": 20}
    assert [m["toolsets_used"] for m in document["models"]] == [1, 3]
    verdicts = {finding["claim"]: finding["verdict"] for finding in document["findings"]}
    assert verdicts["no model has read a tested toolset, a tested tool under another name, or a tested task"] == "holds"
    tests = list(read_tasks(out / "tests.jsonl"))
    read = {e.task_key for e in read_sft(out / "data" / "3-0" / "instances.jsonl")}
    trained = {cluster(t) for t in read_tasks(out / "data" / "3-0" / "corpus" / "accepted.jsonl") if t.key in read}
    assert trained.isdisjoint(cluster(task) for task in tests)
    assert document["tests"]["kept"] == len(tests) == next(r["n"] for r in document["rates"] if r["score"] == "passed")
    page = (out / "diversity.md").read_text()
    assert "toolwise x" in page and "diversity.svg" in page
    assert (out / "diversity.svg").read_text().startswith("<svg")
    again = reproduce_diversity(tiny(), Request(out, "toolwise x", catalog, workers=1))
    assert again == document


def test_draws_are_nested_and_hold_out_families_whole(catalog: Path) -> None:
    opened = open_catalog(catalog)
    drawn = draw(opened, tiny(seeds=(0, 1)))
    assert drawn == draw(opened, tiny(seeds=(0, 1)))
    assert drawn.train[0] != drawn.train[1]
    for order in drawn.train.values():
        assert len(set(order)) == 3
        assert set(order).isdisjoint(drawn.test)


def test_too_small_a_catalog_and_a_single_number_are_the_users_mistakes(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs 400"):
        draw(open_catalog(catalog), quick_diversity())
    with pytest.raises(ConfigError, match="at least two"):
        diversity_experiment(True, toolsets=[10])
    result = CliRunner().invoke(
        app, ["reproduce", "diversity", "--quick", "--toolsets", "7", "--out", str(tmp_path / "o"), "--json"]
    )
    assert isinstance(result.exception, ConfigError)


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 40))
def test_instances_are_spread_as_evenly_as_the_toolsets_allow(toolsets: list[int], count: int) -> None:
    examples = [
        SFTExample(key=f"{i}", task_key=f"t{i}", split=Split.TRAIN, messages=(), tools=()) for i in range(len(toolsets))
    ]
    of = {f"t{i}": str(toolset) for i, toolset in enumerate(toolsets)}
    chosen = balanced(examples, of, count, "seed")
    assert len(chosen) == len({e.key for e in chosen}) == min(count, len(examples))
    counts = {name: sum(of[e.task_key] == name for e in chosen) for name in set(of.values())}
    for name, number in counts.items():
        if number < sum(other == name for other in of.values()):  # not used up: nobody has two more
            assert max(counts.values()) <= number + 1


def scores(few: float, many: float) -> Scores:
    """30 toolsets of one task each; the models reach the first `few` and `many` of them."""
    clusters = [f"toolset{i}" for i in range(30)]

    def reached(share: float) -> dict[str, object]:
        right = [i < share * 30 for i in range(30)]
        leaks = {"toolsets": 0, "tools": 0, "tasks": 0}
        return {"exact": right, "passed": right, "tokens": 1000, "leaks": leaks}

    models = {10: {0: reached(few), 1: reached(few)}, 400: {0: reached(many), 1: reached(many)}}
    return Scores(clusters, models, {BASE: reached(0.0), NEAREST: reached(0.5), NULL: reached(0.0)})


@pytest.mark.parametrize(
    ("few", "many", "verdict"),
    [(0.2, 0.7, Conclusion.HOLDS), (0.7, 0.2, Conclusion.FAILS), (0.5, 0.52, Conclusion.UNCLEAR)],
)
def test_the_verdict_follows_the_interval(few: float, many: float, verdict: Conclusion) -> None:
    config = tiny(toolsets=(10, 400), tokens=1000)
    found = findings_of(config, scores(few, many), {"10/0": {"instances": 5}, "400/0": {"instances": 5}})
    assert found[0].verdict is verdict
    assert found[1].verdict is verdict
    assert [f.verdict for f in found if "as many instances" in f.claim] == [Conclusion.HOLDS]
    unfair = findings_of(config, scores(few, many), {"10/0": {"instances": 5}, "400/0": {"instances": 6}})
    assert [f.verdict for f in unfair if "as many instances" in f.claim] == [Conclusion.FAILS]


def test_a_leak_is_a_finding() -> None:
    one = scores(0.5, 0.5)
    one.models[400][0]["leaks"]["tools"] = 1
    assert findings_of(tiny(tokens=1000), one, {})[-1].verdict is Conclusion.FAILS


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_nothing_holds_and_fails_at_once(value: float, reach: float, margin: float) -> None:
    metric = Metric(value=value, n=5, low=max(-1.0, value - reach), high=min(1.0, value + reach))
    verdict = conclude(metric, margin)
    assert verdict is not Conclusion.HOLDS or (metric.low > 0 and value >= margin)
    assert verdict is not Conclusion.FAILS or metric.high <= max(margin, 1e-9)
    assert conclude(Metric(value=value, n=0, low=-1, high=1), margin) is Conclusion.UNCLEAR


def test_a_curve_shows_its_labels_and_escapes_them() -> None:
    metric = {"value": 0.5, "low": 0.25, "high": 0.75}
    drawn = curve_plot(
        "t", "tools & more", {"<p>": [Series("a<b", {10.0: metric, 400.0: metric}), Series("l", {}, metric)]}
    )
    assert "a&lt;b" in drawn and "tools &amp; more" in drawn and "&lt;p&gt;" in drawn and "stroke-dasharray" in drawn


def test_one_failing_experiment_does_not_stop_the_rest(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = {"claim": "c", "claimed": "x", "measured": "y", "verdict": "holds"}

    def breaks(quick: bool, request: Request) -> dict[str, object]:
        raise ZeroDivisionError("nothing to divide by")

    def works(quick: bool, request: Request) -> dict[str, object]:
        assert request.catalog == catalog and quick
        alone = f"reproduce diversity --quick --catalog {catalog} --out {tmp_path / 'o' / 'diversity'} --json"
        assert request.command == f"toolwise {alone}"
        assert "nothing to divide by" in (tmp_path / "o" / "findings.md").read_text()  # written after each
        return {"findings": [finding], "failed": {}, "folder": str(request.out)}

    monkeypatch.setattr(every, "_REGISTRY", {"search": breaks, "diversity": works})
    monkeypatch.setattr(every, "EXPERIMENTS", ("search", "diversity"))
    arguments = ["reproduce", "all", "--quick", "--catalog", str(catalog), "--out", str(tmp_path / "o"), "--json"]
    monkeypatch.setattr(sys, "argv", ["toolwise", *arguments])
    result = CliRunner().invoke(app, arguments)
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["failed"] == {"search": "ZeroDivisionError: nothing to divide by"}
    assert document["findings"] == [{"experiment": "diversity", **finding}]
    page = (tmp_path / "o" / "findings.md").read_text()
    assert "diversity/diversity.md" in page and "nothing to divide by" in page
    spent = document["seconds"]["diversity"]
    again = every.reproduce_all(Request(tmp_path / "o", catalog=catalog), quick=True, only=["diversity"])
    assert again["seconds"]["diversity"] >= spent and set(again["seconds"]) == {"search", "diversity"}
    with pytest.raises(ConfigError, match="no experiment 'serach'"):
        every.reproduce_all(Request(tmp_path / "o", catalog=catalog), quick=True, only=["serach"])
