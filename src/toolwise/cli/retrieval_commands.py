"""`toolwise evaluate retrieval`: score a retriever on queries with known tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, CatalogPath, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("retrieval")(retrieval)


def retrieval(
    catalog: CatalogPath,
    queries: Annotated[
        Path, typer.Option("--queries", help='JSON lines {"query": …, "relevant": [tool ids of the catalog]}.')
    ],
    retriever: Annotated[
        str,
        typer.Option(
            "--retriever",
            help="bm25, bm25-plain (unstemmed), a folder made by `train retriever`, an encoder's folder or Hugging "
            "Face id, or hybrid:FOLDER for a fusion with BM25; narrow: before it, +rerank:CROSS_ENCODER behind it.",
        ),
    ] = "bm25",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """How well the right tools are found: nDCG, recall, complete at 1, 3, 5 and 10, and MRR."""
    from toolwise.pipelines.evaluate_retrieval import score_retrieval

    with ProgressView() as view:
        document = score_retrieval(catalog, queries, retriever, seed=seed, observer=view)
    emit(document, as_json, _render)


def _render(document: Json) -> str:
    file = document["file"]
    lines = [f"{document['retriever']}: {document['queries']:,} queries over {document['pool']:,} tools", ""]
    lines += [
        f"{name:<12} {metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
        for name, metric in document["scores"].items()
    ]
    wrong = [f"{count:,} {reason}" for reason, count in file["broken"].items()]
    if file["unknown_tools"]["mentions"]:
        wrong.append(f"{file['unknown_tools']['mentions']:,} mentions of tools that the catalog does not have")
    return "\n".join([*lines, *(["", f"left out of {file['rows']:,} rows: {', '.join(wrong)}"] if wrong else [])])
