"""`toolwise train …`, `retrieve` and `ask`: make models and use them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli import ask_commands, train_commands
from toolwise.cli.options import AsJson, CatalogPath, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

CorpusPath = Annotated[Path, typer.Option("--corpus", help="A corpus made by `toolwise corpus`, or a run folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Train a model or a retriever.")
    train_commands.register(group)
    group.command("retriever")(train_retriever)
    app.add_typer(group, name="train")
    app.command("retrieve")(retrieve)
    ask_commands.register(app)


def train_retriever(
    corpus: CorpusPath,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="The corpus's catalog; by default the one beside the corpus.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", help="scratch, or a text encoder's folder or Hugging Face id to fine-tune.")
    ] = "scratch",
    out: Annotated[
        Path | None, typer.Option("--out", help="The retriever's folder; by default in the catalog, indexed.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.05, help="Wall-clock minutes of training; by default 2, and 20 on a base."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a bi-encoder on a corpus's retrieval pairs and on requests for its catalog's tools."""
    from toolwise.pipelines.train_retriever import train_on_base

    with ProgressView() as view:
        document = train_on_base(corpus, catalog, base, out, minutes=minutes, seed=seed, observer=view)
    emit(document, as_json, _render_retriever)


def retrieve(
    query: Annotated[str, typer.Argument(help="What you want done, in words.")],
    catalog: CatalogPath,
    k: Annotated[int, typer.Option("-k", min=1, help="How many tools to show.")] = 10,
    retriever: Annotated[
        str,
        typer.Option(
            "--retriever",
            help="bm25, dense or fusion of the index, by default its best; or as in `evaluate retrieval`.",
        ),
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Find the tools of a catalog that serve a request."""
    from toolwise.pipelines.retrieve import find_tools

    with ProgressView() as view:
        document = find_tools(query, catalog, k, retriever, view)
    emit(document, as_json, _render_hits)


def _render_retriever(document: Json) -> str:
    where = f"index: {document['index']}" if "index" in document else f"retriever: {document['retriever']}"
    return f"{where} ({document['tools']:,} tools); dev nDCG@5 {document['dev_ndcg_at_5']:.3f}"


def _render_hits(document: Json) -> str:
    width = max((len(hit["tool"]) for hit in document["hits"]), default=0)
    lines = [f"{hit['score']:7.3f}  {hit['tool']:<{width}}  {hit['description']}" for hit in document["hits"]]
    return "\n".join(lines) or "no tool matches"
