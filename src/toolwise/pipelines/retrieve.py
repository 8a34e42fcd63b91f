"""The verbs of retrieval: make queries, train the bi-encoder, index a catalog, find tools, and score all three."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import read_rows, read_tasks, retrieval_pair
from toolwise.errors import ConfigError, DataError
from toolwise.evaluation import retrieval_scores
from toolwise.pipelines.context import Context
from toolwise.pipelines.retrievers import INDEX_FOLDER, ensure_index, index_catalog, named_retriever
from toolwise.ports import Observer, Progress, Retriever, silent
from toolwise.retrieval import (
    RetrieverConfig,
    equivalent_tools,
    open_retriever,
    tool_documents,
    train_retriever,
)
from toolwise.synthesis import tool_queries
from toolwise.text import first_sentence
from toolwise.types import Json, Metric, RetrievalPair, Split, content_key

RETRIEVERS = ("bm25", "dense", "fusion")
AUTO = "auto"
HELD_OUT = (Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)
QUERIES_PER_TOOL = 1


def train_and_index(
    corpus: Path, catalog: Path, out: Path, split_of: Mapping[str, Split], config: RetrieverConfig, observer: Observer
) -> Json:
    """Train on the corpus's retrieval pairs and on queries for every training tool; index the whole catalog."""
    opened = open_catalog(catalog)
    trained = [name for name in opened.names() if split_of.get(name, Split.TRAIN) is Split.TRAIN]
    pairs = [*corpus_pairs(corpus), *teacher_queries(opened, trained, config.seed)]
    documents = list(tool_documents(opened.toolset(name) for name in trained))
    summary = train_retriever(pairs, documents, out, config, observer)
    indexed = index_catalog(opened, out, observer)
    return {
        **summary.model_dump(mode="json"),
        "pairs": len(pairs),
        "tools": indexed["tools"],
        "index": indexed["index"],
    }


def train_for_catalog(
    corpus: Path, catalog: Path, *, minutes: float, seed: int = 0, observer: Observer = silent
) -> Json:
    """The verb `train retriever`: the encoder is saved beside the catalog's index."""
    config = RetrieverConfig(minutes=minutes, seed=seed)
    placed = split_of(corpus)
    return train_and_index(corpus, catalog, catalog / "retriever", placed, config, observer)


def evaluate_retrieval(context: Context, catalog: Path, accepted: Path, seed: int) -> Json:
    """Each retriever on the held-out tasks' instructions, over the whole catalog as the pool.

    Strictly, and with the same operation in several versions of an API counted as one.
    """
    opened = open_catalog(catalog)
    pairs = [
        pair
        for task in read_tasks(accepted)
        if task.provenance.split in HELD_OUT and (pair := retrieval_pair(task)) is not None
    ]
    equivalent = equivalent_tools(opened)
    strict: dict[str, Json] = {}
    merged: dict[str, Json] = {}
    for done, name in enumerate(RETRIEVERS):
        context.observer(Progress("retrieval", done, len(RETRIEVERS), name))
        retriever = open_retriever(catalog / INDEX_FOLDER, name)
        strict[name] = _dump(retrieval_scores(retriever, pairs, seed=seed))
        merged[name] = _dump(retrieval_scores(retriever, pairs, seed=seed, equivalent=equivalent))
    context.observer(Progress("retrieval", len(RETRIEVERS), len(RETRIEVERS)))
    return {"retrievers": strict, "versions_as_one": merged, "pool": len(opened), "queries": len(pairs)}


def _dump(scores: Mapping[str, Metric]) -> Json:
    return {name: metric.model_dump() for name, metric in scores.items()}


def find_tools(query: str, catalog: Path, k: int, name: str = AUTO, observer: Observer = silent) -> Json:
    """The verb `retrieve`. A catalog without an index gets one (BM25) first. Raises CatalogError, ConfigError."""
    if not query.strip():
        raise ConfigError("the query is empty; say what you want done")
    opened = open_catalog(catalog)
    if name in (AUTO, *RETRIEVERS):
        available = ensure_index(opened, observer)
        chosen = available[-1] if name == AUTO else name
        retriever: Retriever = open_retriever(catalog / INDEX_FOLDER, chosen)
    else:
        chosen, retriever = name, named_retriever(opened, name, observer)
    (hits,) = retriever.search([query], k)
    return {
        "query": query,
        "retriever": chosen,
        "tools": len(opened),
        "hits": [
            {
                "tool": hit.tool,
                "score": hit.score,
                "description": first_sentence(opened.tool(hit.tool).description, 100),
            }
            for hit in hits
        ],
    }


def corpus_pairs(corpus: Path) -> Iterator[RetrievalPair]:
    """Training and dev pairs of a corpus. Raises DataError if it has none."""
    for split in (Split.TRAIN, Split.DEV):
        path = corpus / "retrieval" / f"{split.value}.jsonl"
        if split is Split.TRAIN and not path.exists():
            raise DataError(f"{corpus} holds no retrieval pairs to train on; give a corpus made by `toolwise corpus`")
        if path.exists():
            yield from read_rows(path, RetrievalPair)


def teacher_queries(
    opened: CatalogFile, names: Iterable[str], seed: int, only: Mapping[str, frozenset[str]] | None = None
) -> Iterator[RetrievalPair]:
    """Requests that the embedded teacher writes from the documents; `only` names the tools of each toolset."""
    for name in names:
        toolset = opened.toolset(name)
        for tool in toolset.tools:
            if only is not None and tool.name not in only.get(name, ()):
                continue
            rng = random.Random(f"{seed}|{tool.id}")
            for query in tool_queries(tool, toolset, rng, QUERIES_PER_TOOL):
                key = content_key("query", tool.id, query)
                yield RetrievalPair(key=key, split=Split.TRAIN, query=query, relevant=(tool.id,))


def split_of(corpus: Path) -> dict[str, Split]:
    """Where each toolset was placed, from the tasks that were made of it; the others count as training's."""
    path = corpus / "accepted.jsonl"
    placed: dict[str, Split] = {}
    for task in read_tasks(path) if path.exists() else ():
        if task.provenance.split in HELD_OUT:
            placed |= {tool_id.partition(".")[0]: task.provenance.split for tool_id in task.candidates}
    return placed
