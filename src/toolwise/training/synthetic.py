"""Made-up tools and requests: endless, seeded, and in words that no real document has.

They teach what every tool task needs before any real name is learnt: choosing a tool by its description, its noun
or its name, and copying values. A request for a made-up word can only be served by copying.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolwise.types import ChatMessage, FunctionTool, Json, Schema, SFTExample, Split

_ONSETS = "b c d f g h k l m n p r s t v w z br cl dr fl gr pl pr sl st tr ch sh th".split()
_VOWELS = "a e i o u a e i o ai ea io oo ou".split()
_CODAS = ["", "", "", "", "n", "r", "l", "s", "t", "m", "x", "ck", "nd", "rt"]

_VERBS = """create get list delete update add remove start stop search send set enable disable copy move import export
attach detach tag publish cancel generate restore validate describe read write count rename share merge
approve reject lock unlock query resolve test assign""".split()
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
_HEADS = ["id", "name", "type", "count", "size", "status", "mode", "key", "label", "level", "limit", "code"]
_LINKS = ["for", "of", "in", "from", "on", "with", "to"]


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
    negatives: float = 0.0
    """Share of tasks in which asking, declining or answering is right."""
    by_name: float = 0.4
    """Share of requests that use the name's words; the others use the description's, or its noun alone."""


@dataclass(slots=True)
class _Parameter:
    path: tuple[str, ...]
    words: str
    schema: Schema
    required: bool


@dataclass(slots=True)
class _Tool:
    verb: str
    noun: str
    rest: str
    name: str
    named: str
    description: str
    parameters: list[_Parameter] = field(default_factory=list)

    def function(self) -> FunctionTool:
        schema: Schema = {"type": "object", "properties": {}}
        for parameter in self.parameters:
            _insert(schema, parameter)
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": schema},
        }


def _insert(schema: Schema, parameter: _Parameter) -> None:
    *outer, last = parameter.path
    for name in outer:
        if parameter.required and name not in schema.setdefault("required", []):
            schema["required"].append(name)
        schema = schema["properties"].setdefault(name, {"type": "object", "properties": {}})
    schema["properties"][last] = parameter.schema
    if parameter.required:
        schema.setdefault("required", []).append(last)


def made_up_word(rng: random.Random) -> str:
    """A pronounceable word of one to three syllables."""
    syllables = rng.choice((1, 2, 2, 2, 3))
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))
    return word if len(word) > 2 else word + rng.choice(_ONSETS) + rng.choice(_VOWELS)


def _hexadecimal(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(count))


def _date(rng: random.Random) -> str:
    return f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _title(words: str) -> str:
    return " ".join(word.capitalize() for word in words.split())


_STRINGS: tuple[Callable[[random.Random], str], ...] = (
    made_up_word,
    made_up_word,
    lambda r: f"{made_up_word(r)}-{made_up_word(r)}",
    lambda r: f"{made_up_word(r)}-{r.randint(1, 9999)}",
    lambda r: f"{made_up_word(r)}_{made_up_word(r)}",
    lambda r: f"{made_up_word(r)} {made_up_word(r)}",
    lambda r: _title(f"{made_up_word(r)} {made_up_word(r)}"),
    lambda r: _title(" ".join(made_up_word(r) for _ in range(r.randint(1, 5)))) + ".",
    lambda r: made_up_word(r).upper(),
    lambda r: f"{made_up_word(r).upper()}_{made_up_word(r).upper()}",
    _date,
    lambda r: f"{_date(r)}T{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}Z",
    lambda r: f"{made_up_word(r)}.{made_up_word(r)}@{made_up_word(r)}.{r.choice(('com', 'org', 'net'))}",
    lambda r: f"https://{made_up_word(r)}.{r.choice(('com', 'org', 'io'))}/{made_up_word(r)}",
    lambda r: "/" + "/".join(made_up_word(r) for _ in range(r.randint(1, 3))),
    lambda r: f"projects/{made_up_word(r)}-{r.randint(1, 999)}/{made_up_word(r)}s/{made_up_word(r)}",
    lambda r: f"{made_up_word(r)[:4]}-{_hexadecimal(r, r.randint(6, 12))}",
    lambda r: "-".join(_hexadecimal(r, n) for n in (8, 4, 4, 4, 12)),
    lambda r: f"arn:aws:{made_up_word(r)[:5]}:us-east-1:{r.randint(10**11, 10**12 - 1)}:{made_up_word(r)}",
    lambda r: str(r.randint(1000, 10**9)),
    lambda r: f"{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}",
    lambda r: ".".join(str(r.randint(1, 254)) for _ in range(4)),
)


def _integer(rng: random.Random) -> int:
    return rng.choice((rng.randint(0, 9), rng.randint(1, 99), rng.randint(1, 999), rng.randint(1, 100000)))


def _string(rng: random.Random, rich: bool) -> str:
    return rng.choice(_STRINGS)(rng) if rich else made_up_word(rng)


def made_up_value(schema: Schema, rng: random.Random, *, rich: bool) -> Json:
    """A value for a made-up scalar or array schema."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema["type"]:
        case "integer":
            return _integer(rng)
        case "number":
            return round(rng.uniform(0, 100), rng.randint(1, 2)) if rng.random() < 0.7 else _integer(rng)
        case "boolean":
            return rng.random() < 0.6
        case "array":
            return [made_up_value(schema["items"], rng, rich=rich) for _ in range(rng.randint(1, 3))]
        case _:
            return _string(rng, rich)


def _made_up_schema(rng: random.Random, rich: bool) -> Schema:
    draw = rng.random()
    if draw < 0.55:
        return {"type": "string"}
    if draw < 0.72:
        return {"type": "integer"}
    if draw < 0.78:
        return {"type": "boolean"}
    if draw < 0.88:
        upper = rng.random() < 0.6
        values = {made_up_word(rng) for _ in range(rng.randint(2, 5))}
        return {"type": "string", "enum": sorted(v.upper() if upper else v for v in values)}
    if rich and draw < 0.95:
        return {"type": "array", "items": {"type": rng.choice(("string", "string", "integer"))}}
    return {"type": "number"}


class _Naming:
    """One toolset's way of writing names."""

    def __init__(self, rng: random.Random) -> None:
        self.style = rng.choice(("snake", "camel", "pascal", "dotted"))
        self.prefix = made_up_word(rng) if rng.random() < 0.3 else ""
        self.parameters = rng.choice(("snake", "camel", "pascal" if self.style == "pascal" else "camel"))

    @staticmethod
    def _join(words: Sequence[str], style: str) -> str:
        if style == "snake":
            return "_".join(words)
        joined = "".join(word.capitalize() for word in words)
        return joined if style == "pascal" else joined[:1].lower() + joined[1:]

    def tool(self, verb: str, nouns: Sequence[str]) -> str:
        if self.style == "dotted":
            owner = self._join([*nouns[:-1], nouns[-1] + "s"], "camel")
            return "_".join(part for part in (self.prefix, owner, verb) if part)
        return self._join([verb, *nouns], self.style)

    def parameter(self, words: Sequence[str]) -> str:
        return self._join(words, self.parameters)


def _third_person(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")


def _made_up_tool(verb: str, nouns: list[str], naming: _Naming, rng: random.Random) -> _Tool:
    # The description's words differ from the name's in half of the tools: neither alone suffices to find a tool.
    own = rng.random() < 0.5
    described = " ".join(made_up_word(rng) for _ in range(rng.randint(1, 2))) if own else " ".join(nouns)
    plural = "s" if verb in ("list", "search", "count") or rng.random() < 0.1 else ""
    rest = f"{rng.choice(('the', 'a', 'the', 'all') if plural else ('the', 'a', 'the'))} {described}{plural}"
    if rng.random() < 0.6:
        rest += f" {rng.choice(_LINKS)} {rng.choice(('the', 'a', 'my'))} {made_up_word(rng)}"
        if rng.random() < 0.4:
            rest += f" {made_up_word(rng)}"
    shown = rest.replace(" my ", " your ")
    start = _third_person(verb) if rng.random() < 0.8 else verb
    name = naming.tool(verb, nouns)
    return _Tool(verb, described, rest, name, f"the {' '.join(nouns)}", f"{start.capitalize()} {shown}")


def _made_up_parameters(count: int, naming: _Naming, rich: bool, rng: random.Random) -> list[_Parameter]:
    parameters: list[_Parameter] = []
    used: set[str] = set()
    holder = naming.parameter([made_up_word(rng)]) if rich and rng.random() < 0.2 and count > 1 else ""
    for _ in range(count):
        words = [made_up_word(rng)]
        if rng.random() < 0.5:
            words.append(rng.choice(_HEADS) if rng.random() < 0.7 else made_up_word(rng))
        name = naming.parameter(words)
        if name in used or name == holder:
            continue
        used.add(name)
        path = (holder, name) if holder and rng.random() < 0.5 else (name,)
        parameters.append(_Parameter(path, " ".join(words), _made_up_schema(rng, rich), rng.random() < 0.5))
    return parameters


def _made_up_tools(level: SyntheticLevel, rng: random.Random) -> list[_Tool]:
    """Candidates that share verbs and nouns, so that no single word tells them apart."""
    naming = _Naming(rng)
    count = rng.randint(*level.tools)
    verbs = rng.sample(_VERBS, min(len(_VERBS), rng.choice((1, 2, 2, 3, count))))
    nouns = [[made_up_word(rng) for _ in range(rng.choice((1, 1, 2)))] for _ in range(rng.choice((2, count, count)))]
    tools: list[_Tool] = []
    names: set[str] = set()
    for _ in range(20 * count):
        if len(tools) == count:
            break
        tool = _made_up_tool(rng.choice(verbs), rng.choice(nouns), naming, rng)
        if tool.name in names or any(t.description == tool.description for t in tools):
            continue
        names.add(tool.name)
        tool.parameters = _made_up_parameters(rng.randint(*level.parameters), naming, level.rich, rng)
        tools.append(tool)
    return tools


_OPENINGS = """{do}|Please {do}|Can you {do}|I need to {do}|I want to {do}|Could you {do}|I would like to {do}
|Help me {do}|{do}, please|Go ahead and {do}|We have to {do}|It is time to {do}""".replace("\n", "").split("|")
_INLINE = """with {n} {v}|using {n} {v}|with {v} as the {n}|where the {n} is {v}|for {n} {v}|setting {n} to {v}
|with the {n} set to {v}|{n}: {v}|({n} = {v})""".replace("\n", "").split("|")
_AFTER = """The {n} is {v}.|Use {v} as the {n}.|Set the {n} to {v}.|{n}: {v}.|Use {n} {v}.|The {n} should be {v}.
|For the {n}, use {v}.|I want {v} for the {n}.|{v} is the {n}.""".replace("\n", "").split("|")
_TRUE = ("yes", "true", "on")
_FALSE = ("no", "false", "off")


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


def _request(tool: _Tool, level: SyntheticLevel, rng: random.Random) -> str:
    verb = rng.choice(_SAME.get(tool.verb, (tool.verb,))) if rng.random() < 0.5 else tool.verb
    if rng.random() < level.by_name:
        return f"{verb} {tool.named}"
    return f"{verb} {tool.rest}" if rng.random() < 0.6 else f"{verb} the {tool.noun}"


def _instruction(request: str, stated: list[tuple[str, str]], rng: random.Random) -> str:
    rng.shuffle(stated)
    inline = stated[: rng.randint(0, min(2, len(stated)))]
    after = stated[len(inline) :]
    sentence = rng.choice(_OPENINGS).format(do=request)
    if inline:
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


def _draft(tool: _Tool, level: SyntheticLevel, rng: random.Random, *, drop: bool) -> _Draft:
    """An instruction for one tool, and the call it asks for; `drop` leaves one required value unsaid."""
    arguments: dict[str, Json] = {}
    stated: list[tuple[str, str]] = []
    required = [parameter for parameter in tool.parameters if parameter.required]
    dropped = rng.choice(required) if drop and required else None
    for parameter in tool.parameters:
        if not parameter.required and rng.random() < 0.5:
            continue
        if parameter is dropped:
            continue
        value = made_up_value(parameter.schema, rng, rich=level.rich)
        _place(arguments, parameter.path, value)
        stated.append((parameter.words, _written(value, rng)))
    text = _instruction(_request(tool, level, rng), stated, rng)
    return _Draft(text, arguments, dropped.words if dropped else "")


def _body(rng: random.Random) -> tuple[dict[str, Json], str, Json]:
    """A response, and one of its fields with the field's words."""
    body: dict[str, Json] = {}
    picks: list[tuple[str, Json]] = []
    for _ in range(rng.randint(2, 6)):
        words = [made_up_word(rng), *([rng.choice(_HEADS)] if rng.random() < 0.5 else [])]
        value = made_up_value(rng.choice(({"type": "string"}, {"type": "string"}, {"type": "integer"})), rng, rich=True)
        body[_Naming._join(words, "camel")] = value
        picks.append((" ".join(words), value))
    words_, value = rng.choice(picks)
    return body, words_, value


def _follow_up(draft: _Draft, tool: _Tool, rng: random.Random) -> list[ChatMessage]:
    """The call, its observation, and the answer that states a field of it."""
    import json

    body, words, value = _body(rng)
    asked = rng.random() < 0.7
    question = rng.choice(("Tell me the {n}.", "What is the {n}?", "I need the {n}.", "Then give me the {n}."))
    instruction = f"{draft.instruction} {question.format(n=words)}" if asked else draft.instruction
    answer = f"The {words} is {value}." if asked else "Done."
    return [
        {"role": "user", "content": instruction},
        {"role": "assistant", "content": "", "tool_calls": [_call(tool.name, draft.arguments, 0)]},
        {"role": "tool", "tool_call_id": "call_0", "content": json.dumps(body, separators=(",", ":"))},
        {"role": "assistant", "content": answer},
    ]


def synthetic_example(level: SyntheticLevel, seed: str) -> SFTExample:
    """One made-up task; the same for the same level and seed."""
    rng = random.Random(f"synthetic:{seed}")
    tools = _made_up_tools(level, rng)
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
    elif rng.random() < level.turns:
        messages = _follow_up(draft, tool, rng)
    else:
        call = _call(tool.name, draft.arguments, 0)
        messages = [
            {"role": "user", "content": draft.instruction},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
    key = f"synthetic-{seed}"
    return SFTExample(key=key, task_key=key, split=Split.TRAIN, messages=tuple(messages), tools=tuple(shown))
