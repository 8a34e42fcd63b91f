import json
import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rehearsal_server import rehearsal
from small_documents import write_documents
from toolwise.catalog import open_catalog
from toolwise.cli.app import app
from toolwise.corpus import read_tasks
from toolwise.errors import ConfigError, DataError, RunError, UserError
from toolwise.evaluation.unseen import HOME, Setting, setting_of
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.evaluate_run import EvaluationPlan, evaluate_run, parse_agent, parse_conditions
from toolwise.pipelines.evaluate_settings import make_settings, spread
from toolwise.pipelines.leak_checks import Trained, leak_row
from toolwise.pipelines.rescoring import score_cell, score_folder
from toolwise.pipelines.verbs import make_tasks, solve_folder
from toolwise.types import Split


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog `C`, tasks `T` for training, and the settings' tasks `S`."""
    folder = tmp_path_factory.mktemp("evaluate")
    import_documents((str(write_documents(folder / "documents")),), folder / "C", "auto")
    make_tasks(folder / "C", folder / "T", (40, 6), workers=1)
    make_settings(folder / "T", folder / "S", 5, workers=1)
    return folder


@pytest.fixture(scope="module")
def run(made: Path) -> Path:
    """The embedded teacher and chance, by two strategies, with and without refusals, given and retrieved."""
    agents = tuple(parse_agent(name) for name in ("blueprint", "random"))
    conditions = parse_conditions(["react", "dfsdt"], transient=(0.0, 0.3))
    plan = EvaluationPlan(made / "S", agents, conditions, ("given", "retrieved:3"), keep_catalog=True)
    evaluate_run(plan, made / "P", workers=1)
    return made / "P"


def document(folder: Path) -> Any:
    return json.loads((folder / "scores.json").read_bytes())


def test_the_settings_keep_apart_what_training_saw(made: Path) -> None:
    inputs = json.loads((made / "S" / "inputs.json").read_bytes())
    split_of = {name: Split(value) for name, value in inputs["split"].items()}
    tasks = list(read_tasks(made / "S" / "tasks.jsonl"))
    assert tasks
    for task in tasks:
        setting = setting_of(task)
        assert setting is not None
        homes = {split_of[tool.partition(".")[0]] for tool in task.relevant}
        expected = Split.TRAIN if HOME[setting][0] is Split.SEEN_TOOLSET else HOME[setting][0]
        assert homes == {expected}
    assert set(inputs["settings"]) == {setting.value for setting in Setting}
    assert all(row["clean"] and row["tasks_in_training"] == 0 for row in inputs["settings"].values())
    assert inputs["settings"]["I1-Inst"]["toolsets_in_training"] == inputs["settings"]["I1-Inst"]["toolsets"] > 0
    assert inputs["settings"]["I1-Tool"]["training_tasks_known"] > 0


def test_settings_together_take_few_tasks_of_many_toolsets(made: Path) -> None:
    tasks = list(read_tasks(made / "S" / "tasks.jsonl"))
    toolsets = {task.relevant[0].partition(".")[0] for task in tasks}
    used: Counter[str] = Counter()
    chosen = spread(tasks, len(toolsets), used)
    assert used == Counter(toolsets)  # one of each
    first = min(toolsets)
    later = spread([task for task in tasks if task not in chosen], 1, Counter({first: 5}))
    assert later[0].relevant[0].partition(".")[0] != first
    assert len(spread(tasks, len(tasks) + 9, Counter())) == len(tasks)


def test_a_leak_is_shown(made: Path) -> None:
    tools = open_catalog(made / "C")
    unseen = [t for t in read_tasks(made / "S" / "tasks.jsonl") if t.provenance.split is Split.UNSEEN_TOOLSET]
    trained = Trained.of(tools, dict.fromkeys(tools.names(), Split.TRAIN), None)
    row = leak_row(unseen, Split.UNSEEN_TOOLSET, trained, tools)
    assert not row["clean"]
    assert row["toolsets_in_training"] == row["toolsets"]


def test_every_run_has_the_baselines_beside_it_and_one_budget(run: Path) -> None:
    found = document(run)
    names = set(found["cells"])
    assert {"null+react+given", "nearest_tool+react+given+refused-30", "nearest_tool+react+retrieved-3"} <= names
    assert set(found["baselines"]) == {name for name in names if name.startswith(("null", "nearest_tool"))}
    assert found["cells"]["null+react+given"]["scores"]["pass"]["value"] == 0
    assert found["cells"]["blueprint+dfsdt+given"]["scores"]["pass"]["value"] == 1
    assert found["budget"]["model_calls"] == 10
    cost = found["cells"]["blueprint+react+given"]["cost"]
    assert cost["solved"] == found["tasks"]
    assert cost["model_calls_per_solved_task"] == cost["model_calls"] / cost["solved"] >= 2


def test_calls_that_are_refused_for_the_moment_are_made_again_and_replayed(run: Path) -> None:
    cell = found = document(run)["cells"]["blueprint+react+given+refused-30"]
    assert cell["scores"]["pass"]["value"] > 0.7
    assert cell["cost"]["model_calls"] > document(run)["cells"]["blueprint+react+given"]["cost"]["model_calls"]
    assert "replay_differs" not in found["reasons"]


def test_retrieved_candidates_are_judged_as_they_were_offered(run: Path) -> None:
    found = document(run)
    rows = [json.loads(line) for line in (run / "cells/blueprint+react+retrieved-3/predictions.jsonl").open()]
    assert {len(row["candidates"]) for row in rows} == {3}
    complete = found["candidate_sets"]["retrieved:3"]["complete"]
    assert 0 < found["cells"]["blueprint+react+retrieved-3"]["scores"]["pass"]["value"] <= complete + 1e-9


def test_what_was_kept_scores_the_same_elsewhere(run: Path, made: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    for inputs in [moved / "inputs.json", *moved.glob("cells/*/inputs.json")]:
        content = inputs.read_text().replace(str(made.resolve()), "/nowhere")
        inputs.write_text(content)
    again, before = score_folder(moved), document(run)
    assert again["verdicts"] == before["verdicts"]
    assert again["cells"] == before["cells"]


def test_missing_broken_and_foreign_predictions_are_counted_and_fail(run: Path, tmp_path: Path) -> None:
    cell = tmp_path / "cell"
    shutil.copytree(run / "cells/blueprint+react+given", cell)
    inputs = json.loads((cell / "inputs.json").read_bytes()) | {"predictions": str(cell / "predictions.jsonl")}
    (cell / "inputs.json").write_text(json.dumps(inputs))
    lines = (cell / "predictions.jsonl").read_text().splitlines()
    foreign = json.dumps(json.loads(lines[1]) | {"id": "another"})
    swapped = json.dumps(json.loads(lines[2]) | {"trajectory": json.loads(lines[3])["trajectory"]})
    kept = [*lines[1:2], *lines[1:2], swapped, *lines[3:], "{broken", "[]", foreign]
    (cell / "predictions.jsonl").write_text("\n".join(kept))
    found = score_cell(cell, baselines=False)
    given = found["predictions"]
    assert (given["duplicate"], given["missing"]) == (1, 2)
    assert given["broken"] == {"not JSON": 1, "not a prediction": 1, "a trajectory of another task": 2}
    assert found["scores"]["pass"]["n"] == len(lines)
    assert found["scores"]["pass"]["value"] == pytest.approx(1 - 2 / len(lines))


def test_a_run_goes_on_under_the_same_conditions_only(run: Path, made: Path) -> None:
    agents = tuple(parse_agent(name) for name in ("blueprint", "random"))
    conditions = parse_conditions(["react", "dfsdt"], transient=(0.0, 0.3))
    plan = EvaluationPlan(made / "S", agents, conditions, ("given", "retrieved:3"), keep_catalog=True)
    before = {file: file.read_bytes() for file in run.rglob("predictions.jsonl")}
    assert evaluate_run(plan, run, resume=True, workers=1)["verdicts"] == document(run)["verdicts"]
    assert {file: file.read_bytes() for file in run.rglob("predictions.jsonl")} == before
    with pytest.raises(RunError, match="budget"):
        evaluate_run(
            EvaluationPlan(made / "S", agents, parse_conditions(["react"], budget=3)), run, resume=True, workers=1
        )


def test_repeated_attempts_give_pass_to_the_power_of_k(made: Path, tmp_path: Path) -> None:
    conditions = parse_conditions(["react"], repeats=3)
    plan = EvaluationPlan(made / "S", (parse_agent("random"),), conditions, limit=4, baselines=False)
    found = evaluate_run(plan, tmp_path / "P", workers=1)
    power = [found["pass_power_k"][str(k)]["value"] for k in (1, 2, 3)]
    assert power[0] == pytest.approx(found["scores"]["pass"]["value"])
    assert power == sorted(power, reverse=True)
    assert found["predictions"]["rows"] == 3 * found["tasks"]


def test_stored_trajectories_are_scored_beside_the_baselines(made: Path, tmp_path: Path) -> None:
    solve_folder(made / "S", tmp_path / "solved", "react", workers=1)
    found = score_folder(tmp_path / "solved")
    assert set(found["baselines"]) == {"null", "nearest_tool"}
    assert found["baselines"]["null"]["scores"]["pass"]["value"] == 0
    assert found["scores"]["pass"]["value"] == 1
    assert not score_folder(tmp_path / "solved", baselines=False)["baselines"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--policy", "nothing"), "unknown policy"),
        (("--policy", "./nowhere"), "holds no model"),
        (("--policy", "null", "--strategy", "bfs"), "unknown strategy"),
        (("--policy", "null", "--candidates", "retrieved:x"), "retrieved:K"),
        (("--policy", "null", "--setting", "I9"), "has no tasks of I9"),
        (("--policy", "null", "--refused", "2"), "refusals"),
        (("--policy", "llm"), "--base-url"),
    ],
)
def test_a_users_mistake_is_one_line(made: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    command = ["evaluate", "run", "--tasks", str(made / "S"), "--out", str(tmp_path / "P"), *arguments]
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, ConfigError | DataError)
    assert problem in str(error)
    assert "\n" not in str(error)


def test_a_language_model_is_evaluated_through_the_same_command(made: Path, tmp_path: Path) -> None:
    with rehearsal("--tasks", made / "S") as url:
        command = ["evaluate", "run", "--tasks", made / "S", "--policy", "llm", "--base-url", url, "--model",
                   "embedded", "--strategy", "react", "--strategy", "dfsdt", "--limit", "3",
                   "--price-in", "1", "--price-out", "2", "--out", tmp_path / "P", "--json"]  # fmt: skip
        result = CliRunner().invoke(app, list(map(str, command)))
        assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    cell = found["cells"]["llm+react+given"]
    assert cell["scores"]["pass"]["value"] > 0.8
    assert cell["cost"]["prompt_tokens"] > 0
    assert cell["cost"]["cost"] > 0
    assert found["pending"] == 0
    assert found["usage"]["calls"] > 0


def test_a_dead_endpoint_or_a_spent_budget_is_no_fault_of_the_agents(made: Path, tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    common = ["evaluate", "run", "--tasks", str(made / "S"), "--policy", "llm", "--model", "embedded", "--limit", "1",
              "--no-baselines", "--resume", "--out", str(tmp_path / "P")]  # fmt: skip
    result = CliRunner().invoke(app, [*common, "--base-url", dead])
    assert isinstance(result.exception, UserError)
    assert "no connection to" in str(result.exception)
    with rehearsal("--tasks", made / "S") as url:
        whole = json.loads(CliRunner().invoke(app, [*common, "--base-url", url, "--json"]).stdout)
        few = [*common[:-1], str(tmp_path / "Q"), "--base-url", url, "--max-calls", "3", "--json"]
        stopped = json.loads(CliRunner().invoke(app, few).stdout)
    assert whole["pending"] == 0
    assert "EndpointUnusableError" not in whole["reasons"]
    assert stopped["stopped_by"] == "budget"
    assert stopped["pending"] == stopped["predictions"]["missing"] > 0
