"""Requests that need no tool, with an answer that can be checked: said back, reckoned, or general knowledge."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A request and a string that its answer must hold."""

    text: str
    answer: str


_NAMES = (
    "Ada",
    "Noor",
    "Ravi",
    "Mei",
    "Tomas",
    "Ingrid",
    "Kofi",
    "Lena",
    "Omar",
    "Yuki",
    "Paula",
    "Sven",
    "Amara",
    "Bruno",
)
_THINGS = ("apples", "chairs", "tickets", "books", "keys", "boxes", "lamps", "cups", "pens", "tiles", "coins", "maps")
_COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "orange", "grey", "brown")
_ADJECTIVES = (
    "quiet",
    "golden",
    "narrow",
    "gentle",
    "rapid",
    "hollow",
    "bright",
    "distant",
    "silver",
    "early",
    "wooden",
)
_NOUNS = (
    "river",
    "garden",
    "window",
    "mountain",
    "engine",
    "letter",
    "harbour",
    "candle",
    "forest",
    "bridge",
    "kettle",
)
_CITIES = ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Toronto", "Cairo", "Prague", "Hanoi", "Quito", "Dublin")
_KNOWN = (
    ("What is the capital of France?", "Paris"),
    ("What is the capital of Japan?", "Tokyo"),
    ("What is the capital of Italy?", "Rome"),
    ("What is the capital of Kenya?", "Nairobi"),
    ("How many days are in a week?", "7"),
    ("How many minutes are in an hour?", "60"),
    ("How many sides has a triangle?", "3"),
    ("How many legs has a spider?", "8"),
    ("Which planet is closest to the Sun?", "Mercury"),
    ("What gas do plants take in from the air?", "carbon dioxide"),
    ("What does CPU stand for?", "central processing unit"),
    ("What does URL stand for?", "uniform resource locator"),
    ("What does API stand for?", "application programming interface"),
    ("What does DNS stand for?", "domain name system"),
    ("At how many degrees Celsius does water boil at sea level?", "100"),
    ("What colour do you get from blue and yellow paint?", "green"),
    ("Which month comes after March?", "April"),
    ("Which day comes before Sunday?", "Saturday"),
    ("What is the opposite of hot?", "cold"),
    ("What is the plural of mouse, the animal?", "mice"),
)
_GREETINGS = (
    ("Hello!", "Hello"),
    ("Hi there, good morning!", "Hello"),
    ("Good evening!", "Hello"),
    ("Thanks, that was all for today.", "You are welcome"),
    ("Thank you for your help!", "You are welcome"),
    ("Great, that is all I needed. Thanks!", "You are welcome"),
)


def _said_back(rng: random.Random) -> Question:
    words = f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    form = rng.choice(('Repeat these words: "{}".', 'Please say "{}" back to me.', 'Just write "{}" and nothing else.'))
    return Question(form.format(words), words)


def _remembered(rng: random.Random) -> Question:
    name, city = rng.choice(_NAMES), rng.choice(_CITIES)
    if rng.random() < 0.5:
        return Question(f"My name is {name} and I live in {city}. What is my name?", name)
    return Question(f"My name is {name} and I live in {city}. Where do I live?", city)


def _counted(rng: random.Random) -> Question:
    thing, (one, other) = rng.choice(_THINGS), rng.sample(_COLOURS, 2)
    few, many = rng.sample(range(2, 40), 2)
    asked, answer = rng.choice(((one, few), (other, many)))
    return Question(
        f"I have {few} {one} {thing} and {many} {other} ones. How many {asked} {thing} do I have?", str(answer)
    )


def _reckoned(rng: random.Random) -> Question:
    left, right = rng.randint(1, 20), rng.randint(1, 20)
    if rng.random() < 0.6:
        return Question(rng.choice(("What is {} plus {}?", "Add {} and {}.")).format(left, right), str(left + right))
    high, low = max(left, right), min(left, right)
    return Question(f"What is {high} minus {low}?", str(high - low))


def _known(rng: random.Random) -> Question:
    return Question(*rng.choice(_KNOWN))


def _greeting(rng: random.Random) -> Question:
    return Question(*rng.choice(_GREETINGS))


_MAKERS: tuple[tuple[Callable[[random.Random], Question], int], ...] = (
    (_said_back, 4),
    (_remembered, 4),
    (_counted, 4),
    (_reckoned, 3),
    (_known, 2),
    (_greeting, 1),
)


def needs_no_tool(rng: random.Random) -> Question:
    """A request that needs no tool. Most are answered from the request itself, so that a small model can learn it."""
    makers, weights = zip(*_MAKERS, strict=True)
    maker: Callable[[random.Random], Question] = rng.choices(makers, weights=weights)[0]
    return maker(rng)
