"""Reading tool documents: ours beside FastMCP's `from_openapi` and bare JSON parsing; and a catalog of 48,000 tools.

    python benchmarks/catalog.py [DOCUMENTS] [--quick] [--json]

DOCUMENTS is a folder of OpenAPI documents; without one, documents are made up. Each document is read from its bytes to
a usable list of tools. Each reader has a process of its own, as it would have for its users, and the readers take
turns; what counts is the best of several readings, in CPU seconds, after imports and a document that is not counted.
Then `google` and `aws` (the installed packages) are imported whole by the command, on one core, and the catalog is
opened by `show` and `retrieve`. `--quick` does everything once, on few documents, without the 48,000 tools.

Needs the extras [dev] and [catalogs]. Nothing is sent anywhere: FastMCP gets a client that is never used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from toolwise.catalog import LeftOut, import_sources
from toolwise.errors import CatalogError
from toolwise.serve.mcp_tools import offer
from toolwise.types import HttpBinding, Toolset

Operation = tuple[str, str]
"""Method and path, without a fragment (some documents tell operations of one path apart by it): by these the readers'
tools are matched, since each makes up names of its own. Two tools of one method and path count as two."""
ROUNDS = 3
PACKAGES = ("google", "aws")
QUERIES = ("start a virtual machine", "list the files of a folder", "translate a text into French")


# --- documents ----------------------------------------------------------------------------------------------------


def write_documents(folder: Path, sizes: tuple[int, ...], *, with_yaml: bool = True) -> Path:
    """OpenAPI 3 documents of so many resources each; five operations a resource, schemas that refer to one another."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        document = made_up(size, random.Random(size))
        (folder / f"made_up_{size}.json").write_text(json.dumps(document))
        if with_yaml and size == min(sizes):
            (folder / f"made_up_{size}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def made_up(resources: int, rng: random.Random) -> dict[str, Any]:
    """One document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for number in range(resources):
        record = f"Record{number}"
        others = [f"Record{rng.randrange(resources)}" for _ in range(2)]
        schemas[record] = {
            "type": "object",
            "required": ["id", "title"],
            "properties": {
                "id": {"type": "string", "description": "Identifier of the record."},
                "title": {"type": "string", "minLength": 1, "maxLength": 200},
                "amount": {"type": "integer", "minimum": 0, "nullable": True},
                "status": {"type": "string", "enum": ["open", "held", "closed"]},
                "created_at": {"type": "string", "format": "date-time"},
                "parts": {"type": "array", "items": {"$ref": f"#/components/schemas/{others[0]}"}},
                "owner": {"allOf": [{"$ref": f"#/components/schemas/{others[1]}"}]},
            },
        }
        reference = {"$ref": f"#/components/schemas/{record}"}
        body = {"required": True, "content": {"application/json": {"schema": reference}}}
        answer = {"200": {"description": "Done", "content": {"application/json": {"schema": reference}}}}
        many = {"type": "object", "properties": {"items": {"type": "array", "items": reference}}}
        listed = {"200": {"description": "All", "content": {"application/json": {"schema": many}}}}
        key = [{"name": "record_id", "in": "path", "required": True, "schema": {"type": "string"}}]
        page = [{"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}]
        paths[f"/records{number}"] = {
            "get": {"operationId": f"list{number}", "summary": "Lists.", "parameters": page, "responses": listed},
            "post": {"operationId": f"create{number}", "summary": "Creates.", "requestBody": body, "responses": answer},
        }
        paths[f"/records{number}/{{record_id}}"] = {
            "parameters": key,
            "get": {"operationId": f"get{number}", "summary": "Gets.", "responses": answer},
            "put": {"operationId": f"put{number}", "summary": "Replaces.", "requestBody": body, "responses": answer},
            "delete": {"operationId": f"delete{number}", "responses": {"204": {"description": "Gone"}}},
        }
    info = {"title": f"Made up {resources}", "version": "1"}
    return {"openapi": "3.0.3", "info": info, "paths": paths, "components": {"schemas": schemas}}


# --- readers ------------------------------------------------------------------------------------------------------


@dataclass
class Read:
    """What one reader got of one document."""

    seconds: float
    """CPU seconds: other programs on the machine do not count."""
    operations: Counter[Operation] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)


def load(path: Path) -> Any:
    """Parsing alone: the null baseline, and the peer's first step."""
    data = path.read_bytes()
    return json.loads(data) if path.suffix == ".json" else yaml.load(data, yaml.CSafeLoader)


def read_nothing(path: Path) -> Read:
    """Parsing alone."""
    began = time.process_time()
    load(path)
    return Read(time.process_time() - began)


def _ours(path: Path, use: Callable[[Toolset], object]) -> Read:
    began = time.process_time()
    unread: list[str] = []
    toolsets: list[Toolset] = []
    try:
        for item in import_sources([str(path)]):
            if isinstance(item, LeftOut):
                unread.append(f"{item.where}: {item.detail}")
            else:
                use(item)
                toolsets.append(item)
    except CatalogError as error:
        unread.append(str(error))
    took = time.process_time() - began
    return Read(took, Counter(_operations(toolsets)), unread)


def _operations(toolsets: list[Toolset]) -> Iterator[Operation]:
    for toolset in toolsets:
        for tool in toolset.tools:
            if isinstance(tool.binding, HttpBinding):
                yield _operation(tool.binding.method, tool.binding.path)


def _operation(method: str, path: str) -> Operation:
    return method.upper(), path.partition("#")[0]


def read_ours(path: Path) -> Read:
    """To Tool objects; schemas stay shared in the toolset."""
    return _ours(path, lambda toolset: None)


def read_ours_as_mcp(path: Path) -> Read:
    """On to MCP tools whose schemas stand alone, which is what FastMCP's are."""
    return _ours(path, lambda toolset: [offer(tool, tool.name) for tool in toolset.tools])


def read_fastmcp(path: Path) -> Read:
    """FastMCP's `from_openapi`, and its list of tools."""
    import httpx2
    from fastmcp import FastMCP

    client = httpx2.AsyncClient(base_url="http://127.0.0.1:9")  # made beforehand, and never used
    began = time.process_time()
    try:
        server = FastMCP.from_openapi(load(path), client=client)
        tools = asyncio.run(_list(server))
    except Exception as error:  # whatever it is, the peer could not read the document
        return Read(time.process_time() - began, unread=[" ".join(f"{type(error).__name__}: {error}".split())[:160]])
    took = time.process_time() - began
    return Read(took, Counter(_operation(tool._route.method, tool._route.path) for tool in tools))


async def _list(server: Any) -> list[Any]:
    return list(await server.list_tools())


READERS: dict[str, Callable[[Path], Read]] = {
    "parse": read_nothing,
    "ours": read_ours,
    "ours_as_mcp": read_ours_as_mcp,
    "fastmcp": read_fastmcp,
}


def work(reader: str, runs: int, paths: list[str]) -> None:
    """Read the documents with one reader, and print what it got as JSON."""
    logging.disable(logging.CRITICAL)  # the peer logs what it cannot read; it is in the table
    read = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        (warm_up,) = write_documents(Path(folder), (2,), with_yaml=False).iterdir()
        read(warm_up)  # imports and first uses
    found = [min((read(Path(path)) for _ in range(runs)), key=lambda one: one.seconds) for path in paths]
    rows = [[one.seconds, [[*key, count] for key, count in one.operations.items()], one.unread] for one in found]
    sys.stdout.write(json.dumps(rows))


def read_all(reader: str, runs: int, paths: list[Path]) -> list[Read]:
    """As `work`, in a process of its own."""
    command = [sys.executable, __file__, "--reader", reader, str(runs), *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [
        Read(seconds, Counter({(method, path): count for method, path, count in operations}), unread)
        for seconds, operations, unread in json.loads(done.stdout)
    ]


def compare_all(paths: list[Path], runs: int) -> list[dict[str, Any]]:
    """All readers on all documents; the readers take turns, the best of several runs counts."""
    best: list[dict[str, Read]] = [{} for _ in paths]
    for _ in range(min(runs, ROUNDS)):
        for name in READERS:
            for document, read in zip(best, read_all(name, runs, paths), strict=True):
                if name not in document or read.seconds < document[name].seconds:
                    document[name] = read
    return [compare(path, document) for path, document in zip(paths, best, strict=True)]


def compare(path: Path, best: dict[str, Read]) -> dict[str, Any]:
    """What the readers got of one document."""
    ours, peer = best["ours"], best["fastmcp"]
    return {
        "document": path.name,
        "megabytes": round(path.stat().st_size / 1e6, 3),
        "tools": ours.operations.total(),
        "fastmcp_tools": peer.operations.total(),
        "seconds": {name: round(read.seconds, 5) for name, read in best.items()},
        "times_faster": None if peer.unread else round(peer.seconds / ours.seconds, 1),
        "times_faster_as_mcp": None if peer.unread else round(peer.seconds / best["ours_as_mcp"].seconds, 1),
        "lost": sorted(" ".join(operation) for operation in (peer.operations - ours.operations).elements()),
        "found_by_ours_alone": (ours.operations - peer.operations).total(),
        "unread_by_ours": ours.unread[:5],
        "unread_by_fastmcp": peer.unread,
    }


def in_total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Over the documents that both read."""
    both = [row for row in rows if not row["unread_by_fastmcp"]]
    seconds = {name: round(sum(row["seconds"][name] for row in both), 4) for name in READERS}
    return {
        "documents": len(rows),
        "read_by_both": len(both),
        "tools_of_both": sum(row["tools"] for row in both),
        "seconds": seconds,
        "times_faster": round(seconds["fastmcp"] / seconds["ours"], 1) if both else None,
        "times_faster_as_mcp": round(seconds["fastmcp"] / seconds["ours_as_mcp"], 1) if both else None,
        "median_times_faster": statistics.median(row["times_faster"] for row in both) if both else None,
        "least_times_faster": min((row["times_faster"] for row in both), default=None),
        "times_parsing_alone": round(seconds["ours"] / seconds["parse"], 2) if both else None,
        "lost": sum(len(row["lost"]) for row in rows),
        "tools_read_by_ours_alone": sum(row["tools"] for row in rows if row["unread_by_fastmcp"]),
    }


# --- 48,000 tools -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """One command's wall time, its own peak memory, and its output."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    output: str


_MEASURED = """
import resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stdout.buffer.write(f"{took} {used.ru_utime + used.ru_stime} {used.ru_maxrss / 1024}\\n".encode() + done.stdout)
sys.exit(done.returncode)
"""
"""Each command has a parent of its own: the peak of a process's children is that of the largest ever."""


def toolwise(*arguments: object) -> Ran:
    """Run the command as a user would, on one core."""
    command = [sys.executable, "-c", _MEASURED, sys.executable, "-m", "toolwise", *map(str, arguments)]
    one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, env=one_core, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    first, _, output = done.stdout.partition(b"\n")
    seconds, cpu_seconds, megabytes = map(float, first.split())
    return Ran(seconds, cpu_seconds, megabytes, output.decode())


def whole(folder: Path, runs: int) -> dict[str, Any]:
    """Import `google` and `aws`, open the catalog, find tools."""
    catalog = folder / "catalog"
    imported = toolwise("catalog", "import", *PACKAGES, "--out", catalog, "--json")
    summary = json.loads(imported.output)
    indexing = toolwise("retrieve", QUERIES[0], "--catalog", catalog, "--json")
    toolset = json.loads(next((catalog / "toolsets.jsonl").open("rb")))
    shown = [toolwise("catalog", "show", catalog, toolset["tools"][0]["id"], "--json") for _ in range(runs)]
    found = [toolwise("retrieve", query, "--catalog", catalog, "--json") for query in QUERIES[:runs]]
    helped = [toolwise("--help") for _ in range(runs)]
    return {
        "toolsets": summary["toolsets"],
        "tools": summary["tools"],
        "import_seconds": round(imported.seconds, 2),
        "import_cpu_seconds": round(imported.cpu_seconds, 2),
        "import_peak_megabytes": round(imported.megabytes),
        "first_retrieve_seconds": round(indexing.seconds, 2),
        "show_seconds": _median(shown),
        "show_cpu_seconds": round(min(ran.cpu_seconds for ran in shown), 3),
        "show_peak_megabytes": round(max(ran.megabytes for ran in shown)),
        "retrieve_seconds": _median(found),
        "retrieve_cpu_seconds": round(min(ran.cpu_seconds for ran in found), 3),
        "retrieve_peak_megabytes": round(max(ran.megabytes for ran in found)),
        "help_seconds": _median(helped),
    }


def _median(runs: list[Ran]) -> float:
    return round(statistics.median(ran.seconds for ran in runs), 3)


# --- the report ---------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--reader"]:
        work(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", type=Path, nargs="?", help="a folder of OpenAPI documents; made up without one")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    given = parser.parse_args()
    if given.documents is not None and not given.documents.is_dir():
        parser.error(f"{given.documents} is no folder; leave it away to measure made-up documents")
    with tempfile.TemporaryDirectory() as folder:
        sizes = (10,) if given.quick else (10, 60, 200)
        documents = given.documents or write_documents(Path(folder) / "documents", sizes)
        paths = sorted(path for path in documents.iterdir() if path.suffix in {".json", ".yaml", ".yml"})
        rows = compare_all(paths, 1 if given.quick else 3)
        report: dict[str, Any] = {"documents": rows, "total": in_total(rows)}
        if not given.quick:
            report["google_and_aws"] = whole(Path(folder), len(QUERIES))
    print(json.dumps(report, indent=2) if given.json else _table(report))


_COLUMNS = ("tools", "parse s", "ours s", "MCP s", "FastMCP s", "times", "MCP times")


def _table(report: dict[str, Any]) -> str:
    lines = [f"{'document':<40}" + "".join(f"{column:>11}" for column in _COLUMNS)]
    for row in report["documents"]:
        seconds = [f"{row['seconds'][name]:.4f}" for name in READERS]
        if row["unread_by_fastmcp"]:
            seconds[-1] = "cannot"
        cells = [row["tools"], *seconds, row["times_faster"] or "", row["times_faster_as_mcp"] or ""]
        lines.append(f"{row['document'][:39]:<40}" + "".join(f"{cell:>11}" for cell in cells))
        lines += [f"    lost: {operation}" for operation in row["lost"]]
        lines += [f"    ours left out: {detail[:110]}" for detail in row["unread_by_ours"]]
        lines += [f"    FastMCP could not read it: {detail[:96]}" for detail in row["unread_by_fastmcp"]]
    for part in ("total", "google_and_aws"):
        if part in report:
            lines += ["", part.replace("_", " "), *(f"  {key}: {value}" for key, value in report[part].items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
