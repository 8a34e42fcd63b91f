"""Opening the retriever that a user names: bm25, a trained one, a plain encoder, or one of these fused with BM25."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from toolwise.catalog import CatalogFile
from toolwise.errors import CatalogError, ConfigError, ModelError, RunError, ToolwiseError
from toolwise.ports import Observer, Progress, Retriever, silent
from toolwise.retrieval import (
    CLAUSE_WEIGHT,
    Bm25Retriever,
    ClauseRetriever,
    DenseRetriever,
    Document,
    Encoder,
    FusionRetriever,
    IndexMissingError,
    IndexStaleError,
    NarrowRetriever,
    PlainBm25Retriever,
    RerankRetriever,
    StandardFusionRetriever,
    build_index,
    cautious_share,
    open_bm25,
    read_summary,
    tool_documents,
)
from toolwise.retrieval.ranking import PoolRetriever
from toolwise.types import Json, content_key

BM25, PLAIN, HYBRID, WHOLE, NARROW = "bm25", "bm25-plain", "hybrid:", "whole:", "narrow:"
RERANK = "+rerank:"
INDEX_FOLDER, VECTORS_FOLDER = "index", "vectors"
_SCRATCH_WEIGHTS = "encoder.safetensors"


def ensure_index(opened: CatalogFile, observer: Observer = silent) -> tuple[str, ...]:
    """Names of the retrievers over a catalog, plainest first; builds the index if there is none or a stale one."""
    try:
        summary = read_summary(opened.folder / INDEX_FOLDER, catalog_fingerprint(opened))
    except (IndexMissingError, IndexStaleError):
        encoder = opened.folder / "retriever"
        index_catalog(opened, encoder if (encoder / _SCRATCH_WEIGHTS).is_file() else None, observer)
        summary = read_summary(opened.folder / INDEX_FOLDER)
    return summary.retrievers


def index_catalog(opened: CatalogFile, encoder: Path | None, observer: Observer) -> Json:
    """Index a catalog into its own folder. Raises CatalogError, ModelError."""
    folder = opened.folder / INDEX_FOLDER
    summary = build_index(opened, folder, encoder, fingerprint=catalog_fingerprint(opened), observer=observer)
    return {"tools": summary.tools, "index": str(folder)}


def catalog_fingerprint(opened: CatalogFile) -> str:
    """Changes with any of the catalog's toolsets."""
    return content_key([summary.model_dump(mode="json") for summary in opened.summaries])


@dataclass(slots=True)
class _Pool:
    """A catalog's documents, read when they are first needed, and its BM25 index, stored beside it."""

    opened: CatalogFile
    observer: Observer
    _documents: list[Document] = field(default_factory=list)

    def documents(self) -> list[Document]:
        if not self._documents:
            self._documents = list(tool_documents(self.opened))
        return self._documents

    def bm25(self) -> Bm25Retriever:
        """From the stored index, built first if need be; in memory where the catalog's folder cannot be written."""
        try:
            ensure_index(self.opened, self.observer)
            return open_bm25(self.opened.folder / INDEX_FOLDER)
        except (CatalogError, ModelError):
            return Bm25Retriever.build(self.documents())


def named_retriever(opened: CatalogFile, name: str, observer: Observer = silent) -> Retriever:
    """A retriever over a catalog (docs/retrieval.md has the names).

    Its first tools are reranked where `+rerank:` and a cross-encoder's folder or id follow.
    Raises ConfigError for a name that is none, ModelError, CatalogError, MissingExtraError.
    """
    pool = _Pool(opened, observer)
    first, asked, base = name.partition(RERANK)
    if not asked:
        return _pool_retriever(pool, name)
    if not base:
        raise ConfigError(f"no cross-encoder in {name!r}; give its folder or id after {RERANK}")
    from toolwise.retrieval.pretrained.cross_encoder import CrossEncoder

    reranker = CrossEncoder.open(base)
    documents = {document.tool: document for document in pool.documents()}
    return RerankRetriever(_pool_retriever(pool, first), reranker, documents)


def _pool_retriever(pool: _Pool, name: str) -> PoolRetriever:
    """`bm25`, `bm25-plain`, a retriever's or encoder's folder or id, or `hybrid:` and one of those, over a catalog.

    Trained retrievers are asked for a request's parts too, unless `whole:` comes first; `hybrid:bm25` is BM25 asked so.
    `narrow:` before any of these leaves the tools of the best toolsets only.

    Vectors of a pretrained encoder are kept beside the catalog and only changed documents are encoded again.
    Raises ConfigError for a name that is none, ModelError, CatalogError, MissingExtraError.
    """
    modes, base = _modes(name)
    if base == PLAIN:
        chosen: PoolRetriever = PlainBm25Retriever.build(pool.documents())
        clause_weight = 0.0
    elif base == BM25:
        chosen = pool.bm25()
        clause_weight = CLAUSE_WEIGHT if HYBRID in modes else 0.0
    else:
        chosen, fusion_weight, clause_weight = _dense(pool, base)
        if HYBRID in modes:
            chosen = _fused(pool.bm25(), chosen, fusion_weight)
    if NARROW in modes:
        chosen = NarrowRetriever(chosen, {summary.name: summary.category for summary in pool.opened.summaries})
    return chosen if WHOLE in modes or not clause_weight else ClauseRetriever(chosen, clause_weight)


def _modes(name: str) -> tuple[set[str], str]:
    """What comes before the base's name, in any order, and the base."""
    modes: set[str] = set()
    while found := next((mode for mode in (HYBRID, WHOLE, NARROW) if name.startswith(mode)), ""):
        modes.add(found)
        name = name.removeprefix(found)
    return modes, name


def _fused(lexical: Bm25Retriever, dense: PoolRetriever, weight: float) -> PoolRetriever:
    if isinstance(dense, DenseRetriever):
        return FusionRetriever(lexical, dense, cautious_share(lexical, dense))
    return StandardFusionRetriever(lexical, dense, weight)


def _dense(pool: _Pool, base: str) -> tuple[PoolRetriever, float, float]:
    """The dense retriever, and how much it and a request's parts count in a hybrid."""
    if not base:
        raise ConfigError("the name of a retriever is missing; write bm25, FOLDER or hybrid:FOLDER")
    folder = Path(base)
    if (folder / _SCRATCH_WEIGHTS).is_file():
        encoder = Encoder.load(folder)
        return _kept_dense(pool, folder, encoder), encoder.fusion_weight, CLAUSE_WEIGHT
    if not folder.is_dir() and (base.startswith((".", "/")) or base.count("/") > 1):
        raise ConfigError(f"no retriever in {base}; give bm25, bm25-plain, a retriever's folder, or hybrid:FOLDER")
    from toolwise.retrieval.pretrained.encoder import TextEncoder
    from toolwise.retrieval.pretrained.rendering import TEXT_RENDERING
    from toolwise.retrieval.pretrained.search import TextDenseRetriever

    text_encoder = TextEncoder.open(base)
    settings = text_encoder.settings
    try:
        store = pool.opened.folder / VECTORS_FOLDER / content_key(_encoder_key(folder, base), TEXT_RENDERING)
        fingerprint = catalog_fingerprint(pool.opened)
        dense = TextDenseRetriever.stored(text_encoder, store, fingerprint)
        if dense is None:
            dense, _ = TextDenseRetriever.build(pool.documents(), text_encoder, store, pool.observer, fingerprint)
    except RunError as error:
        raise CatalogError(f"cannot keep vectors beside the catalog {pool.opened.folder}: {error}") from error
    return dense, settings.fusion_weight, settings.clause_weight


def _kept_dense(pool: _Pool, folder: Path, encoder: Encoder) -> DenseRetriever:
    """A trained encoder's vectors, kept beside the catalog for the next time, until either changes."""
    opened, observer = pool.opened, pool.observer
    store = opened.folder / VECTORS_FOLDER / content_key(_encoder_key(folder, str(folder)), catalog_fingerprint(opened))
    if store.is_dir():
        try:
            return DenseRetriever.load(store)
        except ToolwiseError:  # left unfinished, or written by another version
            shutil.rmtree(store, ignore_errors=True)
    observer(Progress("vectors", 0, 1, f"encoding {len(opened):,} tools, once for this catalog and encoder"))
    made = DenseRetriever.build(pool.documents(), encoder)
    beside = store.with_name(f".{store.name}.{os.getpid()}")
    try:
        made.save(beside)
        beside.rename(store)
    except OSError:  # a catalog that cannot be written to is searched all the same
        shutil.rmtree(beside, ignore_errors=True)
    observer(Progress("vectors", 1, 1))
    return made


def _encoder_key(folder: Path, base: str) -> str:
    """Another encoder, or the same one trained again, has vectors of its own."""
    if not folder.is_dir():
        return content_key("id", base, os.environ.get("HF_HUB_CACHE", ""))
    files = sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".json", ".bin"})
    return content_key("folder", [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files])
