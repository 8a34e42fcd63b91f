"""ToolBench's and StableToolBench's query files as tasks, and the answers that their runs write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.dialects import schema_from
from toolwise.evaluation.benchmarks.items import Benchmark, Item, Score
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.benchmarks.toolalpaca import solution_of
from toolwise.evaluation.calls.attempts import Attempted
from toolwise.evaluation.calls.procedure import Solution, StepDone
from toolwise.types import Checks, Hints, Json, Schema, Task, TaskKind, Tool, Toolset, WorldSpec

SOURCE = "toolbench"
_LONGEST_NAME = 64
_LIST_OF = re.compile(r"list of (\w+) with length (\d+)")
_KINDS = {"I1": TaskKind.SINGLE, "G1": TaskKind.SINGLE, "I2": TaskKind.CATEGORY, "G2": TaskKind.CATEGORY}
_TYPES: Mapping[str, str] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_GIVEN_UP = "give_up"


def read_toolbench(path: Path) -> Benchmark:
    """A query file, or a folder of them (`G1_instruction.json`, …); a group is a file. Raises DataError."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    broken: Counter[str] = Counter()
    rows = [(file.stem, row) for file in files for row in read_rows(file, broken)]
    good = [(group, row) for group, row in rows if isinstance(row, dict) and isinstance(row.get("api_list"), list)]
    broken["a query without its list of APIs"] += len(rows) - len(good)
    if not good:
        raise DataError(f"{path} holds no query of ToolBench (a list of api_list, query, query_id)")
    toolsets = _toolsets(api for _, row in good for api in row["api_list"])
    items = [_item(group, number, row, toolsets) for number, (group, row) in enumerate(good)]
    return Benchmark(SOURCE, tuple(items), score_toolbench, "relevant", broken=dict(+broken))


def normalised(name: str) -> str:
    """A name as ToolBench's function names hold it: lower case, everything else but letters and digits one `_`."""
    plain = re.sub(r"_+", "_", re.sub(r"[^\w]|[^\x00-\x7f]", "_", name)).strip("_").lower()
    return f"get_{plain}" if plain[:1].isdigit() else plain


def function_name(tool: Tool) -> str:
    """What ToolBench calls a tool towards a model: `<api>_for_<toolset>`, its last 64 characters."""
    return f"{tool.name}_for_{tool.toolset}"[-_LONGEST_NAME:]


def _toolsets(apis: Iterator[Json]) -> dict[str, Toolset]:
    """Providers by their name, each with every API that any query lists."""
    tools: dict[str, dict[str, Tool]] = {}
    about: dict[str, tuple[str, str]] = {}
    for api in apis:
        if not isinstance(api, dict):
            continue
        provider = normalised(str(api.get("tool_name") or "")) or SOURCE
        name = normalised(str(api.get("api_name") or "")) or "api"
        about.setdefault(provider, (str(api.get("tool_name") or ""), str(api.get("category_name") or "")))
        tools.setdefault(provider, {}).setdefault(name, _tool(provider, name, api))
    return {
        provider: Toolset(
            name=provider,
            title=about[provider][0],
            category=about[provider][1],
            source=SOURCE,
            tools=tuple(found.values()),
        )
        for provider, found in tools.items()
    }


def _tool(provider: str, name: str, api: Mapping[str, Json]) -> Tool:
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for key in ("required_parameters", "optional_parameters"):
        for parameter in api.get(key) or ():
            if isinstance(parameter, dict) and isinstance(parameter.get("name"), str):
                described = {k: v for k, v in parameter.items() if k != "default" or v not in ("", None)}
                properties[parameter["name"]] = schema_from(described)
                required += [parameter["name"]] if key == "required_parameters" else []
    parameters: Schema = {"type": "object", "properties": properties}
    template = api.get("template_response")
    method = str(api.get("method") or "GET").upper()
    return Tool(
        id=f"{provider}.{name}",
        name=name,
        description=str(api.get("api_description") or "").strip(),
        parameters={**parameters, "required": required} if required else parameters,
        returns=schema_of_template(template) if isinstance(template, dict | list) and template else None,
        hints=Hints(read_only=True) if method == "GET" else Hints(),
    )


def schema_of_template(template: Json) -> Schema:
    """The schema of the responses that StableToolBench's template stands for.

    A template is a response with types for values; `_list_length` and `list of str with length 8` say how long lists
    were. What names no type is a string.
    """
    if isinstance(template, dict):
        members = {key: schema_of_template(value) for key, value in template.items() if key != "_list_length"}
        return {"type": "object", "properties": members, "required": list(members)}
    if isinstance(template, list):
        return _list_schema(template)
    if isinstance(template, str) and template in _TYPES:
        return {"type": _TYPES[template]}
    return {"type": "null"} if template in (None, "NoneType") else {"type": "string"}


def _list_schema(template: Sequence[Json]) -> Schema:
    first = template[0] if template else "str"
    if isinstance(first, str) and (match := _LIST_OF.fullmatch(first)):
        items, length = schema_of_template(match[1]), int(match[2])
    else:
        items = schema_of_template(first)
        length = first.get("_list_length", 1) if isinstance(first, dict) else len(template)
    length = length if isinstance(length, int) else 1
    return {"type": "array", "items": items, "minItems": length, "maxItems": length}


def _item(group: str, number: int, row: Mapping[str, Json], toolsets: Mapping[str, Toolset]) -> Item:
    offered = [_tool_id(api.get("tool_name"), api.get("api_name")) for api in row["api_list"] if isinstance(api, dict)]
    candidates = tuple(dict.fromkeys(offered))
    named = [pair for pair in row.get("relevant APIs") or () if isinstance(pair, list) and len(pair) > 1]
    relevant = tuple(dict.fromkeys(_tool_id(pair[0], pair[1]) for pair in named))
    providers = dict.fromkeys(tool_id.partition(".")[0] for tool_id in candidates)
    task = Task(
        instruction=str(row.get("query") or "").strip(),
        kind=_KINDS.get(group[:2], TaskKind.COLLECTION if group[:2] in ("G3", "I3") else TaskKind.SINGLE),
        candidates=candidates,
        relevant=tuple(tool_id for tool_id in relevant if tool_id in candidates),
        world=WorldSpec(),
        checks=Checks(),
    ).with_key()
    query_id = str(row.get("query_id", number))
    toolset = tuple(toolsets[name] for name in providers)
    cluster = next(iter(sorted(providers)), query_id)
    return Item(query_id, group, cluster, task, toolset, list(task.relevant))


def _tool_id(provider: Json, api: Json) -> str:
    return f"{normalised(str(provider or '')) or SOURCE}.{normalised(str(api or '')) or 'api'}"


def score_toolbench(item: Item, output: Json | None) -> Score:
    """What can be seen without a judge: `answered` (and not given up), and the share of `relevant` tools called.

    Whether the answer solves the task is a judge's to say: pass and win rates.
    """
    if output is None:
        return Score(Attempted.MISSING, {"relevant": 0.0, "answered": 0.0}, {}, "missing")
    solution = toolbench_solution(output)
    by_function = {function_name(tool): tool.id for tool in item.tools}
    by_function.update({tool.name: tool.id for tool in item.tools})
    called = {by_function.get(step.name, step.name) for step in solution.steps if not step.failed}
    share = len(called.intersection(item.reference)) / len(item.reference) if item.reference else float(not called)
    answered = bool(solution.answer.strip())
    attempted = Attempted.CALLED if solution.steps else Attempted.ABSTAINED
    values = {"relevant": share, "answered": float(answered)}
    return Score(attempted, values, {}, "" if share == 1 else "relevant tools were not called")


def toolbench_solution(output: Json) -> Solution:
    """A run's answer: its own tree file, the converted form, or one of the forms that every benchmark takes."""
    if isinstance(output, dict) and isinstance(output.get("answer_generation"), dict):
        generation = output["answer_generation"]
        conversations = generation.get("train_messages")
        messages = conversations[-1] if isinstance(conversations, list) and conversations else []
        return Solution(tuple(_steps_of_messages(messages)), _final(generation.get("final_answer")))
    if isinstance(output, dict) and isinstance(output.get("answer"), dict):
        details = output["answer"].get("answer_details")
        return Solution(tuple(_steps_of_details(details)), _final(output["answer"].get("final_answer")))
    return solution_of(output)[1]


def _final(text: Json) -> str:
    """The final answer's words; empty where the run gave up."""
    try:
        value = orjson.loads(str(text or ""))
    except orjson.JSONDecodeError:
        return str(text or "")
    if not isinstance(value, dict):
        return str(text)
    return "" if str(value.get("return_type", "")).startswith(_GIVEN_UP) else str(value.get("final_answer") or "")


def _steps_of_messages(messages: Sequence[Json]) -> Iterator[StepDone]:
    for at, message in enumerate(messages):
        call = message.get("function_call") if isinstance(message, dict) else None
        if not isinstance(call, dict) or call.get("name") == "Finish":
            continue
        following = messages[at + 1] if at + 1 < len(messages) else {}
        observed = following.get("content") if following.get("role") in ("function", "tool") else None
        yield _done(call.get("name"), call.get("arguments"), observed)


def _steps_of_details(details: Json) -> Iterator[StepDone]:
    """Calls along the converted form's chain of `next`."""
    queue = list(details) if isinstance(details, list) else []
    while queue:
        node = queue.pop(0)
        if not isinstance(node, dict):
            continue
        message = node.get("message")
        if isinstance(message, str):
            try:
                message = orjson.loads(message)
            except orjson.JSONDecodeError:
                message = None
        if node.get("role") == "tool" and isinstance(message, dict) and message.get("name") != "Finish":
            yield _done(message.get("name"), message.get("arguments"), message.get("response"))
        queue += node["next"] if isinstance(node.get("next"), list) else []


def _done(name: Json, arguments: Json, observed: Json) -> StepDone:
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            arguments = {}
    return StepDone(
        str(name or ""), arguments if isinstance(arguments, dict) else {}, None if observed is None else str(observed)
    )


def toolbench_rows(path: Path, broken: Counter[str]) -> Iterator[Json]:
    """Rows `{"id", "result"}`: answer trees (`<id>_<method>.json`), converted answers by id, or already such rows."""
    for document in read_rows(path, broken):
        if isinstance(document, dict) and "answer_generation" in document:
            yield {"id": path.name.split("_", 1)[0], "result": document}
        elif isinstance(document, dict) and document and all(_is_converted(value) for value in document.values()):
            yield from ({"id": key, "result": value} for key, value in document.items())
        else:
            yield document


def _is_converted(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("answer"), dict)
