from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval.tokens import STOP_WORDS, terms, without_values


def test_identifiers_are_split_and_words_stemmed() -> None:
    assert terms("listUserIDs of the running_servers") == ["list", "user", "id", "run", "server"]


def test_numbers_letters_and_stop_words_are_dropped_and_names_with_digits_kept() -> None:
    assert terms("Please set x to 42 in ec2") == ["set", "ec2"]


def test_other_scripts_are_words_too() -> None:
    assert terms("Удалить файл") != []


@given(st.text())
def test_any_text_gives_terms_that_are_words(text: str) -> None:
    found = terms(text)
    assert all(term and term == term.lower() and " " not in term for term in found if term.isascii())
    assert not STOP_WORDS.issuperset(found) or not found or all(len(term) > 1 for term in found)


@given(st.text(), st.text())
def test_terms_of_two_texts_are_the_terms_of_both(left: str, right: str) -> None:
    assert terms(f"{left} {right}") == terms(left) + terms(right)


@pytest.mark.parametrize(
    ("request_", "bare"),
    [
        ("Don't move \"a b.pdf\" or 'c' to bob@example.org", "Don't move or to"),
        ("Book 2 rooms at https://example.org on 2024-05-01", "Book rooms at on"),
        ("12 34", "12 34"),
        ("show 'it'", "show 'it'"),
    ],
)
def test_values_are_left_out_where_enough_remains(request_: str, bare: str) -> None:
    assert without_values(request_) == bare
