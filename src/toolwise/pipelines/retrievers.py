"""Opening the retriever that a user names: bm25, a trained one, a plain encoder, or one of these fused with BM25."""

from __future__ import annotations

import os
from pathlib import Path

from toolwise.catalog import CatalogFile
from toolwise.errors import CatalogError, ConfigError, RunError
from toolwise.ports import Observer, silent
from toolwise.retrieval import (
    CLAUSE_WEIGHT,
    Bm25Retriever,
    ClauseRetriever,
    DenseRetriever,
    Document,
    Encoder,
    FusionRetriever,
    PlainBm25Retriever,
    StandardFusionRetriever,
    tool_documents,
)
from toolwise.retrieval.ranking import PoolRetriever
from toolwise.types import content_key

BM25, PLAIN, HYBRID, WHOLE = "bm25", "bm25-plain", "hybrid:", "whole:"
VECTORS_FOLDER = "vectors"


def named_retriever(opened: CatalogFile, name: str, observer: Observer = silent) -> PoolRetriever:
    """`bm25`, `bm25-plain`, a retriever's or encoder's folder or id, or `hybrid:` and one of those, over a catalog.

    Trained retrievers are asked for a request's parts too, unless `whole:` comes first; `hybrid:bm25` is BM25 asked so.

    Vectors of a pretrained encoder are kept beside the catalog and only changed documents are encoded again.
    Raises ConfigError for a name that is none, ModelError, CatalogError, MissingExtraError.
    """
    documents = list(tool_documents(opened))
    if name == BM25:
        return Bm25Retriever.build(documents)
    if name == PLAIN:
        return PlainBm25Retriever.build(documents)
    whole = name.startswith(WHOLE)
    fused = name.removeprefix(WHOLE).startswith(HYBRID)
    base = name.removeprefix(WHOLE).removeprefix(HYBRID)
    if base == BM25:
        chosen: PoolRetriever = Bm25Retriever.build(documents)
        return chosen if whole else ClauseRetriever(chosen, CLAUSE_WEIGHT)
    dense, fusion_weight, clause_weight = _dense(opened, documents, base, observer)
    if fused:
        kind = FusionRetriever if isinstance(dense, DenseRetriever) else StandardFusionRetriever
        dense = kind(Bm25Retriever.build(documents), dense, fusion_weight)
    return dense if whole else ClauseRetriever(dense, clause_weight)


def _dense(
    opened: CatalogFile, documents: list[Document], base: str, observer: Observer
) -> tuple[PoolRetriever, float, float]:
    """The dense retriever, and how much it and a request's parts count in a hybrid."""
    if not base:
        raise ConfigError("hybrid: names no retriever; write hybrid:FOLDER, or bm25")
    folder = Path(base)
    if (folder / "encoder.safetensors").is_file():
        encoder = Encoder.load(folder)
        return DenseRetriever.build(documents, encoder), encoder.fusion_weight, CLAUSE_WEIGHT
    if not folder.is_dir() and (base.startswith((".", "/")) or base.count("/") > 1):
        raise ConfigError(f"no retriever in {base}; give bm25, bm25-plain, a retriever's folder, or hybrid:FOLDER")
    from toolwise.retrieval.pretrained.encoder import TextEncoder
    from toolwise.retrieval.pretrained.search import TextDenseRetriever

    text_encoder = TextEncoder.open(base)
    settings = text_encoder.settings
    try:
        store = opened.folder / VECTORS_FOLDER / _encoder_key(folder, base)
        dense, _ = TextDenseRetriever.build(documents, text_encoder, store, observer)
    except RunError as error:
        raise CatalogError(f"cannot keep vectors beside the catalog {opened.folder}: {error}") from error
    return dense, settings.fusion_weight, settings.clause_weight


def _encoder_key(folder: Path, base: str) -> str:
    """Another encoder, or the same one trained again, has vectors of its own."""
    if not folder.is_dir():
        return content_key("id", base, os.environ.get("HF_HUB_CACHE", ""))
    files = sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".json", ".bin"})
    return content_key("folder", [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files])
