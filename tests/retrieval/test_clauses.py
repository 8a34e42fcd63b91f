from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval import Bm25Retriever, ClauseRetriever, Document, clauses
from toolwise.retrieval.ranking import Floats, PoolRetriever
from toolwise.retrieval.tokens import unquoted


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("List the folders of alpha.", []),
        ("Find a hotel in Rome and then book a table", ["Find a hotel in Rome", "book a table"]),
        (
            "Create an invoice for Ann. Finally, send the playlist.",
            ["Create an invoice for Ann.", "Finally send the playlist."],
        ),
        ('Send "delete it, then stop. Now" to Bob', []),
        ("Show salt and pepper prices", []),
        ('"Find a hotel in Rome, and finally play a song"', ["Find a hotel in Rome", "play a song"]),
        ("Get the weather, translate the report", ["Get the weather", "translate the report"]),
    ],
)
def test_a_request_is_split_where_another_one_begins(query: str, parts: list[str]) -> None:
    assert clauses(query) == parts


@given(st.text(max_size=300))
def test_parts_hold_the_words_of_the_request_in_order(query: str) -> None:
    parts = clauses(query)
    assert len(parts) != 1
    words = iter(unquoted(query).replace(",", " ").replace(";", " ").split())
    for word in " ".join(parts).replace(",", " ").replace(";", " ").split():
        assert any(word == other for other in words)


def test_blanks_and_length_do_not_matter() -> None:
    assert clauses("Find a hotel" + " " * 50_000 + "in Rome,   then\tbook a table") == [
        "Find a hotel in Rome",
        "book a table",
    ]
    assert len(clauses("and then " * 50_000 + "book a table")) <= 6


def test_every_part_finds_its_tool(documents: list[Document]) -> None:
    inner = Bm25Retriever.build(documents)
    query = "Create an invoice, then delete the vehicle, then list the patients"
    wanted = {"alpha.createInvoice", "beta.deleteVehicle", "gamma.listPatient"}
    assert not wanted <= {hit.tool for hit in inner.search([query], 5)[0]}
    assert wanted <= {hit.tool for hit in ClauseRetriever(inner, 2.0).search([query], 5)[0]}


def test_a_request_of_one_part_keeps_its_order(documents: list[Document]) -> None:
    inner = Bm25Retriever.build(documents)
    (found,) = ClauseRetriever(inner, 2.0).search(["delete the folder"], 5)
    assert [hit.tool for hit in found] == [hit.tool for hit in inner.search(["delete the folder"], 5)[0]]


class Written(PoolRetriever):
    """Scores that were written down for each text."""

    name = "written"

    def __init__(self, scores: dict[str, list[float]]) -> None:
        super().__init__([f"t.{i}" for i in range(len(next(iter(scores.values()))))])
        self._scores = scores

    def scores(self, queries: list[str]) -> Floats:  # type: ignore[override]
        return np.array([self._scores[query] for query in queries], dtype=np.float32)


def test_a_part_that_finds_nothing_in_particular_counts_less() -> None:
    story, wish = "My holiday plans changed a lot.", "Cancel the hotel booking."
    whole = [1.0, 0.8, 0.9, 0.1, 0.1, 0.1]

    def ranked(told: list[float]) -> list[str]:
        inner = Written({f"{story} {wish}": whole, story: told, wish: [1.0, 0.2, 0.3, 0.0, 0.0, 0.0]})
        return [hit.tool for hit in ClauseRetriever(inner, 0.4).search([f"{story} {wish}"], 3)[0]]

    assert ranked([0.0, 5.0, 0.0, 0.0, 0.0, 0.0])[1] == "t.1"
    assert ranked([0.8, 0.85, 0.8, 0.7, 0.2, 0.1])[1] == "t.2"
