"""Measure the simulated world on a real catalog: recognition, flows, calls that succeed, speed, cost of snapshots.

    python benchmarks/worlds.py [CATALOG] [--every 1] [--quick] [--json]

CATALOG is a saved catalog; without one, documents are made up and imported. `--every 10` looks at every tenth toolset.
`--quick` measures speed and snapshots alone, briefly.

The null baselines do the same work by hand: a service that holds each call against its tool's compiled schema and
keeps what it was given in a plain dictionary, and a snapshot that is a deep copy of that dictionary.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from catalog import write_documents
from toolwise.catalog import import_catalog
from toolwise.errors import CatalogError
from toolwise.resources import Action, Operation, recognise
from toolwise.schemas import Validator
from toolwise.types import Catalog, Json, Task, Tool, ToolCall, Toolset, WorldSpec
from toolwise.values import NoValueError, ValueGenerator
from toolwise.worlds import SimulatedSession, SimulatedWorld

Members = dict[Action, list[tuple[Tool, Operation]]]


def toolsets_of(folder: Path, every: int) -> Iterator[Toolset]:
    """The catalog's toolsets, or every n-th."""
    with (folder / "toolsets.jsonl").open("rb") as lines:
        for number, line in enumerate(lines):
            if number % every == 0:
                yield Toolset.model_validate(orjson.loads(line))


def session_of(toolset: Toolset, world: SimulatedWorld | None = None) -> SimulatedSession:
    """A fresh session in a world of that one toolset."""
    world = world or SimulatedWorld(Catalog(toolsets=(toolset,)))
    return world.open(Task(instruction="", candidates=(), relevant=(), world=WorldSpec(seed=7)))


def arguments_of(tool: Tool, values: ValueGenerator, rng: random.Random, extra: int = 1) -> dict[str, Json]:
    """Required arguments and a few optional ones."""
    made = values.arguments(tool, rng, tool.required)
    optional = [name for name in tool.properties if name not in made]
    for name in rng.sample(optional, min(extra, len(optional))):
        try:
            made.update(values.arguments(tool, rng, [name]))
        except NoValueError:
            continue
    return made


def single_calls(toolset: Toolset, values: ValueGenerator, tally: Counter[str], failures: Counter[str]) -> None:
    """`prepare` then `call` with generated arguments, for every tool, each in a fresh session."""
    world = SimulatedWorld(Catalog(toolsets=(toolset,)))
    for tool in toolset.tools:
        tally["tools"] += 1
        rng = random.Random(tool.id)
        try:
            arguments = arguments_of(tool, values, rng)
        except NoValueError as error:
            tally["no_value"] += 1
            failures[f"no value: {str(error).split(':', 1)[-1][:60]}"] += 1
            continue
        session = session_of(toolset, world)
        call = ToolCall(name=tool.id, arguments=arguments)
        session.prepare(call)
        seen = session.run(call)
        tally["ok" if seen.ok else "failed"] += 1
        if not seen.ok:
            failures[f"{seen.status} {seen.body['error']['message'][:80]} {tool.id}"] += 1
            continue
        size = len(orjson.dumps(seen.body))
        tally["characters"] += size
        tally["too_long"] += size > 1500
        tally["has_returns"] += tool.returns is not None
        if tool.returns is not None:
            tally["conform"] += conforms(tool, seen.body)
            tally["empty"] += not seen.body


def conforms(tool: Tool, body: Json) -> bool:
    """Does the answer validate against the whole response schema?"""
    try:
        return Validator(tool.returns or {}, tool.definitions).is_valid(body)
    except CatalogError:
        return True


def members_of(toolset: Toolset) -> dict[str, Members]:
    """Resource -> action -> the tools that do it."""
    operations = recognise(toolset)
    resources: dict[str, Members] = {}
    for tool in toolset.tools:
        if (operation := operations.get(tool.name)) is not None:
            by_action = resources.setdefault(operation.resource, {})
            by_action.setdefault(operation.action, []).append((tool, operation))
    return resources


def key_of(body: Json, arguments: dict[str, Json], created: Operation, reader: Operation) -> Json:
    """What a caller who saw the create's answer would pass to the reader: the id in it, else the name it gave."""
    record = body.get(created.record_field) if created.record_field and isinstance(body, dict) else body
    record = record if created.record_field is not None else None
    for field in (reader.id_field, created.id_field):
        if field and isinstance(record, dict) and record.get(field) is not None:
            return record[field]
    if created.key_parameter and created.key_parameter in arguments:
        chosen = arguments[created.key_parameter]
        if created.key_prefix and created.scope:
            return f"{arguments[created.scope[-1]]}/{created.key_prefix}/{chosen}"
        return chosen
    return arguments.get(created.keys[-1]) if created.keys else None


class Flow:
    """create, then get or list, update, delete, and get again, on one resource."""

    def __init__(self, toolset: Toolset, members: Members, values: ValueGenerator) -> None:
        self.session = session_of(toolset)
        self.members = members
        self.values = values
        self.creator, self.created = self._creator()
        self.rng = random.Random(self.creator.id)

    def _creator(self) -> tuple[Tool, Operation]:
        """The plainest create: one whose answer or arguments show the id."""
        options = self.members[Action.CREATE]
        return next((m for m in options if m[1].record_field is not None or m[1].key_parameter), options[0])

    def run(self) -> str:
        """`works`, or the step that did not."""
        extra = [self.created.key_parameter] if self.created.key_parameter else []
        arguments = arguments_of(self.creator, self.values, self.rng, 0)
        arguments |= self.values.arguments(self.creator, self.rng, [n for n in extra if "." not in n])
        call = ToolCall(name=self.creator.id, arguments=arguments)
        self.session.prepare(call)
        made = self.session.run(call)
        if not made.ok:
            return f"create: {made.status}"
        reader = (
            self._first(Action.GET)
            or self._first(Action.LIST)
            or self._first(Action.DELETE)
            or self._first(Action.UPDATE)
        )
        assert reader is not None
        key = key_of(made.body, arguments, self.created, reader[1])
        if key is None and any(
            m[1].keys for a in (Action.GET, Action.UPDATE, Action.DELETE) for m in self.members.get(a, ())
        ):
            return "create: its answer shows no id"
        for action in (Action.GET, Action.LIST, Action.UPDATE, Action.DELETE):
            for tool, operation in self.members.get(action, ())[:1]:
                problem = self._step(tool, operation, arguments, key, made.body)
                if problem:
                    return f"{action}: {problem}"
        return self._gone(arguments, key, made.body)

    def _first(self, action: Action) -> tuple[Tool, Operation] | None:
        return next(iter(self.members.get(action, ())), None)

    def _arguments(
        self, tool: Tool, operation: Operation, created: dict[str, Json], key: Json, body: Json
    ) -> dict[str, Json]:
        key = key_of(body, created, self.created, operation) if operation.keys else key
        known = {n: created[n] for n in operation.scope if n in created}
        if operation.key_prefix and operation.scope and self.created.scope:  # one name for the whole parent
            known = {operation.scope[-1]: created[self.created.scope[-1]]}
        if operation.keys:
            known[operation.keys[-1]] = key
        return arguments_of(tool, self.values, self.rng, 1 if operation.action is Action.UPDATE else 0) | known

    def _step(self, tool: Tool, operation: Operation, created: dict[str, Json], key: Json, body: Json) -> str:
        arguments = self._arguments(tool, operation, created, key, body)
        seen = self.session.run(ToolCall(name=tool.id, arguments=arguments))
        if not seen.ok:
            return f"{seen.status} {tool.id} {seen.body['error']['message'][:60] if seen.status == 400 else ''}"
        if operation.action is Action.LIST and key is not None and operation.items_field is not None:
            items = seen.body[operation.items_field] if operation.items_field else seen.body
            if len(items) != 1:  # the session holds no other record of the resource
                return f"the list shows {len(items)} records"
        return ""

    def _gone(self, created: dict[str, Json], key: Json, body: Json) -> str:
        reader = self._first(Action.GET)
        if reader is None or Action.DELETE not in self.members:
            return "works"
        arguments = self._arguments(*reader, created, key, body)
        seen = self.session.run(ToolCall(name=reader[0].id, arguments=arguments))
        return "works" if seen.status == 404 else f"after delete: {seen.status}"


def flows(toolset: Toolset, values: ValueGenerator, tally: Counter[str], failures: Counter[str]) -> None:
    """Run the flow of every resource that can be created and then found."""
    for resource, members in members_of(toolset).items():
        actions = set(members)
        tally["resources"] += 1
        tally["listed_or_read"] += bool(actions & {Action.GET, Action.LIST})
        if Action.CREATE not in actions or not actions & {Action.GET, Action.LIST, Action.DELETE, Action.UPDATE}:
            continue
        tally["creatable"] += 1
        whole = {Action.CREATE, Action.UPDATE, Action.DELETE} <= actions and bool(actions & {Action.GET, Action.LIST})
        tally["whole"] += whole
        try:
            outcome = Flow(toolset, members, values).run()
        except NoValueError as error:
            outcome = f"no value: {str(error).split(':', 1)[-1][:50]}"
        tally["works"] += outcome == "works"
        tally["whole_works"] += whole and outcome == "works"
        if outcome != "works":
            failures[f"{outcome.split(chr(39))[0]}"] += 1
            failures[f"  e.g. {outcome} [{toolset.name} {resource}]"] += 1


class ByHand:
    """The null baseline: arguments validated, what was given kept in a dictionary, and given back."""

    def __init__(self, toolset: Toolset) -> None:
        self._validators: dict[str, Validator] = {}
        for tool in toolset.tools:
            with suppress(CatalogError):
                self._validators[tool.id] = Validator(tool.parameters, tool.definitions)
        self.records: dict[str, dict[str, Json]] = {}

    async def call(self, call: ToolCall) -> Json:
        validator = self._validators.get(call.name)
        if validator is not None and not validator.is_valid(call.arguments):
            return {"error": "invalid"}
        key = json.dumps(call.arguments, sort_keys=True)
        return self.records.setdefault(call.name, {}).setdefault(key, dict(call.arguments))


def speed(toolset: Toolset, values: ValueGenerator, seconds: float = 2.0) -> dict[str, Any]:
    """Validated calls a CPU second (one core), over prepared calls of the toolset's first 300 tools; and by hand."""
    session = session_of(toolset)
    by_hand = ByHand(toolset)
    calls: list[ToolCall] = []
    for tool in toolset.tools[:300]:
        try:
            call = ToolCall(name=tool.id, arguments=arguments_of(tool, values, random.Random(tool.id)))
        except NoValueError:
            continue
        session.prepare(call)
        calls.append(call)

    async def rate(run: Callable[[ToolCall], Awaitable[object]], begin: Callable[[], None]) -> float:
        for call in calls:
            await run(call)  # compiles
        done, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            begin()
            for call in calls:
                await run(call)
            done += len(calls)
        return done / (time.process_time() - start)

    state = session.snapshot()
    ours = asyncio.run(rate(session.call, lambda: session.restore(state)))
    null = asyncio.run(rate(by_hand.call, by_hand.records.clear))
    return {
        "toolset": toolset.name,
        "tools": len(calls),
        "calls_per_second": round(ours),
        "by_hand_per_second": round(null),
        "share_of_by_hand": round(ours / null, 3),
    }


PETS = Toolset.model_validate(
    {
        "name": "pets",
        "tools": [
            {
                "id": "pets.createPet",
                "name": "createPet",
                "parameters": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
                    "required": ["name"],
                },
                "returns": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "name": {"type": "string"},
                        "age": {"type": "integer"},
                        "status": {"type": "string", "enum": ["available", "sold"]},
                        "created_at": {"type": "string", "format": "date-time"},
                    },
                },
                "binding": {"kind": "http", "method": "POST", "path": "/pets"},
            },
            {
                "id": "pets.getPet",
                "name": "getPet",
                "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
                "returns": {
                    "type": "object",
                    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "age": {"type": "integer"}},
                },
                "binding": {"kind": "http", "method": "GET", "path": "/pets/{id}"},
            },
        ],
    }
)


def snapshots(sizes: tuple[int, ...]) -> list[dict[str, float]]:
    """Microseconds to take a snapshot, to go back to it, and to do so around one create, by the size of the state.

    The peer is a deep copy of the same state as plain dictionaries, once to take it and once to go back.
    """
    return [_snapshots(size) for size in sizes]


def _snapshots(size: int) -> dict[str, float]:
    session = session_of(PETS)
    for i in range(size):
        session.run(ToolCall(name="pets.createPet", arguments={"name": f"pet-{i}"}))
    token = session.snapshot()
    rounds = 20_000

    def best(act: Callable[[int], object], repeat: int) -> float:
        taken = []
        for _ in range(3):
            start = time.process_time()
            for i in range(repeat):
                act(i)
            taken.append(time.process_time() - start)
        return 1e6 * min(taken) / repeat

    def create_and_restore(i: int) -> None:
        session.run(ToolCall(name="pets.createPet", arguments={"name": f"new-{i}"}))
        session.restore(token)

    plain = dict(session.state())
    both = best(lambda _: session.restore(session.snapshot()), rounds)
    copied = 2 * best(lambda _: copy.deepcopy(plain), max(1, 2_000 // size))
    return {
        "records": size,
        "snapshot_us": round(best(lambda _: session.snapshot(), rounds), 3),
        "restore_us": round(best(lambda _: session.restore(token), rounds), 3),
        "snapshot_and_restore_us": round(both, 3),
        "create_and_restore_us": round(best(create_and_restore, rounds // 20), 1),
        "deep_copies_us": round(copied, 1),
        "times_cheaper": round(copied / both),
    }


def study(catalog: Path, every: int, *, quick: bool) -> tuple[dict[str, Any], Counter[str]]:
    """Everything that is measured of a catalog, and the failures by kind."""
    actions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    flow: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    rates: list[dict[str, Any]] = []
    values = ValueGenerator(0)
    recognising = 0.0
    for toolset in toolsets_of(catalog, every):
        if len(toolset.tools) >= 40 and len(rates) < 5:
            rates.append(speed(toolset, values, 0.3 if quick else 2.0))
        if quick:
            continue
        start = time.perf_counter()
        operations = recognise(toolset)
        recognising += time.perf_counter() - start
        actions.update(str(operation.action) for operation in operations.values())
        actions["unrecognised"] += len(toolset.tools) - len(operations)
        single_calls(toolset, values, calls, failures)
        flows(toolset, values, flow, failures)
    report: dict[str, Any] = {
        "calls": rates,
        "snapshots": snapshots((100, 1000) if quick else (100, 1000, 10_000, 100_000)),
    }
    if quick:
        return report, failures
    found = {
        "actions": dict(sorted(actions.items())),
        "recognised": round(1 - actions["unrecognised"] / max(1, calls["tools"]), 4),
        "recognised_tools_per_second": round(calls["tools"] / max(recognising, 1e-9)),
        "single_calls": dict(calls),
        "succeed": round(calls["ok"] / max(1, calls["tools"]), 4),
        "mean_characters": round(calls["characters"] / max(1, calls["ok"])),
        "conform": round(calls["conform"] / max(1, calls["has_returns"]), 4),
        "flows": dict(flow),
        "flows_work": round(flow["works"] / max(1, flow["creatable"]), 4),
        "whole_flows_work": round(flow["whole_works"] / max(1, flow["whole"]), 4),
    }
    return {**found, **report}, failures


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", type=Path, nargs="?", help="a saved catalog; documents are made up without one")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="on one line")
    parser.add_argument("--failures", type=int, default=0, help="show this many kinds of failure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = given.catalog
        if catalog is None:
            catalog = Path(folder) / "catalog"
            import_catalog([str(write_documents(Path(folder) / "documents", (10, 60), with_yaml=False))], catalog)
        report, failures = study(catalog, given.every, quick=given.quick)
    print(json.dumps(report, indent=None if given.json else 2))
    for failure, count in failures.most_common(given.failures):
        print(count, failure)


if __name__ == "__main__":
    main()
