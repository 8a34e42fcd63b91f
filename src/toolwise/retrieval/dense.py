"""Dense search: cosine of query and document vectors, exact, over the whole pool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from toolwise.errors import CatalogError, boundary
from toolwise.retrieval.documents import Document
from toolwise.retrieval.encoder import Encoder, Features, document_features, inverse_document_frequencies
from toolwise.retrieval.ranking import Floats, PoolRetriever, inner_products


class DenseRetriever(PoolRetriever):
    """Search with the bi-encoder. 100,000 tools of 256 numbers are 100 MB, and one matrix product a query."""

    name = "dense"

    def __init__(self, tools: Sequence[str], encoder: Encoder, vectors: Floats, lexicon: Mapping[str, float]) -> None:
        super().__init__(tools)
        self.encoder = encoder
        self._vectors = vectors
        self._lexicon = lexicon

    @classmethod
    def build(
        cls, documents: Sequence[Document], encoder: Encoder, features: Sequence[Features] | None = None
    ) -> DenseRetriever:
        """Encode all documents; terms that the encoder does not know weigh by their idf among these documents.

        `features` are the documents' own, for a caller that has them already.
        """
        if features is None:
            features = [document_features(document) for document in documents]
        frequencies = inverse_document_frequencies(features)
        lexicon = {term: idf for term, idf in frequencies.items() if term not in encoder.vocabulary}
        vectors = encoder.encode_documents(features, lexicon)
        return cls([document.tool for document in documents], encoder, vectors, lexicon)

    @property
    def unknown_mentions(self) -> float:
        """How many (document, term) pairs of the pool have a term that the encoder never saw."""
        return sum(len(self.tools) / math.expm1(idf) for idf in self._lexicon.values())

    def scores(self, queries: Sequence[str]) -> Floats:
        """Cosines, queries by tools."""
        return inner_products(self.encoder.encode_queries(queries, self._lexicon), self._vectors)

    def save(self, folder: Path) -> None:
        """Write vectors, lexicon, tool ids and the encoder; the folder is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self.encoder.save(folder / "encoder")
        np.save(folder / "vectors.npy", self._vectors)
        (folder / "lexicon.json").write_bytes(orjson.dumps(dict(self._lexicon)))
        (folder / "tools.json").write_bytes(orjson.dumps(list(self.tools)))

    @classmethod
    def load(cls, folder: Path) -> DenseRetriever:
        """Open a saved index, memory-mapped. Raises CatalogError if it cannot be read, ModelError for its encoder."""
        with boundary(CatalogError, f"cannot read the dense index in {folder}; rebuild the index"):
            encoder = Encoder.load(folder / "encoder")
            vectors = np.asarray(np.load(folder / "vectors.npy", mmap_mode="r"))
            lexicon = orjson.loads((folder / "lexicon.json").read_bytes())
            tools = orjson.loads((folder / "tools.json").read_bytes())
        return cls(tools, encoder, vectors, lexicon)
