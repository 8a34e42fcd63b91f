"""The corpus: split, leak checks, near-duplicates, examples, export (`toolwise.corpus.parquet` reads parquet)."""

from toolwise.corpus.branches import clean_trajectory
from toolwise.corpus.card import CardFacts, dataset_card, write_card
from toolwise.corpus.deduplication import DeduplicationConfig, Deduplicator, deduplicate
from toolwise.corpus.examples import ExampleConfig, preference_pairs, retrieval_pair, sft_example
from toolwise.corpus.export import export_corpus
from toolwise.corpus.leaks import LeakReport, TaskGuard, check_leaks, tool_signature
from toolwise.corpus.lines import read_rows, read_sft, read_tasks, read_trajectories, write_rows
from toolwise.corpus.split import SplitConfig, Splittable, split_catalog

__all__ = [
    "CardFacts",
    "DeduplicationConfig",
    "Deduplicator",
    "ExampleConfig",
    "LeakReport",
    "SplitConfig",
    "Splittable",
    "TaskGuard",
    "check_leaks",
    "clean_trajectory",
    "dataset_card",
    "deduplicate",
    "export_corpus",
    "preference_pairs",
    "read_rows",
    "read_sft",
    "read_tasks",
    "read_trajectories",
    "retrieval_pair",
    "sft_example",
    "split_catalog",
    "tool_signature",
    "write_card",
    "write_rows",
]
