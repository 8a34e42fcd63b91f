"""Document vectors on disk: memory-mapped, and encoded again only where a document has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import orjson

from toolwise.errors import CatalogError, boundary
from toolwise.files import written_aside
from toolwise.retrieval.ranking import Floats
from toolwise.types import Frozen

VECTORS, _HASHES = "vectors.npy", "hashes.json"
_CHUNK = 1024


class StoreUpdate(Frozen):
    """What an update did."""

    documents: int
    encoded: int
    """New or changed texts; the rest was taken over."""


def text_hash(text: str) -> str:
    """80 bits of a document's text."""
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def update_vectors(
    folder: Path, texts: Sequence[str], encode: Callable[[Sequence[str]], Floats], progress: Callable[[int], None]
) -> tuple[Floats, StoreUpdate]:
    """Vectors of the texts, in order, saved in `folder`; a text that was there before keeps its vector.

    A text that occurs several times is encoded once. Raises CatalogError if the store cannot be read, RunError if it
    cannot be written.
    """
    hashes = [text_hash(text) for text in texts]
    known, old = _read(folder)
    if hashes == known:
        return old, StoreUpdate(documents=len(texts), encoded=0)
    row_of = {name: row for row, name in enumerate(known)}
    new = {name: text for name, text in zip(hashes, texts, strict=True) if name not in row_of}
    names = list(new)
    parts: list[Floats] = []
    for start in range(0, len(names), _CHUNK):
        parts.append(encode([new[name] for name in names[start : start + _CHUNK]]))
        progress(start + len(parts[-1]))
    fresh = {name: i for i, name in enumerate(names)}
    made = np.concatenate(parts) if parts else np.zeros((0, old.shape[1]), dtype=np.float32)
    vectors = np.empty((len(hashes), made.shape[1]), dtype=np.float32)
    for row, name in enumerate(hashes):
        vectors[row] = old[row_of[name]] if name in row_of else made[fresh[name]]
    _write(folder, hashes, vectors)
    return _read(folder)[1], StoreUpdate(documents=len(texts), encoded=len(names))


def _read(folder: Path) -> tuple[list[str], Floats]:
    """(hashes, vectors); nothing where there is no store, or where the two do not belong together."""
    if not (folder / _HASHES).is_file() or not (folder / VECTORS).is_file():
        return [], np.zeros((0, 0), dtype=np.float32)
    with boundary(CatalogError, f"cannot read the vectors in {folder}; delete the folder to build them again"):
        saved = orjson.loads((folder / _HASHES).read_bytes())
        vectors: Floats = np.load(folder / VECTORS, mmap_mode="r")
    if len(saved["hashes"]) != len(vectors):
        return [], np.zeros((0, 0), dtype=np.float32)
    return saved["hashes"], vectors


def _write(folder: Path, hashes: list[str], vectors: Floats) -> None:
    """The hashes go first and come back last: a kill in between leaves a store that is built again."""
    (folder / _HASHES).unlink(missing_ok=True)
    with written_aside(folder / VECTORS) as aside, aside.open("wb") as file:
        np.save(file, vectors)
    with written_aside(folder / _HASHES) as aside:
        aside.write_bytes(orjson.dumps({"hashes": hashes}))
