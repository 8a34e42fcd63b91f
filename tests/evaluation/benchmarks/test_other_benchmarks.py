from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bfcl_rows import write_rows
from toolwise.evaluation.benchmarks.seal_tools import read_seal_tools
from toolwise.evaluation.benchmarks.toolalpaca import read_toolalpaca
from toolwise.evaluation.benchmarks.toolbench import (
    function_name,
    read_toolbench,
    schema_of_template,
    toolbench_solution,
)
from toolwise.llm.endpoint import EndpointConfig
from toolwise.llm.scripted import ScriptedModel
from toolwise.pipelines import judging, scoring
from toolwise.schemas import Validator
from toolwise.types import ToolCall
from toolwise.worlds import SimulatedWorld

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
present = pytest.mark.skipif(not SHARED.is_dir(), reason="the public samples are not here")

API: dict[str, Any] = {
    "category_name": "Travel",
    "tool_name": "Rail Times",
    "api_name": "Next Train",
    "api_description": "The next train.",
    "required_parameters": [{"name": "station", "type": "STRING", "description": "", "default": "Bern"}],
    "optional_parameters": [],
    "method": "GET",
    "template_response": {
        "minutes": "int",
        "stops": [{"name": "str", "_list_length": 2}],
        "lines": ["list of str with length 3"],
    },
}
QUERY = {"api_list": [API], "query": "When?", "relevant APIs": [["Rail Times", "Next Train"]], "query_id": 7}


def tree(name: str, final: str) -> dict[str, Any]:
    call = {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": '{"station": "Bern"}'}}
    told = {"role": "function", "name": name, "content": '{"error": "", "response": "{}"}'}
    return {"answer_generation": {"final_answer": final, "train_messages": [[call, told]]}}


def test_queries_become_tasks_whose_responses_follow_the_template(tmp_path: Path) -> None:
    benchmark = read_toolbench(write_rows(tmp_path / "G1_query.json", [[QUERY, QUERY, {"query": "no tools"}]]))
    assert benchmark.broken == {"a query without its list of APIs": 1}
    item = benchmark.items[0]
    assert (item.id, item.task.relevant) == ("7", ("rail_times.next_train",))
    assert function_name(item.tools[0]) == "next_train_for_rail_times"
    catalog = benchmark.catalog

    async def call() -> Any:
        session = SimulatedWorld(catalog).open(item.task)
        return (await session.call(ToolCall(id="1", name=item.tools[0].id, arguments={"station": "Bern"}))).body

    body = asyncio.run(call())
    assert Validator(schema_of_template(API["template_response"]), {}).is_valid(body)
    assert (len(body["stops"]), len(body["lines"])) == (2, 3)


def test_answer_trees_and_converted_answers_are_scored(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "G1_query.json", [[QUERY]])
    folder = tmp_path / "answers"
    folder.mkdir()
    final = '{"return_type": "give_answer", "final_answer": "In 5 minutes."}'
    write_rows(folder / "7_DFS.json", [tree("next_train_for_rail_times", final)])
    document = scoring.score_toolbench(data, folder)
    assert {name: metric["value"] for name, metric in document["scores"].items()} == {"relevant": 1.0, "answered": 1.0}
    given_up = toolbench_solution(tree("f", '{"return_type": "give_up_and_restart"}'))
    assert given_up.answer == ""
    node = {"role": "tool", "message": {"name": "f", "arguments": "{}", "response": "x"}, "next": []}
    converted = {"query": "", "answer": {"final_answer": "x", "answer_details": [{"role": "user", "next": [node]}]}}
    assert [step.name for step in toolbench_solution(converted).steps] == ["f"]


def test_seal_tools_counts_format_tools_and_parameters(tmp_path: Path) -> None:
    tool = {
        "api_name": "f",
        "api_description": "F.",
        "field": "X",
        "parameters": {"a": {"type": "int"}},
        "required": ["a"],
    }
    write_rows(tmp_path / "tool.jsonl", [tool, {**tool, "api_name": "g"}, {"nameless": 1}])
    calling = [{"api": "f", "parameters": {"a": 1}, "responses": ["API_call_0"]}]
    write_rows(tmp_path / "dev.jsonl", [{"id": f"dev-easy-{i}", "query": "do f", "calling": calling} for i in range(4)])
    rows = [
        {"id": "dev-easy-0", "predict": [calling]},
        {"id": "dev-easy-1", "predict": [-1]},
        {"id": "dev-easy-2", "predict": "[{'api': 'f'"},
    ]
    document = scoring.score_seal_tools(tmp_path, _file(tmp_path, rows))
    values = {name: metric["value"] for name, metric in document["scores"].items()}
    assert (values["exact"], values["format"], values["tool_precision"], values["tool_recall"]) == (
        0.25,
        0.25,
        1.0,
        0.25,
    )
    assert values["parameter_f1"] == pytest.approx(2 * 1 / (1 + 4))
    assert document["predictions"]["missing"] == 1
    assert document["left_out_of_the_benchmark"] == {"a tool without a name": 1}


def _file(folder: Path, rows: list[Any]) -> Path:
    (folder / "predictions").mkdir()
    return write_rows(folder / "predictions" / "p.jsonl", rows)


@present
def test_public_samples_are_read() -> None:
    seal = read_seal_tools(SHARED / "seal_tools", "dev")
    assert len(seal.items) == 700
    alpaca = read_toolalpaca(SHARED / "toolalpaca" / "eval_simulated.json")
    assert len(alpaca.items) == 100
    stable = read_toolbench(SHARED / "stabletoolbench")
    assert all(tool.returns for item in stable.items for tool in item.tools if tool.returns is not None)
    assert len(stable.catalog) > 0


@present
def test_solutions_in_a_judges_prompts_are_scored() -> None:
    data = SHARED / "toolalpaca"
    document = scoring.score_toolalpaca(data / "eval_simulated.json", data / "ToolAlpaca13b.json")
    assert document["predictions"]["used"] == 100
    assert document["attempts"] == {"called": 97, "abstained": 3, "unparsable": 0, "missing": 0}
    nothing = document["baselines"]["null"]["scores"]
    assert nothing["overall"]["value"] == 0 < document["scores"]["overall"]["value"]


def test_judged_items_keep_the_denominator_and_every_vote(tmp_path: Path) -> None:
    queries = [{**QUERY, "query_id": number} for number in range(3)]
    benchmark = read_toolbench(write_rows(tmp_path / "G1_query.json", [queries]))
    file = write_rows(
        tmp_path / "p.jsonl", [{"id": "0", "result": tree("f", "x")}, {"id": "1", "result": tree("f", "y")}]
    )
    known = frozenset(item.id for item in benchmark.items)
    given = judging.read_predictions(file, known)
    model = ScriptedModel(
        lambda request: "Better: First" if "First assistant" in request.messages[0].content else "Answer status: Solved"
    )
    settings = judging.JudgeSettings(EndpointConfig(base_url="http://127.0.0.1:1/v1", model="j"), votes=2)
    document = asyncio.run(
        judging.judged_document(benchmark, given, given, model, settings, solve=toolbench_solution, out=tmp_path)
    )
    assert document["scores"]["pass"]["value"] == pytest.approx(2 / 3)
    assert document["scores"]["pass"]["n"] == 3
    assert document["comparison"]["scores"]["win"]["value"] == 0.5
    assert (document["comparison"]["flips"], document["comparison"]["pairs_of_votes"]) == (4, 4)
    assert len((tmp_path / "votes.jsonl").read_bytes().splitlines()) == 6


def test_a_benchmark_becomes_a_folder_of_tasks_that_can_be_solved_and_scored(tmp_path: Path) -> None:
    from bfcl_rows import write_bfcl
    from toolwise.pipelines.rescoring import score_folder
    from toolwise.pipelines.verbs import solve_folder

    imported = scoring.import_benchmark("bfcl", write_bfcl(tmp_path / "data"), tmp_path / "tasks")
    assert imported["tasks"] == 5
    solve_folder(tmp_path / "tasks", tmp_path / "solved", "react", workers=1)
    file = tmp_path / "solved" / "trajectories.jsonl"
    lines = file.read_bytes().splitlines()
    file.write_bytes(
        b"\n".join([*lines[1:], lines[1], b"{broken", lines[2].replace(b'"task_key":"', b'"task_key":"x')])
    )
    document = score_folder(tmp_path / "solved")
    given = document["predictions"]
    assert (given["missing"], given["duplicate"], given["unknown"], given["broken"]) == (1, 1, 1, {"not JSON": 1})
    assert document["scores"]["pass"]["n"] == 5
    assert document["scores"]["answered"]["value"] <= 4 / 5
