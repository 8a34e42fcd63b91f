"""ToolAlpaca's evaluation files, its predictions, and the solutions that its judge's prompts hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.dialects import parameters_from
from toolwise.evaluation.benchmarks.items import Benchmark, Item, Score
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.calls.attempts import Attempted, read_attempt
from toolwise.evaluation.calls.placeholders import Placeholder, read_arguments
from toolwise.evaluation.calls.procedure import ReferenceCall, Solution, StepDone, check_procedure, check_response
from toolwise.types import Blueprint, BlueprintCall, Checks, Json, Task, Tool, Toolset, WorldSpec

SOURCE = "toolalpaca"
_STEP = re.compile(
    r"\d+\. Function: (?P<name>.*?)\nParameters: (?P<arguments>.*?)\nRetu?r[nu]+s: (?P<observation>.*?)"
    r"(?=\n\d+\. (?:Function|Final Response):|\Z)",
    re.DOTALL,
)
_FINAL = re.compile(r"\d+\. Final Response:(?P<answer>.*?)(?=\n\n## Analysis|\Z)", re.DOTALL)
_SOLUTION = "## AI Assistant's Solution"


def read_toolalpaca(path: Path) -> Benchmark:
    """`eval_simulated.json` or `eval_real.json`, or a folder that holds one. Raises DataError."""
    files = sorted(path.glob("eval*.json")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no evaluation file of ToolAlpaca (eval_simulated.json, eval_real.json)")
    broken: Counter[str] = Counter()
    items: list[Item] = []
    for file in files:
        for toolset in read_rows(file, broken):
            if not isinstance(toolset, dict) or not isinstance(toolset.get("Instructions"), list):
                broken["a toolset without instructions"] += 1
                continue
            items += _items(toolset, broken)
    return Benchmark(SOURCE, tuple(items), score_toolalpaca, "overall", broken=dict(broken))


def _items(document: Json, broken: Counter[str]) -> Iterator[Item]:
    title = str(document.get("Name") or document.get("API") or "")
    toolset = _toolset(title, document)
    answers = document.get("Golden_Answers")
    answers = answers if isinstance(answers, list) else []
    for index, instruction in enumerate(document["Instructions"]):
        listed = answers[index] if index < len(answers) else None
        if not isinstance(listed, list) or not listed:
            broken["an instruction without reference calls"] += 1
            continue
        calls = tuple(_reference(step) for step in listed if isinstance(step, dict))
        broken["a reference call that cannot be read (any arguments will do)"] += sum(
            call.arguments is None for call in calls
        )
        task = _task(str(instruction), toolset, calls)
        yield Item(f"{title}/{index}", "all", title, task, (toolset,), [_dumped(call) for call in calls])
    broken += Counter()  # drops zeros


def _toolset(title: str, document: Json) -> Toolset:
    name = re.sub(r"\W+", "_", title) or SOURCE
    described = document.get("Function_Description")
    described = described if isinstance(described, dict) else {}
    tools = tuple(_tool(name, function, str(text)) for function, text in described.items() if function != "components")
    return Toolset(
        name=name, title=title, description=str(document.get("Description") or ""), source=SOURCE, tools=tools
    )


_PARAMETERS = re.compile(r"^Parameters: (\{.*\})\s*$", re.MULTILINE)


def _tool(toolset: str, name: str, text: str) -> Tool:
    """A function from its plain-language documentation: a line of description, then its parameters as JSON."""
    properties: dict[str, Json] = {}
    required: list[str] = []
    if match := _PARAMETERS.search(text):
        try:
            listed = orjson.loads(match[1])
        except orjson.JSONDecodeError:
            listed = {}
        for parameter, words in listed.items() if isinstance(listed, dict) else ():
            kind = str(words).split(".", 1)[0].replace("Required", "").strip(" .").lower()
            properties[parameter] = {"type": kind.split(" ")[0], "description": str(words)}
            if "required" in str(words).lower():
                required.append(parameter)
    description = text.split("\n", 1)[0]
    parameters = parameters_from({"properties": properties, "required": required})
    return Tool(id=f"{toolset}.{name}", name=name, description=description, parameters=parameters)


def _reference(step: Mapping[str, Json]) -> ReferenceCall:
    given = step.get("Action_Input")
    arguments = given if isinstance(given, dict) else read_arguments(str(given or "{}"))
    return ReferenceCall(str(step.get("Action") or ""), arguments)


def _dumped(call: ReferenceCall) -> Json:
    if call.arguments is None:
        return [call.name, None]
    holes = {
        name: {"${}": [value.field, value.source]} if isinstance(value, Placeholder) else value
        for name, value in call.arguments.items()
    }
    return [call.name, holes]


def _loaded(part: Json) -> ReferenceCall:
    name, arguments = part
    if arguments is None:
        return ReferenceCall(name, None)
    values = {
        key: Placeholder(*value["${}"]) if isinstance(value, dict) and value.keys() == {"${}"} else value
        for key, value in arguments.items()
    }
    return ReferenceCall(name, values)


def _task(instruction: str, toolset: Toolset, calls: tuple[ReferenceCall, ...]) -> Task:
    known = [call for call in calls if call.name in toolset.by_name]
    concrete = all(
        call.arguments is not None and not any(isinstance(v, Placeholder) for v in call.arguments.values())
        for call in calls
    )
    blueprint = Blueprint(
        calls=tuple(BlueprintCall(tool=f"{toolset.name}.{c.name}", arguments=c.arguments or {}) for c in known)
    )
    return Task(
        instruction=instruction,
        candidates=tuple(tool.id for tool in toolset.tools),
        relevant=tuple(dict.fromkeys(f"{toolset.name}.{call.name}" for call in known)),
        world=WorldSpec(),
        blueprint=blueprint if concrete and len(known) == len(calls) else None,
        checks=Checks(),
    ).with_key()


def score_toolalpaca(item: Item, output: Json | None) -> Score:
    """`procedure` and `response` by rule, and `overall`, which needs both."""
    reference = [_loaded(part) for part in item.reference]
    if output is None:
        return Score(Attempted.MISSING, {"procedure": 0.0, "response": 0.0, "overall": 0.0}, {}, "missing")
    attempted, solution = solution_of(output)
    wrong = check_procedure(reference, solution, {tool.name for tool in item.tools})
    wrong_answer = check_response(reference, solution)
    values = {
        "procedure": float(not wrong),
        "response": float(not wrong_answer),
        "overall": float(not wrong and not wrong_answer),
    }
    reason = "" if values["overall"] else ("procedure" if wrong else "response")
    if reason and attempted is not Attempted.CALLED:
        reason = attempted.value
    return Score(attempted, values, {}, reason, wrong or wrong_answer)


def solution_of(output: Json) -> tuple[Attempted, Solution]:
    """A solution in ToolAlpaca's form (`intermediate_steps`, `output`), in its judge's prompt, or as bare calls."""
    if isinstance(output, str) and _SOLUTION in output:
        solution = _from_prompt(output.rpartition(_SOLUTION)[2])
    elif isinstance(output, dict) and "intermediate_steps" in output:
        solution = _from_instance(output)
    elif isinstance(output, dict) and "steps" in output:
        steps = [s for s in output["steps"] if isinstance(s, dict)] if isinstance(output["steps"], list) else []
        solution = Solution(
            tuple(_step(s.get("name"), s.get("arguments"), s.get("observation")) for s in steps),
            str(output.get("answer") or ""),
        )
    else:
        attempt = read_attempt(output)
        text = output if isinstance(output, str) and attempt.attempted is Attempted.ABSTAINED else ""
        return attempt.attempted, Solution(tuple(StepDone(n, a) for n, a in attempt.calls), text)
    return (Attempted.CALLED if solution.steps else Attempted.ABSTAINED), solution


def _step(name: Json, arguments: Json, observation: Json) -> StepDone:
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            arguments = {}
    return StepDone(
        str(name or "").strip(),
        arguments if isinstance(arguments, dict) else {},
        None if observation is None else str(observation),
    )


def _from_instance(output: Json) -> Solution:
    steps = []
    for listed in output["intermediate_steps"] if isinstance(output["intermediate_steps"], list) else ():
        if isinstance(listed, list) and len(listed) > 1 and isinstance(listed[0], list) and len(listed[0]) > 1:
            steps.append(_step(listed[0][0], listed[0][1], listed[1]))
    return Solution(tuple(steps), str(output.get("output") or ""))


def _from_prompt(text: str) -> Solution:
    steps = tuple(_step(m["name"], m["arguments"], m["observation"]) for m in _STEP.finditer(text))
    final = _FINAL.search(text)
    return Solution(steps, final["answer"].strip() if final else "")


def toolalpaca_rows(path: Path, broken: Counter[str]) -> Iterator[Json]:
    """Rows `{"id", "result"}` of ToolAlpaca's own predictions, of its judge's files, or already in that form."""
    for document in read_rows(path, broken):
        if isinstance(document, dict) and isinstance(document.get("Instances"), list):
            title = str(document.get("Name") or document.get("API") or "")
            for index, instance in enumerate(document["Instances"]):
                yield {"id": f"{title}/{index}", "result": instance}
        elif isinstance(document, dict) and "statistics" in document:
            yield from _judged(document)
        else:
            yield document


def _judged(document: Json) -> Iterator[Json]:
    for title, rows in document.items():
        if title == "statistics" or not isinstance(rows, list):
            continue
        for index, row in enumerate(rows):
            asked = row.get("input") if isinstance(row, dict) else None
            text = asked[0].get("content", "") if isinstance(asked, list) and asked else ""
            yield {"id": f"{title}/{row.get('id', index) if isinstance(row, dict) else index}", "result": text}
