"""Retrieval: find the tools for a request among tens of thousands, by words, by meaning, or by both."""

from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.clauses import CLAUSE_WEIGHT, ClauseRetriever, clauses
from toolwise.retrieval.config import RetrieverConfig
from toolwise.retrieval.dense import DenseRetriever
from toolwise.retrieval.documents import (
    RENDERING,
    Document,
    equivalent_tools,
    render_document,
    tool_document,
    tool_documents,
)
from toolwise.retrieval.encoder import Encoder
from toolwise.retrieval.fusion import FusionRetriever, StandardFusionRetriever, cautious_share
from toolwise.retrieval.index import (
    IndexMissingError,
    IndexStaleError,
    IndexSummary,
    build_index,
    open_bm25,
    open_retriever,
    read_summary,
)
from toolwise.retrieval.narrowing import NarrowRetriever
from toolwise.retrieval.plain import PlainBm25Retriever
from toolwise.retrieval.reranking import Reranker, RerankRetriever
from toolwise.retrieval.train import RetrieverSummary, train_retriever

__all__ = [
    "CLAUSE_WEIGHT",
    "RENDERING",
    "Bm25Retriever",
    "ClauseRetriever",
    "DenseRetriever",
    "Document",
    "Encoder",
    "FusionRetriever",
    "IndexMissingError",
    "IndexStaleError",
    "IndexSummary",
    "NarrowRetriever",
    "PlainBm25Retriever",
    "RerankRetriever",
    "Reranker",
    "RetrieverConfig",
    "RetrieverSummary",
    "StandardFusionRetriever",
    "build_index",
    "cautious_share",
    "clauses",
    "equivalent_tools",
    "open_bm25",
    "open_retriever",
    "read_summary",
    "render_document",
    "tool_document",
    "tool_documents",
    "train_retriever",
]
