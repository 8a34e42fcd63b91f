import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.text import contains_fact, first_sentence, identifier_words, phrase


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("listUserIDs", ("list", "user", "ids")),
        ("HTTPServer", ("http", "server")),
        ("snake_case_name", ("snake", "case", "name")),
        ("projects.zones.insert", ("projects", "zones", "insert")),
        ("X-Request-Id", ("x", "request", "id")),
        ("v2beta1", ("v2beta1",)),
        ("", ()),
    ],
)
def test_identifier_words(identifier: str, words: tuple[str, ...]) -> None:
    assert identifier_words(identifier) == words


@given(st.text(max_size=60))
def test_identifier_words_are_lower_case_and_never_empty(identifier: str) -> None:
    for word in identifier_words(identifier):
        assert word
        assert word == word.lower()


def test_phrase() -> None:
    assert phrase("maxResults") == "max results"


@pytest.mark.parametrize(
    ("answer", "fact", "held"),
    [
        ("The status is ACTIVE.", "active", True),
        ("The status is INACTIVE.", "active", False),
        ("It costs 120 euros", "12", False),
        ("It costs 12 euros", "12", True),
        ("the  two\nlines", "two lines", True),
        ("anything", "", False),
        ("(a+b)", "a+b", True),
    ],
)
def test_contains_fact(answer: str, fact: str, held: bool) -> None:
    assert contains_fact(answer, fact) is held


@given(st.text(max_size=400), st.integers(min_value=10, max_value=200))
def test_first_sentence_is_one_short_line(text: str, limit: int) -> None:
    sentence = first_sentence(text, limit)
    assert len(sentence) <= limit
    assert not re.search(r"[\n\r\t]", sentence)


def test_first_sentence_does_not_stop_at_abbreviations_or_in_numbers() -> None:
    assert first_sentence("Takes a file, e.g. a PDF of 1.5 MB. Then more.") == "Takes a file, e.g. a PDF of 1.5 MB"
