"""Made-up requests and conversations: endless, seeded, and in words that no real document has.

They teach what every tool task needs before any real name is learnt: choosing a tool by its description, its noun
or its name, copying values, and telling apart what belongs to which of several requests. A request for a made-up word
can only be served by copying.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolwise.training.made_up import (
    HEADS,
    MadeUpParameter,
    MadeUpTool,
    join_words,
    made_up_tools,
    made_up_value,
    made_up_word,
)
from toolwise.types import ChatMessage, Json, SFTExample, Split

_SAME = {
    "get": ("fetch", "look up", "retrieve", "get"),
    "list": ("show me", "list", "give me a list of"),
    "create": ("make", "set up", "create"),
    "delete": ("remove", "get rid of", "delete"),
    "remove": ("take away", "delete", "remove"),
    "update": ("change", "modify", "edit", "update"),
    "start": ("begin", "kick off", "start"),
    "stop": ("halt", "stop"),
    "search": ("look through", "search"),
    "describe": ("look up", "describe", "show me"),
}


@dataclass(frozen=True, slots=True)
class SyntheticLevel:
    """How hard the made-up tasks are."""

    tools: tuple[int, int] = (4, 4)
    """Fewest and most candidates."""
    parameters: tuple[int, int] = (0, 3)
    """Fewest and most parameters of a tool."""
    rich: bool = True
    """Also dates, paths, addresses, arrays and nested objects, not only words and small numbers."""
    turns: float = 0.0
    """Share of tasks with an observation and what follows it."""
    several: float = 0.0
    """Share of tasks with two or three requests, half of which take a value from the response before."""
    negatives: float = 0.0
    """Share of tasks in which asking, declining or answering is right."""
    by_name: float = 0.4
    """Share of requests that use the name's words; the others use the description's, or its noun alone."""


_OPENINGS = """{do}|Please {do}|Can you {do}|I need to {do}|I want to {do}|Could you {do}|I would like to {do}
|Help me {do}|{do}, please|Go ahead and {do}|We have to {do}|It is time to {do}""".replace("\n", "").split("|")
_LATER = """Then {do}|Also, {do}|After that, {do}|And please {do}|Next, {do}|I also need you to {do}
|In addition, {do}|Once that is done, {do}""".replace("\n", "").split("|")
_BARE = ("{v}", "{v}", "called {v}", "named {v}")
"""How the value of a tool's only parameter may be said."""
_BORROWED = """using the {f} you get back as the {n}|with the {f} from that response as the {n}
|with {n} set to the resulting {f}|using that {f} for the {n}|with the {n} from the {f} you get""".replace(
    "\n", ""
).split("|")
_INLINE = """with {n} {v}|using {n} {v}|with {v} as the {n}|where the {n} is {v}|for {n} {v}|setting {n} to {v}
|with the {n} set to {v}|{n}: {v}|({n} = {v})""".replace("\n", "").split("|")
_AFTER = """The {n} is {v}.|Use {v} as the {n}.|Set the {n} to {v}.|{n}: {v}.|Use {n} {v}.|The {n} should be {v}.
|For the {n}, use {v}.|I want {v} for the {n}.|{v} is the {n}.""".replace("\n", "").split("|")
_QUESTIONS = """Tell me the {n}.|What is the {n}?|I need the {n}.|Then give me the {n}.|I'd like to know the {n}.
|Let me know the {n}.|And what is the {n}?|Report the {n} when you are done.""".replace("\n", "").split("|")


def _written(value: Json, rng: random.Random) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        parts = [_written(part, rng) for part in value]
        if len(parts) == 1:
            return parts[0]
        return rng.choice((", ".join(parts), f"{', '.join(parts[:-1])} and {parts[-1]}"))
    quote = rng.choice(("", "", "", '"')) if isinstance(value, str) else ""
    return f"{quote}{value}{quote}"


def _request(tool: MadeUpTool, level: SyntheticLevel, rng: random.Random) -> str:
    verb = rng.choice(_SAME.get(tool.verb, (tool.verb,))) if rng.random() < 0.5 else tool.verb
    if rng.random() < level.by_name:
        return f"{verb} {tool.named}"
    return f"{verb} {tool.rest}" if rng.random() < 0.6 else f"{verb} the {tool.noun}"


def _instruction(
    request: str, stated: list[tuple[str, str]], rng: random.Random, openings: Sequence[str], *, only: bool
) -> str:
    """`only`: is the stated value all that the tool takes? Then it may stand without its parameter's words."""
    rng.shuffle(stated)
    inline = stated[: rng.randint(0, min(2, len(stated)))]
    after = stated[len(inline) :]
    sentence = rng.choice(openings).format(do=request)
    if only and inline and not sentence.endswith("please") and rng.random() < 0.5:
        sentence += " " + rng.choice(_BARE).format(v=inline[0][1])
    elif inline:
        sentence += " " + " and ".join(rng.choice(_INLINE).format(n=n, v=v) for n, v in inline)
    sentence = sentence[0].upper() + sentence[1:]
    question = sentence.startswith(("Can", "Could"))
    parts = [sentence + ("?" if question and rng.random() < 0.7 else ".")]
    for words, value in after:
        written = rng.choice(_AFTER).format(n=words, v=value)
        parts.append(written if value in written[: len(value)] else written[0].upper() + written[1:])
    if len(parts) > 1 and rng.random() < 0.15:
        parts = [*parts[1:], parts[0]]
    return " ".join(parts)


def _place(arguments: dict[str, Json], path: tuple[str, ...], value: Json) -> None:
    for name in path[:-1]:
        arguments = arguments.setdefault(name, {})
    arguments[path[-1]] = value


def _call(name: str, arguments: dict[str, Json], index: int) -> dict[str, Any]:
    return {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}


@dataclass(slots=True)
class _Draft:
    instruction: str
    arguments: dict[str, Json]
    missing: str = ""


def _draft(
    tool: MadeUpTool,
    level: SyntheticLevel,
    rng: random.Random,
    *,
    drop: bool = False,
    openings: Sequence[str] = _OPENINGS,
    borrowed: MadeUpParameter | None = None,
) -> _Draft:
    """An instruction for one tool, and the call it asks for.

    `drop` leaves one required value unsaid; `borrowed` is a parameter whose value an earlier response gives.
    """
    arguments: dict[str, Json] = {}
    stated: list[tuple[str, str]] = []
    required = [parameter for parameter in tool.parameters if parameter.required]
    dropped = rng.choice(required) if drop and required else None
    for parameter in tool.parameters:
        if not parameter.required and rng.random() < 0.5:
            continue
        if parameter is dropped or parameter is borrowed:
            continue
        value = made_up_value(parameter.schema, rng, rich=level.rich)
        _place(arguments, parameter.path, value)
        stated.append((parameter.words, _written(value, rng)))
    only = len(tool.parameters) == len(stated) == 1 and tool.parameters[0].schema["type"] in {"string", "integer"}
    text = _instruction(_request(tool, level, rng), stated, rng, openings, only=only)
    return _Draft(text, arguments, dropped.words if dropped else "")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a response, with its words."""

    words: str
    value: Json


def _fields(rng: random.Random) -> tuple[dict[str, Json], list[_Field]]:
    body: dict[str, Json] = {}
    fields: list[_Field] = []
    for _ in range(rng.randint(2, 6)):
        words = [made_up_word(rng), *([rng.choice(HEADS)] if rng.random() < 0.5 else [])]
        value = made_up_value(rng.choice(({"type": "string"}, {"type": "string"}, {"type": "integer"})), rng, rich=True)
        body[join_words(words, "camel")] = value
        fields.append(_Field(" ".join(words), value))
    return body, fields


def _body(rng: random.Random) -> tuple[dict[str, Json], list[_Field]]:
    """A response, and fields of it: on its first level, inside an object, or of the first item of a list."""
    body, fields = _fields(rng)
    draw = rng.random()
    if draw > 0.45:
        return body, fields
    noun = made_up_word(rng)
    if draw > 0.3:
        return {noun: body}, fields
    items = [body, *(_fields(rng)[0] for _ in range(rng.randint(0, 1)))]
    return {f"{noun}s": items}, [_Field(f"{field.words} of the first {noun}", field.value) for field in fields]


def _calling(*calls: dict[str, Any]) -> ChatMessage:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def _observed(call: dict[str, Any], body: dict[str, Json]) -> ChatMessage:
    return {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(body, separators=(",", ":"))}


def _asked(instruction: str, fields: Sequence[_Field], rng: random.Random) -> tuple[str, str]:
    """The instruction, which may ask for one or two fields of the last response, and the last answer."""
    if rng.random() >= 0.7:
        return instruction, "Done."
    asked = rng.sample(list(fields), 2 if rng.random() < 0.35 else 1)
    names = " and the ".join(field.words for field in asked)
    return (
        f"{instruction} {rng.choice(_QUESTIONS).format(n=names)}",
        " ".join(f"The {field.words} is {field.value}." for field in asked),
    )


def _follow_up(draft: _Draft, tool: MadeUpTool, rng: random.Random) -> list[ChatMessage]:
    """The call, its observation, and the answer that states a field of it."""
    body, fields = _body(rng)
    instruction, answer = _asked(draft.instruction, fields, rng)
    call = _call(tool.name, draft.arguments, 0)
    return [
        {"role": "user", "content": instruction},
        _calling(call),
        _observed(call, body),
        {"role": "assistant", "content": answer},
    ]


def _side_by_side(tools: Sequence[MadeUpTool], level: SyntheticLevel, rng: random.Random) -> list[ChatMessage]:
    """Two or three requests that do not need each other: their calls in one turn, in the order of the requests."""
    chosen = (
        rng.choices(tools, k=2) if rng.random() < 0.15 else rng.sample(tools, min(len(tools), rng.choice((2, 2, 3))))
    )
    drafts = [_draft(tool, level, rng, openings=_LATER if i else _OPENINGS) for i, tool in enumerate(chosen)]
    calls = [_call(tool.name, draft.arguments, i) for i, (tool, draft) in enumerate(zip(chosen, drafts, strict=True))]
    bodies = [_body(rng) for _ in calls]
    instruction, answer = _asked(" ".join(draft.instruction for draft in drafts), bodies[-1][1], rng)
    return [
        {"role": "user", "content": instruction},
        _calling(*calls),
        *(_observed(call, body) for call, (body, _) in zip(calls, bodies, strict=True)),
        {"role": "assistant", "content": answer},
    ]


def _one_after_another(
    first: MadeUpTool, second: MadeUpTool, level: SyntheticLevel, rng: random.Random
) -> list[ChatMessage] | None:
    """Two requests, the second of which takes a value from the first one's response; none if it takes no text."""
    texts = [parameter for parameter in second.parameters if parameter.schema == {"type": "string"}]
    if not texts:
        return None
    borrowed = rng.choice(texts)
    start = _draft(first, level, rng)
    body, fields = _fields(rng)
    source = rng.choice(fields)
    body[join_words(source.words.split(), "camel")] = value = str(source.value)
    rest = _draft(second, level, rng, openings=_LATER, borrowed=borrowed)
    reference = rng.choice(_BORROWED).format(f=source.words, n=borrowed.words)
    sentence, mark, after = rest.instruction.partition(". ") if ". " in rest.instruction else (rest.instruction, "", "")
    written = f"{sentence.rstrip('.')} {reference}{mark or '.'}{after}"
    _place(rest.arguments, borrowed.path, value)
    last, found = _body(rng)
    instruction, answer = _asked(f"{start.instruction} {written}", found, rng)
    calls = _call(first.name, start.arguments, 0), _call(second.name, rest.arguments, 1)
    return [
        {"role": "user", "content": instruction},
        _calling(calls[0]),
        _observed(calls[0], body),
        _calling(calls[1]),
        _observed(calls[1], last),
        {"role": "assistant", "content": answer},
    ]


def _several(tools: Sequence[MadeUpTool], level: SyntheticLevel, rng: random.Random) -> list[ChatMessage]:
    first, second = rng.sample(tools, 2)
    chain = _one_after_another(first, second, level, rng) if rng.random() < 0.5 else None
    return chain or _side_by_side(tools, level, rng)


def synthetic_example(level: SyntheticLevel, seed: str) -> SFTExample:
    """One made-up task; the same for the same level and seed."""
    rng = random.Random(f"synthetic:{seed}")
    tools = made_up_tools(rng.randint(*level.tools), level.parameters, rng, rich=level.rich)
    tool = rng.choice(tools)
    shown = [t.function() for t in tools]
    negative = rng.random() < level.negatives
    draft = _draft(tool, level, rng, drop=negative)
    messages: list[ChatMessage]
    if draft.missing:
        answer = f"Which {draft.missing} should I use?"
        messages = [{"role": "user", "content": draft.instruction}, {"role": "assistant", "content": answer}]
    elif negative and len(tools) > 1:
        shown = [t.function() for t in tools if t.rest != tool.rest and t.noun != tool.noun and t.named != tool.named]
        answer = "I cannot do this: none of the available tools fits."
        messages = [{"role": "user", "content": draft.instruction}, {"role": "assistant", "content": answer}]
    elif len(tools) > 1 and rng.random() < level.several:
        messages = _several(tools, level, rng)
    elif rng.random() < level.turns:
        messages = _follow_up(draft, tool, rng)
    else:
        messages = [{"role": "user", "content": draft.instruction}, _calling(_call(tool.name, draft.arguments, 0))]
    key = f"synthetic-{seed}"
    return SFTExample(key=key, task_key=key, split=Split.TRAIN, messages=tuple(messages), tools=tuple(shown))
