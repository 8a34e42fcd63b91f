"""A tiny tokenizer and model over made-up tools, built once."""

from functools import lru_cache
from typing import Any

from toolwise.models.chat import CHAT_TEMPLATE, render
from toolwise.models.folder import ModelSize, new_model
from toolwise.models.tokenizer import train_tokenizer
from toolwise.training.batching import in_schema_order
from toolwise.training.synthetic import SyntheticLevel, synthetic_example

LEVEL = SyntheticLevel(turns=0.4, negatives=0.1)


@lru_cache
def examples() -> Any:
    return [synthetic_example(LEVEL, str(i)) for i in range(150)]


def text_of(example: Any) -> Any:
    return "".join(segment.text for segment in render(in_schema_order(example), example.tools))


@lru_cache
def tokenizer() -> Any:
    made = train_tokenizer(map(text_of, examples()), 700)
    made.chat_template = CHAT_TEMPLATE
    return made


@lru_cache
def model() -> Any:
    return new_model(tokenizer(), ModelSize(32, 2, 2, 64), seed=3).eval()
