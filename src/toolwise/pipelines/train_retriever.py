"""The verb `train retriever`: a bi-encoder from scratch or on a pretrained encoder, from a corpus and its catalog."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import ConfigError
from toolwise.pipelines.retrieve import corpus_pairs, split_of, teacher_queries, train_for_catalog
from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval import Document, RetrieverConfig, tool_document, train_retriever
from toolwise.types import Json, RetrievalPair, Split

SCRATCH = "scratch"
_MOST_TOOLS = 12_000
"""Tools whose documents a fine-tuning reads: more than some minutes on a CPU can use."""
_MOST_QUERIES = 12_000
_MINUTES_SCRATCH, _MINUTES_BASE = 2.0, 20.0
"""The second is a cap: training on a base ends after its steps."""
_INDEX = "index.json"
_STAGE = "retriever"


def train_on_base(
    corpus: Path,
    catalog: Path | None,
    base: str = SCRATCH,
    out: Path | None = None,
    *,
    minutes: float | None = None,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """Train on `base`: `scratch`, an encoder's folder or a Hugging Face id. Raises ConfigError, DataError, RunError.

    Without a catalog the one beside the corpus (a run's) is taken. Without `out` the retriever lies in the catalog's
    folder `retriever`, and one from scratch indexes the catalog as well.
    """
    folder = catalog or _catalog_beside(corpus)
    minutes = minutes if minutes is not None else _MINUTES_SCRATCH if base == SCRATCH else _MINUTES_BASE
    if base == SCRATCH and out is None:
        return train_for_catalog(corpus, folder, minutes=minutes, seed=seed, observer=observer)
    target = out or folder / "retriever"
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; choose another folder for the retriever")
    opened = open_catalog(folder)
    placed = split_of(corpus)
    names = [name for name in opened.names() if placed.get(name, Split.TRAIN) is Split.TRAIN]
    pairs = list(corpus_pairs(corpus))
    observer(Progress(_STAGE, 0, 0, "reading documents"))
    if base == SCRATCH:
        documents = [tool_document(toolset, tool) for toolset in map(opened.toolset, names) for tool in toolset.tools]
        pairs += teacher_queries(opened, names, seed)
        config = RetrieverConfig(minutes=minutes, seed=seed)
        summary = train_retriever(pairs, documents, target, config, observer).model_dump(mode="json")
    else:
        from toolwise.retrieval.pretrained.config import TextTrainingConfig
        from toolwise.retrieval.pretrained.training import train_text_retriever

        pairs, documents = _material(opened, names, pairs, seed)
        settings = TextTrainingConfig(minutes=minutes, seed=seed)
        summary = train_text_retriever(pairs, documents, base, target, settings, observer).model_dump(mode="json")
    return {**summary, "base": base, "retriever": str(target), "tools": len(documents)}


def _catalog_beside(corpus: Path) -> Path:
    for folder in (corpus / "catalog", corpus.parent / "catalog"):
        if (folder / _INDEX).is_file():
            return folder
    raise ConfigError(f"no catalog beside {corpus}; name the one that the corpus was made from with --catalog")


def _material(
    opened: CatalogFile, names: list[str], pairs: list[RetrievalPair], seed: int
) -> tuple[list[RetrievalPair], list[Document]]:
    """Pairs and documents of a size that a fine-tuning can use: every toolset, and of large ones a part.

    The pairs' own tools come first; then one tool of each toolset after the other until there are enough.
    """
    trained = set(names)
    usable = [pair for pair in pairs if all(tool.split(".", 1)[0] in trained for tool in pair.relevant)]
    rng = random.Random(f"material:{seed}")
    if len(usable) > _MOST_QUERIES:
        kept = [pair for pair in usable if pair.split is Split.DEV]
        others = [pair for pair in usable if pair.split is not Split.DEV]
        usable = [*kept, *rng.sample(others, max(0, min(len(others), _MOST_QUERIES - len(kept))))]
    chosen = _balanced(opened, names, dict.fromkeys(tool for pair in usable for tool in pair.relevant), rng)
    documents: list[Document] = []
    for name in names:
        if wanted := chosen.get(name):
            toolset = opened.toolset(name)
            documents += [tool_document(toolset, tool) for tool in toolset.tools if tool.name in wanted]
    queries = list(teacher_queries(opened, names, seed, chosen))
    return [*usable, *queries], documents


def _balanced(
    opened: CatalogFile, names: list[str], first: Iterable[str], rng: random.Random
) -> dict[str, frozenset[str]]:
    """Toolset -> names of its chosen tools."""
    chosen: dict[str, set[str]] = {name: set() for name in names}
    for tool in first:
        toolset, _, name = tool.partition(".")
        chosen[toolset].add(name)
    rest = {}
    for name in names:
        others = [tool for tool in opened.summary(name).tools if tool not in chosen[name]]
        rest[name] = rng.sample(others, len(others))
    count = sum(map(len, chosen.values()))
    while count < _MOST_TOOLS and any(rest.values()):
        for name in names:
            if rest[name] and count < _MOST_TOOLS:
                chosen[name].add(rest[name].pop())
                count += 1
    return {name: frozenset(tools) for name, tools in chosen.items()}
