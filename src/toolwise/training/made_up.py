"""Made-up words, values and tools: endless, seeded, and in words that no real document has."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from toolwise.types import FunctionTool, Json, Schema

_ONSETS = "b c d f g h k l m n p r s t v w z br cl dr fl gr pl pr sl st tr ch sh th".split()
_VOWELS = "a e i o u a e i o ai ea io oo ou".split()
_CODAS = ["", "", "", "", "n", "r", "l", "s", "t", "m", "x", "ck", "nd", "rt"]

_VERBS = """create get list delete update add remove start stop search send set enable disable copy move import export
attach detach tag publish cancel generate restore validate describe read write count rename share merge
approve reject lock unlock query resolve test assign""".split()
HEADS = ["id", "name", "type", "count", "size", "status", "mode", "key", "label", "level", "limit", "code"]
_LINKS = ["for", "of", "in", "from", "on", "with", "to"]


@dataclass(slots=True)
class MadeUpParameter:
    """A parameter, possibly inside an object, with its words."""

    path: tuple[str, ...]
    words: str
    schema: Schema
    required: bool


@dataclass(slots=True)
class MadeUpTool:
    """A tool with the words that ask for it."""

    verb: str
    noun: str
    rest: str
    name: str
    named: str
    description: str
    parameters: list[MadeUpParameter] = field(default_factory=list)

    def function(self) -> FunctionTool:
        """As it is offered to a model."""
        schema: Schema = {"type": "object", "properties": {}}
        for parameter in self.parameters:
            _insert(schema, parameter)
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": schema},
        }


def _insert(schema: Schema, parameter: MadeUpParameter) -> None:
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


def join_words(words: Sequence[str], style: str) -> str:
    """Words as one name: `snake`, `camel` or `pascal`."""
    if style == "snake":
        return "_".join(words)
    joined = "".join(word.capitalize() for word in words)
    return joined if style == "pascal" else joined[:1].lower() + joined[1:]


class _Naming:
    """One toolset's way of writing names."""

    def __init__(self, rng: random.Random) -> None:
        self.style = rng.choice(("snake", "camel", "pascal", "dotted"))
        self.prefix = made_up_word(rng) if rng.random() < 0.3 else ""
        self.parameters = rng.choice(("snake", "camel", "pascal" if self.style == "pascal" else "camel"))

    def tool(self, verb: str, nouns: Sequence[str]) -> str:
        if self.style == "dotted":
            owner = join_words([*nouns[:-1], nouns[-1] + "s"], "camel")
            return "_".join(part for part in (self.prefix, owner, verb) if part)
        return join_words([verb, *nouns], self.style)

    def parameter(self, words: Sequence[str]) -> str:
        return join_words(words, self.parameters)


def _third_person(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")


def _made_up_tool(verb: str, nouns: list[str], naming: _Naming, rng: random.Random) -> MadeUpTool:
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
    return MadeUpTool(verb, described, rest, name, f"the {' '.join(nouns)}", f"{start.capitalize()} {shown}")


def _made_up_parameters(count: int, naming: _Naming, rich: bool, rng: random.Random) -> list[MadeUpParameter]:
    parameters: list[MadeUpParameter] = []
    used: set[str] = set()
    holder = naming.parameter([made_up_word(rng)]) if rich and rng.random() < 0.2 and count > 1 else ""
    for _ in range(count):
        words = [made_up_word(rng)]
        if rng.random() < 0.5:
            words.append(rng.choice(HEADS) if rng.random() < 0.7 else made_up_word(rng))
        name = naming.parameter(words)
        if name in used or name == holder:
            continue
        used.add(name)
        path = (holder, name) if holder and rng.random() < 0.5 else (name,)
        parameters.append(MadeUpParameter(path, " ".join(words), _made_up_schema(rng, rich), rng.random() < 0.5))
    return parameters


def made_up_tools(count: int, parameters: tuple[int, int], rng: random.Random, *, rich: bool) -> list[MadeUpTool]:
    """Up to `count` candidates that share verbs and nouns, so that no single word tells them apart."""
    naming = _Naming(rng)
    verbs = rng.sample(_VERBS, min(len(_VERBS), rng.choice((1, 2, 2, 3, count))))
    nouns = [[made_up_word(rng) for _ in range(rng.choice((1, 1, 2)))] for _ in range(rng.choice((2, count, count)))]
    tools: list[MadeUpTool] = []
    names: set[str] = set()
    for _ in range(20 * count):
        if len(tools) == count:
            break
        tool = _made_up_tool(rng.choice(verbs), rng.choice(nouns), naming, rng)
        if tool.name in names or any(t.description == tool.description for t in tools):
            continue
        names.add(tool.name)
        tool.parameters = _made_up_parameters(rng.randint(*parameters), naming, rich, rng)
        tools.append(tool)
    return tools
