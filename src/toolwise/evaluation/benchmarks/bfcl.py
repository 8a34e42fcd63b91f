"""BFCL's single-turn Python files: questions with functions, accepted answers, and verdicts by its AST rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.dialects import parameters_from
from toolwise.evaluation.benchmarks.items import Benchmark, Item, Score
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.calls.ast_rules import OPTIONAL, check_calls
from toolwise.evaluation.calls.attempts import MISSING, Attempt, Attempted, read_attempt
from toolwise.types import Blueprint, BlueprintCall, Checks, Json, Outcome, Task, Tool, Toolset, WorldSpec

_QUESTIONS = re.compile(r"BFCL_v\d+_(\w+)\.jsonl?")
_ANSWERS = re.compile(r"(?:BFCL_v\d+|possible_answer)_(\w+)\.jsonl?")
_LANGUAGES = ("java", "javascript")
_KINDS = ("simple", "multiple", "parallel", "relevance")
_UNSUPPORTED = ("multi_turn", "memory", "web_search", "format_sensitivity", "exec", "rest", "sql", "chatable")


def read_bfcl(folder: Path, categories: Sequence[str] = ()) -> Benchmark:
    """The folder's single-turn Python categories, or those named. Raises DataError."""
    questions = {
        category: path
        for path in sorted(folder.glob("*.json*"))
        if (match := _QUESTIONS.fullmatch(path.name)) and _supported(category := match[1])
    }
    if not questions:
        raise DataError(f"{folder} holds no single-turn Python file of BFCL (BFCL_v4_simple_python.json, …)")
    if strange := [category for category in categories if category not in questions]:
        raise DataError(f"{folder} has no category {strange[0]!r}; it has {', '.join(questions)}")
    answers = _answer_files(folder)
    broken: Counter[str] = Counter()
    items: list[Item] = []
    for category in categories or list(questions):
        if not is_abstention(category) and category not in answers:
            raise DataError(f"{folder} has no accepted answers of {category!r} (possible_answer/…{category}.json)")
        items += _read_category(category, questions[category], answers.get(category), broken)
    return Benchmark("bfcl", tuple(items), score_bfcl, "accuracy", broken=dict(broken))


def is_abstention(category: str) -> bool:
    """Relevance and irrelevance have no accepted answers: all that matters is whether a call is made."""
    return "relevance" in category


def _supported(category: str) -> bool:
    words = category.split("_")
    return (
        any(kind in category for kind in _KINDS)
        and not any(language in words for language in _LANGUAGES)
        and not any(name in category for name in _UNSUPPORTED)
    )


def _answer_files(folder: Path) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for path in (*sorted(folder.glob("possible_answer*.json*")), *sorted((folder / "possible_answer").glob("*.json*"))):
        if match := _ANSWERS.fullmatch(path.name):
            found.setdefault(match[1], path)
    return found


def _read_category(category: str, path: Path, answers: Path | None, broken: Counter[str]) -> list[Item]:
    right: dict[str, Json] = {}
    if answers is not None and not is_abstention(category):
        for row in read_rows(answers, broken):
            if isinstance(row, dict) and "id" in row and isinstance(row.get("ground_truth"), list):
                right[row["id"]] = row["ground_truth"]
    items: list[Item] = []
    for row in read_rows(path, broken):
        item = _item(category, row, right)
        if isinstance(item, Item):
            items.append(item)
        else:
            broken[item] += 1
    return items


def _item(category: str, row: Json, right: Mapping[str, Json]) -> Item | str:
    """A question as an item; where it cannot be one, why."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("function"), list):
        return "a question without id or functions"
    answers = right.get(row["id"])
    if answers is None and not is_abstention(category):
        return "a question without accepted answers"
    functions = [f for f in row["function"] if isinstance(f, dict) and isinstance(f.get("name"), str)]
    toolset = _toolset(row["id"], functions)
    calls = tuple(_blueprint_call(toolset.name, answer) for answer in answers or ())
    # The peer reads a relevance task as passed by any call at all, so no tool is known to be the relevant one.
    outcome = Outcome.CALL if answers or "irrelevance" not in category else Outcome.DECLINE
    task = Task(
        instruction=_instruction(row.get("question")),
        candidates=tuple(tool.id for tool in toolset.tools),
        relevant=tuple(dict.fromkeys(call.tool for call in calls)),
        world=WorldSpec(),
        blueprint=Blueprint(calls=calls) if calls else None,
        checks=Checks(outcome=outcome),
    ).with_key()
    reference = {"functions": functions, "answers": answers or []}
    cluster = ",".join(sorted(tool.name for tool in toolset.tools)) or row["id"]
    return Item(row["id"], category, cluster, task, (toolset,), reference)


def _toolset(item_id: str, functions: Sequence[Json]) -> Toolset:
    name = re.sub(r"\W+", "_", item_id)
    tools = {
        function["name"]: Tool(
            id=f"{name}.{function['name']}",
            name=function["name"],
            description=str(function.get("description") or ""),
            parameters=parameters_from(function.get("parameters")),
        )
        for function in functions
    }
    return Toolset(name=name, title=item_id, source="bfcl", tools=tuple(tools.values()))


def _blueprint_call(toolset: str, answer: Json) -> BlueprintCall:
    """The call with the first accepted value of each parameter that may not be left out."""
    (name, parameters), *_ = answer.items()
    arguments = {
        parameter: _first(next(value for value in values if value != OPTIONAL))
        for parameter, values in parameters.items()
        if values and OPTIONAL not in values
    }
    return BlueprintCall(tool=f"{toolset}.{name}", arguments=arguments)


def _first(value: Json) -> Json:
    """An answer's object holds a list of accepted values for each key."""
    if not isinstance(value, dict):
        return value
    return {key: values[0] for key, values in value.items() if isinstance(values, list) and values}


def _instruction(question: Json) -> str:
    turns = question[0] if isinstance(question, list) and question and isinstance(question[0], list) else question
    if not isinstance(turns, list):
        return str(turns or "")
    return "\n".join(str(turn.get("content") or "") for turn in turns if isinstance(turn, dict))


def score_bfcl(item: Item, output: Json | None) -> Score:
    """`accuracy` as BFCL counts it; `strict` also fails what was attempted and cannot be read.

    An attempt that cannot be read is no call: it passes an irrelevance task in `accuracy`, never in `strict`.
    """
    functions = item.reference["functions"]
    attempt = MISSING if output is None else read_attempt(output, [function["name"] for function in functions])
    if is_abstention(item.group):
        return _abstention(item, attempt)
    if attempt.attempted is not Attempted.CALLED:
        return Score(attempt.attempted, {"accuracy": 0.0, "strict": 0.0}, {}, attempt.attempted.value, attempt.detail)
    fault = check_calls(functions, item.reference["answers"], attempt.calls)
    if fault is None:
        return Score(attempt.attempted, {"accuracy": 1.0, "strict": 1.0})
    return Score(attempt.attempted, {"accuracy": 0.0, "strict": 0.0}, {}, fault.mismatch.value, fault.detail)


def _abstention(item: Item, attempt: Attempt) -> Score:
    called = attempt.attempted is Attempted.CALLED
    present = attempt.attempted is not Attempted.MISSING
    passed = present and called != ("irrelevance" in item.group)
    strict = passed and attempt.attempted is not Attempted.UNPARSABLE
    reason = "" if passed else ("called" if called else attempt.attempted.value)
    return Score(attempt.attempted, {"accuracy": float(passed), "strict": float(strict)}, {}, reason, attempt.detail)
