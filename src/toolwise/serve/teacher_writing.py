"""The embedded teacher writes, words and reads instructions: plain sentences, one for each call."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolwise.answers import scalar_text
from toolwise.errors import CatalogError
from toolwise.evaluation.baselines import nearest_tools
from toolwise.evaluation.copying import Copier
from toolwise.schemas import schema_type
from toolwise.synthesis.wording.phrases import task_phrase
from toolwise.text import first_sentence, identifier_words, phrase
from toolwise.types import Json, Tool
from toolwise.values import NoValueError, ValueGenerator

_OPENINGS = ("Please", "I need you to", "Could you", "I would like you to", "Can you", "Be so kind and")
_SCENES = (
    "I'm preparing a report for my team, and the meeting is this afternoon.",
    "We moved to a new office last week, and some of our records are out of date.",
    "A colleague fell ill, so I'm taking over her work for the rest of the month.",
    "I'm helping a customer who has been waiting since yesterday.",
    "An audit is coming up, and I want to have everything in order before it starts.",
)
_CLOSINGS = ("", "", " Thank you.", " I need it for tomorrow.", " Take the time that you need.")
_STEPS = ("Then", "After that,", "Next,")
_LAST = "Finally, tell me"
_CLAUSES = re.compile(rf"(?<=[.!?])\s+(?=(?:{'|'.join(_STEPS)}|{_LAST})\s)")
_NEEDS_QUOTES = re.compile(r"[\s,;:()?!=]|^[^\w/]|[^\w/]$")
_FLAW = 0.03
"""How often an instruction has each of three flaws, so that a rehearsal shows what filters are for."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One call in words."""

    wish: str
    """What is wanted, as an imperative."""
    arguments: Mapping[str, Json] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    """Parameter -> number of the earlier step, from 1, whose result gives the value."""


def wish_of(tool: Tool) -> str:
    """What a person would ask of a tool: `create a loan`."""
    request = task_phrase(tool)
    if request is not None:
        return request.text()
    sentence = first_sentence(tool.description).rstrip(".") or phrase(tool.name)
    return sentence[:1].lower() + sentence[1:]


def tool_of(does: str) -> Tool:
    """A nameless tool of which only the description is known."""
    return Tool(id="tool", name="tool", description=does)


def say(clauses: Sequence[Clause], report: Sequence[str], rng: random.Random, scene: str = "") -> str:
    """All calls as one instruction, a sentence each."""
    sentences = [scene] if scene else []
    for number, clause in enumerate(clauses):
        opening = rng.choice(_OPENINGS) if number == 0 else rng.choice(_STEPS)
        ending = "?" if opening in ("Could you", "Can you") else "."
        sentences.append(f"{opening} {clause.wish}{details(clause)}{ending}")
    if report:
        sentences.append(f"{_LAST} the {' and the '.join(report)}.")
    return " ".join(sentences)


def details(clause: Clause) -> str:
    """The values of a clause: ` with the title "Late Snow" and amount 5, taking the …`."""
    given = [f"{label} {value}" for label, value in stated(clause.arguments)]
    text = f" with the {joined(given)}" if given else ""
    for name, step in clause.sources.items():
        text += f", taking the {phrase(name)} from the result of step {step}"
    return text


def stated(arguments: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Every value as (label, text), those inside objects under their own names."""
    found: list[tuple[str, str]] = []
    for name, value in arguments.items():
        if isinstance(value, dict):
            found.extend(stated(value))
        elif isinstance(value, list):
            found.append((phrase(name) or name, joined([_text(item) for item in value])))
        else:
            found.append((phrase(name) or name, _text(value)))
    return found


def joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _text(value: Json) -> str:
    text = scalar_text(value)
    return f'"{text}"' if isinstance(value, str) and _NEEDS_QUOTES.search(text) else text


def draw_instruction(tools: Sequence[Tool], *, scenario: bool, values: ValueGenerator, rng: random.Random) -> Json:
    """One instruction for some of the tools with the calls that it needs, now and then flawed."""
    most = min(3, len(tools)) if scenario else min(2, len(tools)) if _services(tools) > 1 else 1
    count = rng.randint(min(2, most), most) if scenario or _services(tools) > 1 else 1
    clauses: list[Clause] = []
    calls: list[dict[str, Json]] = []
    for tool in rng.sample(list(tools), count):
        try:
            arguments = values.arguments(tool, rng, tool.required)
        except (NoValueError, CatalogError):
            arguments = {}
        clauses.append(Clause(wish_of(tool), arguments))
        calls.append({"tool": tool.id, "arguments": arguments, "from_results": []})
    text = say(clauses, (), rng, rng.choice(_SCENES) if scenario else "")
    text += rng.choice(_CLOSINGS) if scenario else ""
    return _flawed({"instruction": text, "calls": calls}, rng)


def _services(tools: Sequence[Tool]) -> int:
    return len({tool.id.partition(".")[0] for tool in tools})


def _flawed(entry: dict[str, Any], rng: random.Random) -> Json:
    point = rng.random()
    first = entry["calls"][0]
    if point < _FLAW:
        entry["instruction"] += f" Use {first['tool'].rpartition('.')[2]} for that."
    elif point < 2 * _FLAW:
        first["tool"] = "web.search_everything"
    elif point < 3 * _FLAW and first["arguments"]:
        first["arguments"] = {**first["arguments"], next(iter(first["arguments"])): "as discussed"}
    return entry


def read_instruction(text: str, tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The calls that an instruction asks for: for each sentence that begins a step the nearest tool, with the values
    copied and what it says of earlier results."""
    calls: list[dict[str, Any]] = []
    for clause in clauses_of(text):
        if clause.startswith(_LAST):
            continue
        best = next((tool for score, tool in nearest_tools(clause, tools) if score > 0), None)
        if best is None:
            continue
        sources = sources_of(clause, best, len(calls))
        calls.append({"tool": best.id, "arguments": copied(clause, best, sources), "from_results": sources})
    return calls


def clauses_of(text: str) -> list[str]:
    """An instruction's sentences, those that state values with the step that they belong to."""
    return [part for part in _CLAUSES.split(text) if part.strip()]


def copied(text: str, tool: Tool, without: Mapping[str, Any] | None = None) -> dict[str, Json]:
    """Arguments whose values stand in the text after their parameters' words, but for the parameters in `without`.

    Of two statements of one parameter the later counts.
    """
    left = {name: part for name, part in tool.properties.items() if name not in (without or {})}
    nested = {name for name, part in left.items() if isinstance(part, dict) and schema_type(part) == "object"}
    found = _copied(text, tool, {name: left[name] for name in nested}) if nested else {}
    spans = _labelled(text, [name for name in left if name not in nested])
    ends = [start for _, start, _ in spans[1:]] + [len(text)]
    for (name, _, end), until in zip(spans, ends, strict=False):
        rest = text[end:until]
        found |= _copied(f"{phrase(name)} is {rest.lstrip()}", tool, {name: left[name]})
    return found


def _copied(text: str, tool: Tool, properties: Mapping[str, Any]) -> dict[str, Json]:
    required = [name for name in tool.required if name in properties]
    parameters = {"type": "object", "properties": dict(properties), "required": required}
    return Copier(text).arguments(tool.model_copy(update={"parameters": parameters}))


def _labelled(text: str, names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Where parameters' words stand: (parameter, start, end), in the text's order; of overlapping ones the longest."""
    spans: list[tuple[str, int, int]] = []
    for name in sorted(names, key=lambda name: -len(phrase(name))):
        for match in re.finditer(rf"(?<![\w-]){re.escape(phrase(name))}(?![\w-])", text, re.IGNORECASE):
            if not any(start < match.end() and match.start() < end for _, start, end in spans):
                spans.append((name, match.start(), match.end()))
    return sorted(spans, key=lambda span: span[1])


def sources_of(clause: str, tool: Tool, made: int) -> dict[str, int]:
    """Parameters whose value is said to come from an earlier step."""
    said = " ".join(identifier_words(clause))
    found: dict[str, int] = {}
    for name in tool.properties:
        match = re.search(rf"\bthe {re.escape(phrase(name))} from the result of step (\d+)", said)
        if match and int(match[1]) <= made:
            found[name] = int(match[1])
    return found
