"""The search index of a catalog: a folder that opens in a moment, and says when it is out of date."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from toolwise.errors import CatalogError, ConfigError, boundary
from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.dense import DenseRetriever
from toolwise.retrieval.documents import RENDERING, tool_document
from toolwise.retrieval.encoder import Encoder
from toolwise.retrieval.fusion import FusionRetriever
from toolwise.retrieval.ranking import PoolRetriever
from toolwise.types import Frozen, Toolset, content_key

NAMES = ("bm25", "dense", "fusion")
_FORMAT = "1"
_META = "index.json"
_BM25, _DENSE = "bm25", "dense"
_STAGE = "index"
_REBUILD = "build it again with: toolwise train retriever, or delete the folder"


class IndexMissingError(CatalogError):
    """There is no index in the folder."""


class IndexStaleError(CatalogError):
    """The index is of another catalog, or of another version of Toolwise."""


class IndexSummary(Frozen):
    """What an index holds."""

    tools: int
    fingerprint: str
    """Of the catalog, as its builder gave it; else of the documents."""
    retrievers: tuple[str, ...]
    """The names that `open_retriever` accepts."""
    seconds: float = 0.0
    """What building took."""


def build_index(
    toolsets: Iterable[Toolset],
    folder: Path,
    encoder: Path | Encoder | None = None,
    *,
    fingerprint: str = "",
    observer: Observer = silent,
) -> IndexSummary:
    """Index all tools into `folder`, replacing an index that is there in one step.

    Without an encoder only BM25 is available. `fingerprint` names the catalog's content: give the same to
    `open_retriever` to be told when the catalog has changed. Raises CatalogError if there is nothing to index or
    the folder holds something else, ModelError if the encoder cannot be read.
    """
    began = time.monotonic()
    _check_replaceable(folder)
    loaded = Encoder.load(encoder) if isinstance(encoder, Path) else encoder
    documents = []
    for toolset in toolsets:
        documents += [tool_document(toolset, tool) for tool in toolset.tools]
        observer(Progress(_STAGE, len(documents), 0, "documents"))
    size = len(documents)
    with boundary(CatalogError, f"cannot write the index {folder}; free some space or choose another folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            Bm25Retriever.build(documents).save(beside / _BM25)
            observer(Progress(_STAGE, size, size, "bm25"))
            if loaded is not None:
                DenseRetriever.build(documents, loaded).save(beside / _DENSE)
                observer(Progress(_STAGE, size, size, "dense"))
            summary = IndexSummary(
                tools=size,
                fingerprint=fingerprint or content_key("documents", [document.text for document in documents]),
                retrievers=NAMES if loaded is not None else NAMES[:1],
                seconds=round(time.monotonic() - began, 2),
            )
            meta = {"format": _FORMAT, "rendering": RENDERING, **summary.model_dump(mode="json")}
            (beside / _META).write_bytes(orjson.dumps(meta, option=orjson.OPT_INDENT_2))
            _swap(beside, folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return summary


def _check_replaceable(folder: Path) -> None:
    """Only an index, or nothing, may be replaced."""
    if folder.exists() and not (folder / _META).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CatalogError(f"{folder} exists and is not a search index; choose another folder for the index")


def _swap(beside: Path, folder: Path) -> None:
    """Put the new folder in the old one's place; a kill in between leaves none, and the next build makes it."""
    beside.chmod(0o755)
    if folder.exists():
        old = beside.with_name(f"{beside.name}-old")
        folder.replace(old)
        beside.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        beside.replace(folder)


def read_summary(folder: Path, fingerprint: str | None = None) -> IndexSummary:
    """What the index in a folder holds.

    Raises IndexMissingError, or IndexStaleError if it is of another fingerprint, format or document rendering.
    """
    path = folder / _META
    if not path.is_file():
        raise IndexMissingError(f"no search index in {folder}; build it with: toolwise train retriever")
    with boundary(CatalogError, f"cannot read {path}; {_REBUILD}"):
        meta: dict[str, Any] = orjson.loads(path.read_bytes())
        made_by = (meta.pop("format"), meta.pop("rendering"))
        if made_by != (_FORMAT, RENDERING):
            raise IndexStaleError(f"the index {folder} was made by another version of Toolwise; {_REBUILD}")
        summary = IndexSummary.model_validate(meta)
    if fingerprint is not None and summary.fingerprint != fingerprint:
        raise IndexStaleError(f"the index {folder} is of another state of the catalog; {_REBUILD}")
    return summary


def open_bm25(folder: Path) -> Bm25Retriever:
    """BM25 over the index in `folder`, memory-mapped. Raises CatalogError."""
    return Bm25Retriever.load(folder / _BM25)


def open_retriever(folder: Path, name: str = "fusion", *, fingerprint: str | None = None) -> PoolRetriever:
    """Open `bm25`, `dense` or `fusion` over the index in `folder`, memory-mapped.

    Raises IndexMissingError, IndexStaleError, CatalogError (unreadable), or ConfigError if the index has no
    retriever of that name.
    """
    summary = read_summary(folder, fingerprint)
    if name not in summary.retrievers:
        known = ", ".join(summary.retrievers)
        hint = "" if name not in NAMES else "; train an encoder first with: toolwise train retriever"
        raise ConfigError(f"the index {folder} has no retriever {name!r}, only: {known}{hint}")
    if name == "bm25":
        return open_bm25(folder)
    dense = DenseRetriever.load(folder / _DENSE)
    if name == "dense":
        return dense
    return FusionRetriever(open_bm25(folder), dense, dense.encoder.fusion_weight)
