from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval import Document
from toolwise.retrieval.pretrained.lexicon import SYNONYMS
from toolwise.retrieval.pretrained.specificity import goal, paraphrase, varied_pairs
from toolwise.types import RetrievalPair

WEATHER = Document(
    "weather.getForecast",
    ("Weather", "skycast. SkyCast API", "get forecast", "Retrieves the SkyCast forecast for a city.", "", "", ""),
)


def test_a_paraphrase_says_the_same_in_other_words() -> None:
    said = {paraphrase("Delete the invoices of user x7", random.Random(seed)) for seed in range(30)}
    assert "remove the bills of person x7" in said
    assert all(text.endswith(" x7") for text in said)


@given(st.text(max_size=80), st.integers())
def test_words_without_synonyms_stay(text: str, seed: int) -> None:
    if not any(word.strip("s").lower() in SYNONYMS or word.lower() in SYNONYMS for word in _letters(text)):
        assert paraphrase(text, random.Random(seed)) == text


def _letters(text: str) -> list[str]:
    return "".join(c if c.isascii() and c.isalpha() else " " for c in text).split()


def test_a_goal_names_neither_verb_nor_toolset() -> None:
    for seed in range(20):
        text = goal(WEATHER, random.Random(seed)).lower()
        assert "city" in text
        assert "skycast" not in text
        assert "retrieve" not in text
    bare = Document("weather.ping", ("", "skycast", "ping", "Pings.", "", "", ""))
    assert goal(bare, random.Random(0)) == ""


def test_each_pair_is_followed_by_its_variants(documents: list[Document], pairs: list[RetrievalPair]) -> None:
    varied = varied_pairs(pairs, documents, 0)
    assert varied == varied_pairs(pairs, documents, 0)
    assert {pair.key for pair in pairs} <= {pair.key for pair in varied}
    assert len({pair.key for pair in varied}) == len(varied) > len(pairs)


def test_values_are_never_paraphrased() -> None:
    query = "delete the project projects/file-report/locations/user with key=secret-user"
    for seed in range(20):
        varied = paraphrase(query, random.Random(seed))
        assert "projects/file-report/locations/user" in varied
        assert "key=secret-user" in varied
