"""A model attempts tasks of a small corpus in the simulated world, and what it earns is worked out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from small_documents import write_documents
from toolwise.catalog import import_catalog, open_catalog
from toolwise.cli.app import app
from toolwise.cli.output import one_line_errors
from toolwise.corpus import read_tasks
from toolwise.evaluation import NullPolicy
from toolwise.pipelines.assemble import simulated_world
from toolwise.pipelines.evaluate import attempt_all
from toolwise.pipelines.verbs import corpus_folder, make_tasks, solve_folder, verify_folder
from toolwise.ports import Policy
from toolwise.search import BlueprintPolicy, ErrorRates, SearchConfig, Strategy
from toolwise.types import Outcome, Split, Task

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
NO_ERRORS = ErrorRates(wrong_tool=0, wrong_argument=0, missing_argument=0, early_answer=0, early_give_up=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog and a corpus of its tasks."""
    made: Path = tmp_path_factory.mktemp("run")
    import_catalog([str(write_documents(made / "documents"))], made / "catalog")
    make_tasks(made / "catalog", made / "tasks", (30, 2), workers=1)
    solve_folder(made / "tasks", made / "solved", "react", workers=1)
    verify_folder(made / "solved", made / "verified", workers=1)
    corpus_folder(made / "verified", made / "corpus")
    return made


def rewards(run: Path, policy: Policy) -> list[tuple[Task, float]]:
    from toolwise.pipelines.rollouts import evidence
    from toolwise.training.llm.rewards import reward, reward_parts

    tools = open_catalog(run / "catalog")
    tasks = [task for task in read_tasks(run / "corpus" / "accepted.jsonl") if task.provenance.split is Split.TRAIN]
    search = SearchConfig(strategy=Strategy.REACT)
    attempts = asyncio.run(attempt_all(tasks, policy, simulated_world(tools), tools, search, 8))
    return [(attempt.task, reward(reward_parts(evidence(attempt)))) for attempt in attempts]


def test_the_right_calls_earn_everything_and_doing_nothing_next_to_nothing(run: Path) -> None:
    right, idle = rewards(run, BlueprintPolicy(NO_ERRORS)), rewards(run, NullPolicy())
    assert len(right) > 20
    assert all(earned == pytest.approx(1) for _, earned in right)
    assert all(earned <= 0.2 for task, earned in idle if task.checks.outcome is Outcome.CALL)


def test_mistakes_cost(run: Path) -> None:
    wrong = ErrorRates(wrong_tool=0, wrong_argument=1, missing_argument=0, early_answer=0, early_give_up=0, recover=0)
    right = dict.fromkeys(task.key for task, _ in rewards(run, BlueprintPolicy(NO_ERRORS)))
    spoilt = [earned for task, earned in rewards(run, BlueprintPolicy(wrong)) if task.key in right]
    assert sum(spoilt) / len(spoilt) < 0.95


def command(*words: str) -> int:
    try:
        with one_line_errors():
            app(args=["train", "grpo", *words], prog_name="toolwise", standalone_mode=False)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


QUICK = (
    *("--max-steps", "1", "--batch", "4", "--accumulate", "1", "--generations", "2", "--max-turns", "2"),
    *("--dev-tasks", "0", "--json"),
)


def test_the_compact_model_trains_from_the_command_line_the_same_each_time(
    run: Path, tmp_path: Path, capsys: Any
) -> None:
    from tests.models import tiny

    from toolwise.models.folder import save_model

    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    documents = []
    for name in ("m", "n"):
        given = ["--corpus", str(run), "--base", str(tmp_path / "base"), "--out", str(tmp_path / name)]
        assert command(*given, *QUICK, "--max-turn-tokens", "120") == 0
        documents.append(orjson.loads(capsys.readouterr().out))
    first, second = documents
    assert first["curve"] == second["curve"]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (tmp_path / "n" / "model.safetensors").read_bytes()
    assert set(first["curve"][0]["parts"]) == {"parses", "tool", "names", "values", "state", "solved"}
    assert first["attempts"] == 4
    assert first["sampled_tokens"] > 0
    assert first["tasks_without_tools"] == 0


def test_only_tasks_whose_attempts_differ_are_trained_on(run: Path, tmp_path: Path, capsys: Any) -> None:
    from tests.models import tiny

    from toolwise.models.folder import save_model

    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    given = ["--corpus", str(run), "--base", str(tmp_path / "base"), "--out", str(tmp_path / "m"), *QUICK]
    few = ["--batch", "2", "--max-turn-tokens", "40", "--screen", "4", "--dev-tasks", "1"]
    assert command(*given, *few) == 0
    document = orjson.loads(capsys.readouterr().out)
    kept = orjson.loads((tmp_path / "m" / "screened.json").read_bytes())["tasks"]
    assert document["train"]["tasks"] == document["screened"]["differing"] == len(kept)
    assert 1 <= len(kept) <= document["screened"]["attempted"] == 4
    assert document["kept"]["tasks"] == document["dev_tasks"]["tasks"] == 1


def test_an_open_model_that_babbles_earns_nothing_and_what_it_wrote_is_kept(
    run: Path, tmp_path: Path, capsys: Any
) -> None:
    from tests.training.tiny_llm import save_tiny_qwen3

    base = save_tiny_qwen3(tmp_path / "base")
    given = ["--corpus", str(run), "--base", str(base), "--lora", "--out", str(tmp_path / "m")]
    assert command(*given, *QUICK, "--max-turn-tokens", "8", "--max-length", "2000") == 0
    document = orjson.loads(capsys.readouterr().out)
    assert document["curve"][0]["parts"]["parses"] < 1
    assert document["sampled_tokens"] >= 4 * 8 - 8
    assert document["attempts_left_out"] == 0
    assert (tmp_path / "m" / "adapter_config.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--catalog", "nowhere"], "holds no catalog"),
        (["--generations", "3"], "--generations 3 does not divide"),
        (["--world", "mars"], "unknown world"),
        (["--batch", "4000"], "lower --batch"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said: str, run: Path, tmp_path: Path, capsys: Any) -> None:
    base = tmp_path / "base"
    base.mkdir()
    given = ["--corpus", str(run / "corpus"), "--base", str(base), "--out", str(tmp_path / "m")]
    assert command(*given, *words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("toolwise:")]
    assert said.replace("does not divide", "") in line


def test_nothing_that_old_weights_read_is_used_after_an_update(run: Path, tmp_path: Path) -> None:
    from tests.training.tiny_llm import save_tiny_qwen3

    from toolwise.models.open_models import load_open_model
    from toolwise.pipelines.rollouts import Rollouts
    from toolwise.pipelines.worlds import WorldConfig

    tasks = [task for task in read_tasks(run / "corpus" / "accepted.jsonl") if task.provenance.split is Split.TRAIN]
    model, words = load_open_model(save_tiny_qwen3(tmp_path / "base"))
    with Rollouts(tasks, run / "catalog", WorldConfig()) as rollouts:
        make, keys = rollouts.player(SearchConfig(max_steps=2, budget=2), 8, 2), [tasks[0].key] * 2
        player = make(model, words)
        before = player.play(keys, 5)
        assert player.play(keys, 5) == before
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(-3.0)
        after = player.play(keys, 5)
        assert after == make(model, words).play(keys, 5)
        assert after != before
    assert len({episode.turns[0].tokens for episode in before}) == 2, "attempts on one task differ"
