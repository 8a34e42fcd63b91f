"""How well and how fast tools are found: BM25, dense and fusion over a whole catalog, on held-out queries.

    python benchmarks/retrieval.py
    python benchmarks/retrieval.py CATALOG QUERIES [--minutes 1.5] [--threads 2]
    python benchmarks/retrieval.py --seal-tools FOLDER --encoder ENCODER

Without a catalog every tenth service of AWS is read from the installed botocore, the embedded teacher writes requests
for its tools, and those of every fifth service are held out; one minute of training. Seal-Tools is measured as well
where it lies beside the checkout. retrieval_zero_shot.py measures pretrained encoders, retrieval_scale.py large pools.

CATALOG is a folder made by `toolwise catalog import`; QUERIES holds a JSON line a retrieval pair, or a task. Pairs of
split `train` and `dev` train the encoder (on the documents of their families alone), the other splits are measured.
FOLDER holds Seal-Tools' `tool.jsonl` and `dev.jsonl` (arXiv 2405.08355); it is only measured, never trained on.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from toolwise.evaluation import retrieval_scores
from toolwise.retrieval import (
    RetrieverConfig,
    build_index,
    equivalent_tools,
    open_retriever,
    tool_documents,
    train_retriever,
)
from toolwise.types import RetrievalPair, Split, Task, Tool, Toolset

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}
_SHOWN = ("ndcg@1", "ndcg@5", "recall@5")
_EVERY, _HELD_OUT, _QUERIES_PER_TOOL = 10, 5, 2
_SEAL_TOOLS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "seal_tools"
_TIMED = 300
"""Queries asked one by one for the latency."""


def read_catalog(folder: Path) -> list[Toolset]:
    """All toolsets of a saved catalog."""
    with (folder / "toolsets.jsonl").open("rb") as lines:
        return [Toolset.model_validate_json(line) for line in lines]


def read_pairs(path: Path) -> list[RetrievalPair]:
    """Retrieval pairs, or tasks as pairs; tasks that need no tool are left out."""
    pairs = []
    with path.open("rb") as lines:
        for line in lines:
            if b'"instruction"' in line:
                task = Task.model_validate_json(line)
                pair = RetrievalPair(
                    key=task.key, split=task.provenance.split, query=task.instruction, relevant=task.relevant
                )
            else:
                pair = RetrievalPair.model_validate_json(line)
            if pair.relevant:
                pairs.append(pair)
    return pairs


def read_seal_tools(folder: Path) -> tuple[list[Toolset], list[RetrievalPair]]:
    """Seal-Tools' fields as toolsets, its dev queries as pairs."""

    def schema(entries: dict[str, dict[str, str]]) -> dict[str, object]:
        return {
            name: {"type": _TYPES.get(entry.get("type", ""), "string"), "description": entry.get("description", "")}
            for name, entry in entries.items()
        }

    tools: dict[str, dict[str, Tool]] = {}
    ids: dict[str, str] = {}
    for row in map(json.loads, (folder / "tool.jsonl").read_text(encoding="utf-8").splitlines()):
        toolset = re.sub(r"\W+", "_", row["field"])
        name = row["api_name"]
        if ids.setdefault(name, f"{toolset}.{name}") == f"{toolset}.{name}":
            tools.setdefault(row["field"], {})[name] = Tool(
                id=ids[name],
                name=name,
                description=row["api_description"],
                parameters={"type": "object", "properties": schema(row["parameters"]), "required": row["required"]},
                returns={"type": "object", "properties": schema(row["responses"])},
            )
    toolsets = [
        Toolset(
            name=re.sub(r"\W+", "_", field),
            title=field.rsplit("/", 1)[-1],
            category=field.split("/", 1)[0],
            tools=tuple(members.values()),
        )
        for field, members in tools.items()
    ]
    pairs = []
    for row in map(json.loads, (folder / "dev.jsonl").read_text(encoding="utf-8").splitlines()):
        relevant = tuple(dict.fromkeys(ids[call["api"]] for call in row["calling"] if call["api"] in ids))
        if relevant:
            pairs.append(RetrievalPair(key=row["id"], split=Split.DEV, query=row["query"], relevant=relevant))
    return toolsets, pairs


def measure(toolsets: Sequence[Toolset], pairs: Sequence[RetrievalPair], encoder: Path | None, pool: str) -> None:
    """Print scores and times of every retriever over the pool of all tools."""
    equivalent = equivalent_tools(toolsets)
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        summary = build_index(toolsets, index, encoder)
        size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file()) / 1e6
        print(
            f"\n{pool}: {len(pairs)} queries, {summary.tools} tools; "
            f"index built in {summary.seconds:.1f} s, {size:.0f} MB"
        )
        print(
            f"{'':8} {'nDCG@1':>23} {'nDCG@5':>23} {'recall@5':>23} "
            f"{'versions as one: nDCG@1, @5':>28} {'open':>8} {'query':>8}"
        )
        for name in summary.retrievers:
            began = time.perf_counter()
            retriever = open_retriever(index, name)
            retriever.search(["warm up"], 1)
            opened = time.perf_counter() - began
            began = time.perf_counter()
            for pair in pairs[:_TIMED]:
                retriever.search([pair.query], 10)
            query = (time.perf_counter() - began) / len(pairs[:_TIMED])
            scores = retrieval_scores(retriever, pairs)
            merged = retrieval_scores(retriever, pairs, equivalent=equivalent)
            cells = " ".join(f"{m.value:8.3f} [{m.low:.3f}, {m.high:.3f}]" for m in (scores[key] for key in _SHOWN))
            both = f"{merged['ndcg@1'].value:.3f}, {merged['ndcg@5'].value:.3f}"
            print(f"{name:8} {cells} {both:>28} {opened:6.2f} s {query * 1000:5.1f} ms", flush=True)


def aws_sample() -> tuple[list[Toolset], list[RetrievalPair]]:
    """Every tenth AWS service, and the teacher's requests for its tools; those of every fifth of these are held out."""
    from toolwise.catalog import import_sources
    from toolwise.catalog.sources import aws_documents
    from toolwise.synthesis import tool_queries

    paths = [str(located.path) for located in aws_documents()][::_EVERY]
    toolsets = [found for found in import_sources(paths) if isinstance(found, Toolset)]
    pairs: list[RetrievalPair] = []
    for number, toolset in enumerate(toolsets):
        split = Split.UNSEEN_TOOLSET if number % _HELD_OUT == 0 else Split.TRAIN
        for tool in toolset.tools:
            queries = tool_queries(tool, toolset, random.Random(tool.id), _QUERIES_PER_TOOL)
            pairs += [RetrievalPair(key=f"{tool.id}|{q}", split=split, query=q, relevant=(tool.id,)) for q in queries]
    return toolsets, pairs


def main() -> None:
    """Read the arguments, train if there is something to train on, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path, nargs="?")
    parser.add_argument("queries", type=Path, nargs="?")
    parser.add_argument(
        "--encoder", type=Path, help="a trained encoder's folder; one is trained into it if it is empty"
    )
    parser.add_argument("--seal-tools", type=Path)
    parser.add_argument("--minutes", type=float, default=RetrieverConfig().minutes)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.catalog and not arguments.queries:
        parser.error("CATALOG needs QUERIES; give both, or neither for a sample of AWS")
    config = RetrieverConfig(minutes=arguments.minutes, threads=arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        encoder: Path | None = arguments.encoder
        seal_tools: Path | None = arguments.seal_tools
        toolsets, pairs = [], []
        if arguments.catalog:
            toolsets, pairs = read_catalog(arguments.catalog), read_pairs(arguments.queries)
        elif not seal_tools:
            toolsets, pairs = aws_sample()
            encoder = encoder or Path(scratch) / "encoder"
            seal_tools = _SEAL_TOOLS if _SEAL_TOOLS.is_dir() else None
        if toolsets and encoder and not (encoder / "config.json").exists():
            train(toolsets, pairs, encoder, config)
        for split in (Split.SEEN_TOOLSET, Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY):
            if held := [pair for pair in pairs if pair.split is split]:
                measure(toolsets, held, encoder, f"queries of split {split.value}")
        if seal_tools:
            measure(*read_seal_tools(seal_tools), encoder, "Seal-Tools dev (another domain)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def train(toolsets: Sequence[Toolset], pairs: Sequence[RetrievalPair], out: Path, config: RetrieverConfig) -> None:
    """Train on the pairs, with the documents of families that no held-out query needs."""
    family = {toolset.name: toolset.family or toolset.name for toolset in toolsets}
    held = {
        family[tool.split(".", 1)[0]]
        for pair in pairs
        if pair.split in (Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)
        for tool in pair.relevant
    }
    documents = list(tool_documents(toolset for toolset in toolsets if family[toolset.name] not in held))
    summary = train_retriever(pairs, documents, out, config)
    print(
        f"encoder from scratch: {summary.steps} steps in {summary.seconds:.0f} s on {summary.pairs:,} queries for "
        f"{summary.documents:,} tools; nDCG@5 of its {summary.dev_pairs} dev queries {summary.dev_ndcg_at_5:.3f}; "
        f"dense share of the fusion {summary.fusion_weight}",
        flush=True,
    )


if __name__ == "__main__":
    main()
