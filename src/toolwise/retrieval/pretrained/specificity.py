"""Training queries at several levels of specificity, from near the documentation's wording to a bare goal."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from enum import StrEnum

from toolwise.retrieval.documents import Document
from toolwise.retrieval.pretrained.lexicon import SYNONYMS
from toolwise.text import first_sentence, identifier_words
from toolwise.types import RetrievalPair, content_key


class Specificity(StrEnum):
    """How close a query is to the documentation."""

    WORDING = "wording"
    """As the teacher wrote it, from the tool's own words."""
    PARAPHRASE = "paraphrase"
    """Words replaced by synonyms and more general ones."""
    GOAL = "goal"
    """What the user is after, without the tool's verb, the toolset's name or any value."""


_WORD = re.compile(r"(?<![\w/.:\-=])[A-Za-z]+(?![\w/:\-=]|\.\w)")
"""A word that is not part of a path, an identifier or another value."""
_PARAPHRASED = 0.7
"""Share of the words with a synonym that are replaced."""
_GOALS = (
    "I need {goal}",
    "what about {goal}?",
    "help me with {goal}",
    "{goal}",
    "looking for {goal}",
    "is there something for {goal}?",
    "I'm dealing with {goal} and need a hand",
)
_FEWEST_WORDS = 2
_LONGEST_GOAL = 18


def varied_pairs(pairs: Sequence[RetrievalPair], documents: Sequence[Document], seed: int) -> list[RetrievalPair]:
    """The pairs, each followed by its paraphrase and, where it has one relevant tool, by the goal alone."""
    by_tool = {document.tool: document for document in documents}
    varied: list[RetrievalPair] = []
    for pair in pairs:
        rng = random.Random(f"specificity:{seed}:{pair.key}")
        found = [pair.query, paraphrase(pair.query, rng)]
        if len(pair.relevant) == 1 and (document := by_tool.get(pair.relevant[0])):
            found.append(goal(document, rng))
        for query in dict.fromkeys(text for text in found if text):
            key = pair.key if query == pair.query else content_key("varied", pair.key, query)
            varied.append(pair.model_copy(update={"key": key, "query": query}))
    return varied


def paraphrase(query: str, rng: random.Random) -> str:
    """The query with most words that have synonyms replaced, in their number; values in it stay."""

    def replaced(found: re.Match[str]) -> str:
        word = found.group().lower()
        plural = word not in SYNONYMS and word.endswith("s") and word[:-1] in SYNONYMS
        others = SYNONYMS.get(word[:-1] if plural else word)
        if not others or rng.random() > _PARAPHRASED:
            return found.group()
        other = rng.choice(others)
        return f"{other}s" if plural and not other.endswith("s") else other

    return _WORD.sub(replaced, query)


def goal(document: Document, rng: random.Random) -> str:
    """What is left of a description's first sentence without its verb and the toolset's name; empty if too little."""
    about, description = document.fields[1], document.fields[3]
    own = {word for word in identifier_words(about.split(".", 1)[0]) if word not in SYNONYMS}
    words = [word for word in first_sentence(description, 200).split() if _bare(word) not in own]
    if words and _bare(words[0]).endswith("s"):
        words = words[1:]  # "Returns the forecast": the object is what a user is after
    elif words and _bare(words[0]) in SYNONYMS:
        words = words[1:]
    words = words[:_LONGEST_GOAL]
    if len(words) < _FEWEST_WORDS:
        return ""
    return rng.choice(_GOALS).format(goal=paraphrase(" ".join(words), rng))


def _bare(word: str) -> str:
    return word.strip(".,;:()'\"").lower()
