"""Catalog toolsets as a subject of meta-tasks: a few related tools, some calls that fit together, and what exists."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

import orjson

from toolwise.errors import ConfigError, DataError
from toolwise.ports import Session, World
from toolwise.resources import recognise
from toolwise.schemas import merged, schema_type
from toolwise.types import (
    Json,
    Observation,
    Provenance,
    Split,
    Task,
    Tool,
    ToolCall,
    Toolset,
    WorldSpec,
    canonical_json,
    content_key,
)
from toolwise.values import NoValueError, ValueGenerator

_TOOLS = 5
_CALLS = 8
_KEPT = 64
_PREPARED = 0.6
_SHARED = 0.8
"""How often a parameter of a name seen before takes the value seen before."""
_WRONG: Mapping[str, Json] = {"string": 7, "integer": "many", "number": "much", "boolean": "perhaps"}
"""JSON type -> a value of another type."""


class Toolsets(Protocol):
    """Where toolsets come from; a Catalog is one."""

    def toolset(self, name: str) -> Toolset:
        """Raises KeyError."""
        ...


class CatalogSubject:
    """Starts in which some of the records that a handful of related tools are about exist.

    The state is what a caller could know of the world: which records there are, with the fields that somebody gave
    them, and which calls without a record were made. Where a call changes nothing (a look-up), the outline of its
    answer stands for the outcome: its status and the names of its fields, since simulated values cannot be foreseen.
    """

    exact = False
    brief = False
    form = '{"records": {resource: {key: {"id": ...}}}}, or {} for nothing'

    def __init__(self, tools: Toolsets, split_of: Mapping[str, Split], world: World) -> None:
        """`split_of` names the toolsets with their splits. Raises ConfigError if there are none."""
        if not split_of:
            raise ConfigError("the catalog has no toolset with tools; import some")
        self.name = "catalog"
        self.world = world
        self._tools = tools
        self._split_of = dict(sorted(split_of.items()))
        self._values = ValueGenerator(0)
        self._pools: dict[int, list[ToolCall]] = {}

    def start(self, seed: str) -> Task:
        rng = random.Random(f"catalog:{seed}")
        toolset = self._tools.toolset(rng.choice(list(self._split_of)))
        chosen = _related(toolset, rng)
        calls = self._draw(chosen, rng)
        if not calls:
            raise DataError(f"no call could be made up for {toolset.name}")
        number = int(content_key("catalog start", seed)[:8], 16)
        if len(self._pools) >= _KEPT:
            self._pools.clear()
        self._pools[number] = calls
        ids = tuple(tool.id for tool in chosen)
        task = Task(
            instruction="",
            candidates=ids,
            relevant=(),
            world=WorldSpec(name=self.world.name, seed=number % 65536),
            provenance=Provenance(seed=number),
        )
        session = self.world.open(task)
        for call in calls:
            if rng.random() < _PREPARED:
                session.prepare(call)
        world = task.world.model_copy(update={"start": session.state()})
        return task.model_copy(update={"world": world})

    def _draw(self, chosen: Sequence[Tool], rng: random.Random) -> list[ToolCall]:
        """Calls of the chosen tools that mostly speak of the same things."""
        shared: dict[str, Json] = {}
        calls: list[ToolCall] = []
        for _ in range(2):
            for tool in chosen:
                try:
                    drawn = self._values.arguments(tool, rng, _names(tool, rng))
                except NoValueError:
                    continue
                for name, value in drawn.items():
                    if name in shared and rng.random() < _SHARED and type(shared[name]) is type(value):
                        drawn[name] = shared[name]
                    shared.setdefault(name, value)
                call = ToolCall(name=tool.id, arguments=drawn)
                if call not in calls:
                    calls.append(call)
        return calls[:_CALLS]

    def split(self, task: Task) -> Split:
        return self._split_of[task.candidates[0].partition(".")[0]]

    def solution(self, task: Task) -> Sequence[ToolCall]:
        """Every call of the pool once: there is no goal."""
        return self._pools[task.provenance.seed]

    def runnable(self, task: Task, session: Session) -> Sequence[ToolCall]:
        return self._pools[task.provenance.seed]

    def near_misses(self, task: Task, session: Session, rng: random.Random) -> Sequence[ToolCall]:
        """Calls on what does not exist, and calls with one argument missing, of another type or of another value."""
        pool = self._pools[task.provenance.seed]
        found = [*pool]
        for call in rng.sample(pool, len(pool)):
            toolset, _, name = call.name.partition(".")
            tool = self._tools.toolset(toolset).by_name[name]
            found += _broken(call, tool, rng)
        rng.shuffle(found)
        return found

    def predecessors(self, call: ToolCall, after: Mapping[str, Json]) -> list[Mapping[str, Json]] | None:
        return None

    def corrupted(self, outcome: Json, rng: random.Random) -> tuple[Json, str] | None:
        if not isinstance(outcome, dict):
            return None
        places = [(group, key) for group, records in outcome.get("records", {}).items() for key in records]
        if not places:
            return None
        group, key = rng.choice(places)
        changed = orjson.loads(canonical_json(outcome))
        records = changed["records"][group]
        fields = [name for name, value in records[key].get("fields", {}).items() if isinstance(value, (str, int))]
        if fields and rng.random() < 0.6:
            name = rng.choice(fields)
            old = records[key]["fields"][name]
            records[key]["fields"][name] = (not old) if isinstance(old, bool) else _other(old)
            return changed, f"{name} of {key} is not {old}"
        del records[key]
        return changed, f"{key} is not missing"

    def outcome(self, before: Json, observation: Observation, after: Json) -> Json:
        if before != after or not observation.ok:
            return after
        fields = sorted(observation.body) if isinstance(observation.body, dict) else []
        return {"fields": fields, "status": observation.status}

    def describe(self, outcome: Json, rng: random.Random) -> str:
        if "status" in outcome:
            return f"an answer with status {outcome['status']} and the fields {', '.join(outcome['fields']) or 'none'}"
        text = self.write(outcome)
        if not outcome:
            return rng.choice(["Nothing exists yet: {}", "No record exists, nothing was done: {}"])
        return rng.choice(["What exists: {}", "Records and acts: {}", "The world holds {}"]).replace("{}", text)

    def write(self, outcome: Json) -> str:
        return canonical_json(outcome).decode()

    def read(self, text: str, like: Json) -> Json | None:
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return data if isinstance(data, dict) else None


def _related(toolset: Toolset, rng: random.Random) -> list[Tool]:
    """A few tools of one resource if there is one, filled up with others."""
    operations = recognise(toolset)
    tools = list(toolset.tools)
    rng.shuffle(tools)
    first = next((tool for tool in tools if tool.name in operations), tools[0])
    home = operations.get(first.name)
    same = [t for t in tools if home and (o := operations.get(t.name)) is not None and o.resource == home.resource]
    rest = [tool for tool in tools if tool not in same]
    return [*same, *rest][:_TOOLS]


def _names(tool: Tool, rng: random.Random) -> list[str]:
    """The required parameters, and now and then an optional plain one."""
    plain = [
        name
        for name, schema in tool.properties.items()
        if name not in tool.required and schema_type(merged(schema, tool.definitions)) in _WRONG
    ]
    return [*tool.required, *(rng.sample(plain, 1) if plain and rng.random() < 0.5 else [])]


def _other(value: Json) -> Json:
    return value + 1 if isinstance(value, int) else f"{value}-2"


def _broken(call: ToolCall, tool: Tool, rng: random.Random) -> list[ToolCall]:
    """The call without one argument, with one of another type, and with one of another value."""
    found: list[dict[str, Json]] = []
    required = [name for name in tool.required if name in call.arguments]
    if required:
        gone = rng.choice(required)
        found.append({name: value for name, value in call.arguments.items() if name != gone})
    for name in call.arguments:
        kind = schema_type(merged(tool.properties.get(name, {}), tool.definitions))
        if kind in _WRONG:
            found.append({**call.arguments, name: _WRONG[kind]})
        if kind in ("string", "integer") and isinstance(call.arguments[name], (str, int)):
            found.append({**call.arguments, name: _other(call.arguments[name])})
    return [ToolCall(name=call.name, arguments=arguments) for arguments in found]
