"""The bi-encoder: a bag of stems, each with a learned vector and learned weights. Runs on numpy alone.

A query or document is the normalised sum of its terms' vectors, each times a weight. Vectors start as fixed random
signs drawn from a hash of the term, weights as the corpus's idf, so an untrained encoder is a random projection of
tf-idf (Achlioptas, 2003), and training moves it from there: words that mean the same come together, words that say
nothing fade. A term that training never saw keeps its hashed vector, so it still matches itself: that is how the
encoder serves tools it has never seen.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from toolwise.errors import MissingExtraError, ModelError, boundary
from toolwise.retrieval.documents import FIELDS, RENDERING, Document
from toolwise.retrieval.ranking import Floats
from toolwise.retrieval.tokens import terms

_CHUNK = 2048
"""Documents encoded at once: some 100,000 term vectors, 100 MB."""
_FORMAT = "1"
Ints = npt.NDArray[np.int64]


def hashed_vector(term: str, dimensions: int) -> Floats:
    """A term's fixed vector of length 1: signs from SHAKE-128, so it is the same everywhere and for ever."""
    bits = np.unpackbits(np.frombuffer(hashlib.shake_128(term.encode()).digest((dimensions + 7) // 8), dtype=np.uint8))
    signs: Floats = bits[:dimensions].astype(np.float32) * 2 - 1
    return signs / np.float32(math.sqrt(dimensions))


Features = list[tuple[str, int, float]]
"""A document's (term, field, 1 + ln count) for each distinct term of each field."""


def document_features(document: Document) -> Features:
    """What the encoder reads of a document."""
    return [
        (term, field, 1.0 + math.log(count))
        for field, text in enumerate(document.fields)
        if text
        for term, count in Counter(terms(text)).items()
    ]


def inverse_document_frequencies(documents: Iterable[Features]) -> dict[str, float]:
    """ln(1 + N / df) for every term."""
    frequency: Counter[str] = Counter()
    size = 0
    for features in documents:
        size += 1
        frequency.update({term for term, _, _ in features})
    return {term: math.log(1.0 + size / count) for term, count in sorted(frequency.items())}


@dataclass(frozen=True, slots=True)
class _Bags:
    """Terms of several texts, flat."""

    terms: list[str]
    values: list[float]
    starts: list[int]
    """Where each text's terms begin."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A trained bi-encoder."""

    vocabulary: Mapping[str, int]
    """Term -> row."""
    vectors: Floats
    """(terms, dimensions)"""
    query_weights: Floats
    """(terms,)"""
    document_weights: Floats
    """(terms,)"""
    field_gains: Floats
    """(fields,)"""
    unknown_query: float = 1.0
    """A term outside the vocabulary weighs this times its idf in the index, in a query."""
    unknown_document: float = 1.0
    """The same, in a document."""
    fusion_weight: float = 0.5
    """The dense share in a fusion with BM25, chosen on the dev pairs."""

    @property
    def dimensions(self) -> int:
        return int(self.vectors.shape[1])

    def encode_queries(self, queries: Sequence[str], lexicon: Mapping[str, float]) -> Floats:
        """Unit vectors, (queries, dimensions). `lexicon` is the index's idf for terms outside the vocabulary;
        a term that is in neither is in no document and counts for nothing. A query without terms is a zero vector.
        """
        bags = _Bags([], [], [])
        for query in queries:
            bags.starts.append(len(bags.terms))
            for term in dict.fromkeys(terms(query)):
                row = self.vocabulary.get(term)
                weight = self.unknown_query * lexicon.get(term, 0.0) if row is None else float(self.query_weights[row])
                if weight:
                    bags.terms.append(term)
                    bags.values.append(weight)
        return self._encode(bags)

    def encode_documents(self, documents: Sequence[Features], lexicon: Mapping[str, float]) -> Floats:
        """Unit vectors, (documents, dimensions)."""
        chunks = [
            self._encode(self._document_bags(documents[start : start + _CHUNK], lexicon))
            for start in range(0, len(documents), _CHUNK)
        ]
        return np.concatenate(chunks) if chunks else np.zeros((0, self.dimensions), dtype=np.float32)

    def _document_bags(self, documents: Sequence[Features], lexicon: Mapping[str, float]) -> _Bags:
        bags = _Bags([], [], [])
        gains = self.field_gains.tolist()
        for features in documents:
            bags.starts.append(len(bags.terms))
            for term, field, count in features:
                row = self.vocabulary.get(term)
                weight = (
                    self.unknown_document * lexicon.get(term, 0.0) if row is None else float(self.document_weights[row])
                )
                bags.terms.append(term)
                bags.values.append(weight * gains[field] * count)
        return bags

    def _encode(self, bags: _Bags) -> Floats:
        encoded = np.zeros((len(bags.starts), self.dimensions), dtype=np.float32)
        if not bags.terms:
            return encoded
        distinct = {term: i for i, term in enumerate(dict.fromkeys(bags.terms))}
        table = np.empty((len(distinct), self.dimensions), dtype=np.float32)
        for term, i in distinct.items():
            row = self.vocabulary.get(term)
            table[i] = hashed_vector(term, self.dimensions) if row is None else self.vectors[row]
        rows = table[[distinct[term] for term in bags.terms]]
        rows *= np.array(bags.values, dtype=np.float32)[:, None]
        starts = np.array([*bags.starts, len(bags.terms)])
        filled = np.flatnonzero(starts[1:] > starts[:-1])  # reduceat cannot sum an empty range
        encoded[filled] = np.add.reduceat(rows, starts[filled], axis=0)
        lengths = np.linalg.norm(encoded, axis=1, keepdims=True)
        encoded /= np.where(lengths > 0, lengths, np.float32(1))
        return encoded

    def with_fusion(self, weight: float) -> Encoder:
        """The same encoder with another fusion weight."""
        return replace(self, fusion_weight=weight)

    def save(self, folder: Path) -> None:
        """Write `encoder.safetensors`, `vocabulary.json` and `config.json`. Raises MissingExtraError."""
        try:
            from safetensors.numpy import save_file
        except ImportError as error:
            raise MissingExtraError("saving an encoder", "train") from error
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CONFIG).unlink(missing_ok=True)
        arrays = {
            "vectors": self.vectors,
            "query_weights": self.query_weights,
            "document_weights": self.document_weights,
            "field_gains": self.field_gains,
        }
        save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()}, folder / _WEIGHTS)
        (folder / _VOCABULARY).write_bytes(orjson.dumps(list(self.vocabulary)))
        settings = {
            "format": _FORMAT,
            "kind": "static",
            "rendering": RENDERING,
            "dimensions": self.dimensions,
            "fields": [field.value for field in FIELDS],
            "unknown_query": self.unknown_query,
            "unknown_document": self.unknown_document,
            "fusion_weight": self.fusion_weight,
        }
        # Removed first and written last: a folder with a config is complete.
        (folder / _CONFIG).write_bytes(orjson.dumps(settings, option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """Read a saved encoder. Raises ModelError if it cannot be read or reads documents in another way."""
        with boundary(
            ModelError, f"cannot read the encoder in {folder}; train it again with: toolwise train retriever"
        ):
            settings = orjson.loads((folder / _CONFIG).read_bytes())
            if settings["format"] != _FORMAT or settings["rendering"] != RENDERING:
                raise ModelError(
                    f"the encoder in {folder} is for document rendering {settings['rendering']!r}, this version uses "
                    f"{RENDERING!r}; train it again with: toolwise train retriever"
                )
            arrays = read_safetensors(folder / _WEIGHTS)
            names: list[str] = orjson.loads((folder / _VOCABULARY).read_bytes())
            return cls(
                vocabulary={term: row for row, term in enumerate(names)},
                vectors=arrays["vectors"],
                query_weights=np.array(arrays["query_weights"]),
                document_weights=np.array(arrays["document_weights"]),
                field_gains=np.array(arrays["field_gains"]),
                unknown_query=settings["unknown_query"],
                unknown_document=settings["unknown_document"],
                fusion_weight=settings["fusion_weight"],
            )


_WEIGHTS, _VOCABULARY, _CONFIG = "encoder.safetensors", "vocabulary.json", "config.json"


def read_safetensors(path: Path) -> dict[str, Floats]:
    """The float32 arrays of a safetensors file, memory-mapped.

    The format is a length, a JSON header and the bytes (huggingface.co/docs/safetensors), so searching needs no
    further library. Raises ValueError for another element type.
    """
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    size = int.from_bytes(raw[:8].tobytes(), "little")
    header = orjson.loads(raw[8 : 8 + size].tobytes())
    arrays: dict[str, Floats] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise ValueError(f"{path.name}: array {name!r} is {entry['dtype']}, not F32")
        start, end = entry["data_offsets"]
        arrays[name] = raw[8 + size + start : 8 + size + end].view(np.float32).reshape(entry["shape"])
    return arrays
