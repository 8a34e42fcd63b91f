"""How often the simulated world and moto's AWS services agree on success or the kind of failure, on random calls.

    python benchmarks/fidelity.py --out docs/results/fidelity.md
    python benchmarks/fidelity.py --services sqs,iam --show 20

Tools are imported from botocore's service models; moto's own server runs on loopback and is emptied before every
sequence. The same sequence runs in both worlds; ids that one world makes are mapped to the other's by where they come
from. Arguments are not checked by us on moto's side: botocore and moto judge them alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import random
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore
from fidelity_flows import SERVICES, Name, Of, Resource, Service

from toolwise.catalog import SourceFormat, import_catalog, open_catalog
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.schemas import merged, schema_type
from toolwise.types import Json, Observation, Task, Tool, ToolCall, ToolErrorKind, Toolset, WorldSpec
from toolwise.worlds import SimulatedWorld
from toolwise.worlds.aws import AwsWorld, AwsWorldConfig

OUTCOMES = {
    None: "success",
    ToolErrorKind.NOT_FOUND: "not_found",
    ToolErrorKind.INVALID_ARGUMENTS: "invalid",
    ToolErrorKind.CONFLICT: "conflict",
}
MODES = {"as documented": 60, "unknown id": 14, "missing": 8, "mistyped": 8, "not in enum": 5, "unknown field": 5}
NAMES = "abc"
STEPS = 14
WRONG = {"string": 7, "integer": "seven", "number": "seven", "boolean": "maybe", "array": "text", "object": "text"}


@dataclass(frozen=True)
class Earlier:
    """A value that the create at `step` made."""

    resource: Resource
    key: str
    step: int


@dataclass(frozen=True)
class Step:
    """One call of a sequence; `arguments` may hold Earlier values."""

    tool: str
    arguments: dict[str, Any]
    mode: str
    creates: Resource | None = None


class Writer:
    """Writes one sequence: a function of the service, its tools and the generator's state."""

    def __init__(self, service: Service, toolset: Toolset, rng: random.Random) -> None:
        self._service, self._tools, self._rng = service, toolset.by_name, rng
        self._by_name = {resource.name: resource for resource in service.resources}
        self._made: dict[str, list[int]] = {}

    def steps(self) -> list[Step]:
        return [self._step(at) for at in range(STEPS)]

    def _step(self, at: int) -> Step:
        resource = self._rng.choice(self._service.resources)
        creating = not resource.calls or self._rng.random() < 0.35
        name, template = resource.create if creating else self._rng.choice(resource.calls)
        mode = self._rng.choices(list(MODES), list(MODES.values()))[0]
        broken = ""
        if mode == "unknown id":
            found = sorted({(of.resource, of.key) for of in _marks(template)})
            broken = "/".join(self._rng.choice(found)) if found else ""
        arguments = self._filled(template, {}, broken)
        if mode != "as documented" and not broken:
            mode = self._spoil(self._tools[name], arguments, mode)
        if creating:
            self._made.setdefault(resource.name, []).append(at)
        return Step(name, arguments, mode, resource if creating else None)

    def _filled(self, value: Any, chosen: dict[str, int | None], broken: str) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(inner, chosen, broken) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner, chosen, broken) for inner in value]
        if isinstance(value, Name):
            return value.form.format(self._rng.choice(NAMES))
        if not isinstance(value, Of):
            return value
        resource = self._by_name[value.resource]
        if value.resource not in chosen:  # one record of a resource a call
            made = self._made.get(value.resource, [])[-3:]
            chosen[value.resource] = self._rng.choice(made) if made else None
        step = chosen[value.resource]
        if step is None or broken == f"{value.resource}/{value.key}":
            return resource.unknown[value.key]
        return Earlier(resource, value.key, step)

    def _spoil(self, tool: Tool, arguments: dict[str, Any], mode: str) -> str:
        """Break the arguments in place, if they can be broken in that way; how they are broken."""
        if mode == "unknown field":
            arguments["NoSuchField"] = "x"
            return mode
        kinds = {name: merged(tool.properties[name], tool.definitions) for name in arguments}
        names = {
            "missing": [name for name in arguments if name in tool.required],
            "mistyped": [name for name, schema in kinds.items() if schema_type(schema) in WRONG],
            "not in enum": [name for name, schema in kinds.items() if schema.get("enum")],
        }.get(mode, [])
        if not names:
            return "as documented"
        name = self._rng.choice(sorted(names))
        if mode == "missing":
            del arguments[name]
        else:
            arguments[name] = "TW_NO_SUCH_VALUE" if mode == "not in enum" else WRONG[schema_type(kinds[name])]
        return mode


def _marks(value: Any) -> Iterator[Of]:
    if isinstance(value, Of):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _marks(inner)


class Runner:
    """Runs a sequence in one world, resolving what earlier creates made there."""

    def __init__(self, toolset: str, call: Callable[[ToolCall], Observation]) -> None:
        self._toolset, self._call = toolset, call
        self._values: dict[tuple[int, str], Json] = {}

    def run(self, at: int, step: Step) -> Observation:
        arguments = self._resolved(step.arguments)
        seen = self._call(ToolCall(name=f"{self._toolset}.{step.tool}", arguments=arguments))
        for key, where in step.creates.keys.items() if step.creates else ():
            value = arguments.get(where[1:]) if where.startswith("=") else _at(seen.body if seen.ok else None, where)
            if isinstance(value, str):
                self._values[at, key] = value
        return seen

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._resolved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._resolved(inner) for inner in value]
        if isinstance(value, Earlier):
            return self._values.get((value.step, value.key), value.resource.unknown[value.key])
        return value


def _at(body: Json, path: str) -> Json:
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def outcome(seen: Observation) -> str:
    """Success, or the kind of failure, as it is compared."""
    return OUTCOMES.get(seen.error, "other")


@contextmanager
def moto() -> Iterator[str]:
    """moto's own server on loopback; its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass
class Row:
    """One call in both worlds."""

    service: str
    sequence: str
    tool: str
    mode: str
    simulated: Observation
    real: Observation

    @property
    def agrees(self) -> bool:
        return outcome(self.simulated) == outcome(self.real)


def measure(services: tuple[Service, ...], sequences: int, seed: int, *, open_world: bool = False) -> list[Row]:
    """Every call of every sequence."""
    root = Path(botocore.__file__).parent / "data"
    with tempfile.TemporaryDirectory() as folder, moto() as url:
        for service in services:  # the folder's name is the service's
            newest = max((root / service.name).iterdir())
            to = Path(folder) / "models" / service.name / newest.name
            to.mkdir(parents=True)
            (to / "service-2.json").write_bytes(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
        import_catalog([str(Path(folder) / "models")], Path(folder) / "catalog", format=SourceFormat.AWS_SERVICE)
        catalog = open_catalog(Path(folder) / "catalog")
        host = url.removeprefix("http://")
        config = AwsWorldConfig(endpoint=url, hosts=(host,), consent=True, check_arguments=False)
        environment = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        real = AwsWorld(catalog, config, environment, reset=lambda: _reset(url))
        simulated = SimulatedWorld(catalog, closed=False if open_world else None)
        rows: list[Row] = []
        for service in services:
            toolset = catalog.toolset("aws_" + service.name.replace(".", "_"))
            for number in range(sequences):
                name = f"{service.name}-{number}"
                task = Task(instruction="", candidates=(), relevant=(), world=WorldSpec(seed=seed + number))
                steps = Writer(service, toolset, random.Random(f"{seed}/{name}")).steps()
                here = Runner(toolset.name, simulated.open(task).run)
                there = Runner(toolset.name, real.open(task).run)
                for at, step in enumerate(steps):
                    seen = here.run(at, step), there.run(at, step)
                    rows.append(Row(service.name, name, step.tool, step.mode, *seen))
        return rows


def _reset(url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10):  # noqa: S310
        pass


def line(name: str, rows: list[Row], seed: int) -> dict[str, Any]:
    """One row of the report."""
    clusters = [row.sequence for row in rows]
    agree = mean_with_interval([float(row.agrees) for row in rows], clusters, seed=seed)
    null = sum(row.real.ok for row in rows) / len(rows)
    return {"name": name, "n": len(rows), "agreement": agree.value, "low": agree.low, "high": agree.high, "null": null}


def table(heading: str, lines: list[dict[str, Any]]) -> str:
    """A Markdown table of `line`s."""
    head = f"| {heading} | calls | agreement | 95% interval | always success |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {r['name']} | {r['n']:,} | {r['agreement']:.1%} | {r['low']:.1%} to {r['high']:.1%} | {r['null']:.1%} |\n"
        for r in lines
    )


def report(rows: list[Row], services: tuple[Service, ...], seed: int) -> dict[str, Any]:
    """Agreement by service, by what was wrong with the arguments, and by what moto answered."""

    def of(keep: Callable[[Row], bool]) -> list[Row]:
        return [row for row in rows if keep(row)]

    tuned = {service.name for service in services if service.tuned}
    groups = {
        "all services": rows,
        "tuned": of(lambda r: r.service in tuned),
        "held out": of(lambda r: r.service not in tuned),
    }
    confusion = Counter((outcome(row.real), outcome(row.simulated)) for row in rows)
    kinds = ["success", "not_found", "invalid", "conflict", "other"]
    return {
        "groups": [line(name, part, seed) for name, part in groups.items() if part],
        "services": [
            line(s.name + ("" if s.tuned else " (held out)"), of(lambda r, s=s: r.service == s.name), seed)
            for s in services
        ],
        "modes": [line(m, part, seed) for m in MODES if (part := of(lambda r, m=m: r.mode == m))],
        "outcomes": [
            line(f"moto: {k}", part, seed) for k in kinds if (part := of(lambda r, k=k: outcome(r.real) == k))
        ],
        "confusion": {real: {mine: confusion[real, mine] for mine in kinds} for real in kinds},
    }


def disagreements(rows: list[Row], most: int) -> Iterator[str]:
    """The commonest disagreements with an example of what each world said."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if not row.agrees:
            groups.setdefault((row.service, row.tool, row.mode, outcome(row.real), outcome(row.simulated)), []).append(
                row
            )
    for key, found in sorted(groups.items(), key=lambda item: -len(item[1]))[:most]:
        service, tool, mode, real, mine = key
        yield f"{len(found):4} {service}.{tool} [{mode}] moto {real}, simulated {mine}"
        yield f"       moto: {found[0].real.content[:150]}\n       here: {found[0].simulated.content[:150]}"


def page(measured: Mapping[str, Any], command: str, intro: str) -> str:
    """The results page."""
    kinds = list(measured["confusion"])
    head = "| moto \\ simulated | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds) + "\n"
    grid = head + "".join(
        f"| {real} | " + " | ".join(f"{measured['confusion'][real][mine]:,}" for mine in kinds) + " |\n"
        for real in kinds
    )
    return "\n".join(
        [
            intro,
            f"```\n{command}\n```\n",
            table("services", measured["groups"]),
            table("service", measured["services"]),
            table("arguments", measured["modes"]),
            table("what moto answered", measured["outcomes"]),
            "How often each pair of outcomes occurred:\n",
            grid,
        ]
    )


def main() -> None:
    """Measure, print one JSON document and, if asked, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", default="", help="names, separated by commas; all by default")
    parser.add_argument("--part", choices=("tuned", "held-out"), help="only these services")
    parser.add_argument("--sequences", type=int, default=30, help="for each service")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print this many kinds of disagreement")
    parser.add_argument("--open", action="store_true", help="a simulated world that takes unknown kinds on trust")
    parser.add_argument("--out", type=Path, help="write the results page")
    given = parser.parse_args()
    wanted = {name for name in given.services.split(",") if name}
    services = tuple(
        s
        for s in SERVICES
        if (not wanted or s.name in wanted) and (given.part is None or s.tuned == (given.part == "tuned"))
    )
    rows = measure(services, given.sequences, given.seed, open_world=given.open)
    measured = report(rows, services, given.seed)
    print(json.dumps(measured, indent=2))
    for text in disagreements(rows, given.show):
        print(text)
    if given.out:
        options = f"--sequences {given.sequences} --seed {given.seed} --out docs/results/fidelity.md"
        command = f"python benchmarks/fidelity.py {options}"
        intro = Path(__file__).with_name("fidelity_intro.md").read_text(encoding="utf-8")
        given.out.write_text(page(measured, command, intro), encoding="utf-8")


if __name__ == "__main__":
    main()
