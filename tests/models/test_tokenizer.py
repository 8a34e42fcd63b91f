from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny import tokenizer


def tokens(text: Any) -> Any:
    return tokenizer().tokenize(text)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_characters="▁⇧", exclude_categories=["Cs"]), max_size=60))
def test_decoding_gives_back_the_text(text: Any) -> None:
    ids = tokenizer()(text, add_special_tokens=False)["input_ids"]
    assert tokenizer().decode(ids) == text


def test_a_word_is_the_same_tokens_wherever_it_stands() -> None:
    word = tokens("bucket")
    for text in ("the bucket name", '"bucket"', "my_bucket", "getBucketName", "buckets", "/bucket/"):
        joined = " ".join(tokens(text))
        assert " ".join(word) in joined, text


def test_digits_and_capital_marks_stand_alone() -> None:
    assert [t for t in tokens("v1234") if t.isdigit()] == ["1", "2", "3", "4"]
    assert tokens("Results") == ["⇧", *tokens("results")]
