"""Seal-Tools: queries with reference calls, over one list of tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.dialects import parameters_from
from toolwise.evaluation.benchmarks.items import Benchmark, Item, Score
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.calls.attempts import MISSING, Attempt, Attempted, Called, read_attempt
from toolwise.evaluation.calls.tool_f1 import count_tools
from toolwise.types import Blueprint, BlueprintCall, Checks, Json, Task, Tool, Toolset, WorldSpec

SOURCE = "seal_tools"
_TOOLS_FILE = "tool.jsonl"
_OFFERED = 5
"""Candidates of a query for agents that run it: the right tools, and others of their fields up to so many."""
_NESTED = "API_call_"


def read_seal_tools(folder: Path, split: str = "") -> Benchmark:
    """The folder's queries (`dev.jsonl`, `test_in_domain.jsonl`, …; or one file's stem). Raises DataError."""
    broken: Counter[str] = Counter()
    tools = _tools(folder / _TOOLS_FILE, broken)
    files = [path for path in sorted(folder.glob("*.jsonl")) if path.name != _TOOLS_FILE]
    files = [path for path in files if not split or path.stem == split]
    if not files:
        raise DataError(f"{folder} holds no queries{f' {split}.jsonl' if split else ''} of Seal-Tools")
    items: list[Item] = []
    for path in files:
        for row in read_rows(path, broken):
            item = _item(row, tools)
            if item is None:
                broken["a query without id or reference calls"] += 1
            else:
                items.append(item)
    pooled = {"tool": "tools", "parameter": "parameters"}
    return Benchmark(SOURCE, tuple(items), score_seal_tools, "exact", pooled=pooled, broken=dict(broken))


def _tools(path: Path, broken: Counter[str]) -> Mapping[str, tuple[str, Tool]]:
    """Name -> the tool's field, such as `Biology/Genetics`, and the tool."""
    found: dict[str, tuple[str, Tool]] = {}
    for row in read_rows(path, broken):
        if not isinstance(row, dict) or not isinstance(row.get("api_name"), str):
            broken["a tool without a name"] += 1
            continue
        name = row["api_name"]
        described = {"properties": row.get("parameters"), "required": row.get("required")}
        tool = Tool(
            id=f"{SOURCE}.{name}",
            name=name,
            description=str(row.get("api_description") or ""),
            parameters=parameters_from(described),
        )
        found[name] = (str(row.get("field") or ""), tool)
    return found


def _item(row: Json, tools: Mapping[str, tuple[str, Tool]]) -> Item | None:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("calling"), list):
        return None
    calls = [call for call in row["calling"] if isinstance(call, dict) and isinstance(call.get("api"), str)]
    if not calls:
        return None
    query = str(row.get("query") or "")
    offered = _offered([call["api"] for call in calls], tools)
    toolset = Toolset(name=SOURCE, title="Seal-Tools", source=SOURCE, tools=offered)
    blueprint = tuple(
        BlueprintCall(tool=f"{SOURCE}.{call['api']}", arguments=dict(call.get("parameters") or {})) for call in calls
    )
    nested = any(_NESTED in str(call.get("parameters")) for call in calls)
    task = Task(
        instruction=query,
        candidates=tuple(tool.id for tool in offered),
        relevant=tuple(dict.fromkeys(call.tool for call in blueprint)),
        world=WorldSpec(),
        # A nested call names the response it needs and not the field, so it cannot be executed as it stands.
        blueprint=None if nested else Blueprint(calls=blueprint),
        checks=Checks(),
    ).with_key()
    reference = [[call["api"], dict(call.get("parameters") or {})] for call in calls]
    return Item(row["id"], _group(row["id"], nested), calls[0]["api"], task, (toolset,), reference)


def _group(item_id: str, nested: bool) -> str:
    if nested:
        return "nested"
    return "single" if "easy" in item_id else "multiple"


def _offered(right: Sequence[str], tools: Mapping[str, tuple[str, Tool]]) -> tuple[Tool, ...]:
    """The right tools among the first others of their fields, in the order of names."""
    chosen = {name: tools[name][1] for name in right if name in tools}
    fields = {tools[name][0] for name in chosen}
    others = (name for name, (field, _) in tools.items() if field in fields and name not in right)
    for name in islice(others, max(0, _OFFERED - len(chosen))):
        chosen[name] = tools[name][1]
    return tuple(chosen[name] for name in sorted(chosen))


def score_seal_tools(item: Item, output: Json | None) -> Score:
    """`format`: can it be read? `exact`: every call right and no other. Tools and parameters as counts to be pooled."""
    attempt = MISSING if output is None else seal_attempt(output)
    gold: list[Called] = [(name, arguments) for name, arguments in item.reference]
    counts = count_tools(gold, attempt.calls)
    right = counts.exact and attempt.attempted is Attempted.CALLED
    reason = ""
    if not right:
        wrong_tools = counts.tools_correct < max(counts.tools_gold, counts.tools_predicted)
        reason = "wrong_tools" if wrong_tools else "wrong_parameters"
        reason = reason if attempt.attempted is Attempted.CALLED else attempt.attempted.value
    return Score(
        attempt.attempted,
        {"exact": float(right), "format": float(attempt.attempted is Attempted.CALLED)},
        {
            "tools_correct": counts.tools_correct,
            "tools_predicted": counts.tools_predicted,
            "tools_gold": counts.tools_gold,
            "parameters_correct": counts.parameters_correct,
            "parameters_predicted": counts.parameters_predicted,
            "parameters_gold": counts.parameters_gold,
        },
        reason,
        attempt.detail,
    )


def seal_attempt(output: Json) -> Attempt:
    """Calls as text or as `[{"api", "parameters", "responses"}]`; -1 is what Seal-Tools' own script writes for none."""
    if output in (-1, [-1]):
        return Attempt(Attempted.UNPARSABLE, detail="marked as unreadable by the script that wrote it")
    if isinstance(output, list) and len(output) == 1 and isinstance(output[0], list | str):
        output = output[0]  # one answer a prompt
    if isinstance(output, str) and (start := output.find("[")) > 0 and '"api"' in output:
        output = output[start:]
    return read_attempt(output)
