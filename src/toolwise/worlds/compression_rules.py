"""Which keys of an answer to keep: by rule from the schema, or as a chat model chooses (ToolLLM, appendix A.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from toolwise.ports import ChatModel, ChatRequest, Sampling
from toolwise.schemas import bundle, merged
from toolwise.text import identifier_words
from toolwise.types import Json, Message, Role, Schema, Tool, Toolset
from toolwise.worlds.compression import CompressionRule, RuleSource, pointer, pointer_path
from toolwise.worlds.replies import json_object

_MOST_KEYS = 60
_MAX_DEPTH = 5
_NAMING = frozenset("id ids key name title label code slug arn status state type".split())
_BULKY = frozenset(
    "link links href self url urls uri metadata meta etag kind html raw blob thumbnail thumbnails icon icons avatar "
    "image images permissions permission tracking trace debug headers embed embedded signature checksum hash".split()
)
_DOCUMENT_CHARS = 6000
_EXAMPLE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: tuple[str, ...]
    required: bool


Taken = frozenset[tuple[str, ...]]
"""The words of each parameter that some tool of a toolset has."""


def taken_by(toolset: Toolset) -> Taken:
    """What the toolset's tools take as parameters."""
    return frozenset(identifier_words(name) for tool in toolset.tools for name in tool.properties)


def schema_rule(tool: Tool, taken: Taken) -> CompressionRule | None:
    """The rule that the schema of a tool's answer gives; none where there is no schema with fields.

    Kept, the most important first: what names a thing or says how it is, what another tool of the toolset takes as a
    parameter, what is required, and the rest. Dropped: links, metadata, pictures and the like, unless required or
    taken by another tool.
    """
    if tool.returns is None:
        return None
    ranked: list[tuple[int, int, int, str]] = []
    for order, leaf in enumerate(_leaves(tool.returns, tool)):
        rank = _rank(leaf, taken)
        if rank is not None:
            ranked.append((rank, len(leaf.path), order, pointer(leaf.path)))
    if not ranked:
        return None
    return CompressionRule(tool=tool.id, keep=tuple(text for *_, text in sorted(ranked)[:_MOST_KEYS]))


def _rank(leaf: _Leaf, taken: Taken) -> int | None:
    names = [part for part in leaf.path if part != "*"]
    words = identifier_words(names[-1]) if names else ()
    if not words:
        return 3
    bulky = any(word in _BULKY for name in names for word in identifier_words(name))
    if words in taken:
        return 1
    if bulky and not leaf.required:
        return None
    if words[-1] in _NAMING:
        return 0
    return 2 if leaf.required else 3


def _leaves(schema: Schema, tool: Tool) -> Iterator[_Leaf]:
    """Every field below which the schema names no other, or that is deep enough."""

    def walk(schema: Schema, path: tuple[str, ...], required: bool) -> Iterator[_Leaf]:
        whole = merged(schema, tool.definitions)
        properties, items = whole.get("properties"), whole.get("items")
        deep = sum(part != "*" for part in path) >= _MAX_DEPTH
        if isinstance(properties, dict) and properties and not deep:
            needed = whole.get("required") or ()
            for name, inner in properties.items():
                if isinstance(inner, dict):
                    yield from walk(inner, (*path, name), required=name in needed)
        elif isinstance(items, dict) and path.count("*") < _MAX_DEPTH and not deep:
            yield from walk(items, (*path, "*"), required)
        elif path:
            yield _Leaf(path, required)

    return walk(schema, (), required=False)


_INSTRUCTIONS = (
    "A tool's answers are sometimes too long to be read by a language model. Choose which fields to keep. Keep what "
    "a user could want to know and what a later call could need: identifiers, names, states, amounts, dates, texts. "
    "Drop what only machines use or what repeats: links to itself, tracking data, checksums, layout, permissions, "
    "duplicates in other formats. Answer with one JSON object and nothing else: "
    '{"keep": [<JSON Pointer>, ...]}, the most important field first, `*` in the place of an index.\n\n'
    "Examples:\n"
    'Answer: {"result": {"city": "Bern", "temp_c": 4.1, "temp_f": 39.4, "icon_url": "…", "station": {"wmo": 6631}}}\n'
    '{"keep": ["/result/city", "/result/temp_c"]}\n'
    'Answer: {"items": [{"id": 7, "subject": "Rent", "snippet": "…", "etag": "…", "labels": ["in"]}], "next": null}\n'
    '{"keep": ["/items/*/id", "/items/*/subject", "/items/*/snippet", "/items/*/labels", "/next"]}\n'
    'Answer: [{"symbol": "ABC", "price": "12.10", "price_raw": 12.1, "exchange": {"name": "NYSE", "tz": "America"}}]\n'
    '{"keep": ["/*/symbol", "/*/price", "/*/exchange/name"]}'
)


async def teacher_rule(tool: Tool, example: Json, model: ChatModel, seed: int = 0) -> CompressionRule | None:
    """The rule that a chat model chooses, which sees the documentation and one example answer.

    None where its reply names no field that the example has. Raises ModelError.
    """
    document = {"name": tool.id, "description": tool.description, "parameters": tool.parameters.get("properties", {})}
    if tool.returns is not None:
        document["returns"] = bundle(tool.returns, tool.definitions)
    content = f"Tool: {_text(document, _DOCUMENT_CHARS)}\n\nAnswer: {_text(example, _EXAMPLE_CHARS)}"
    messages = (Message(role=Role.SYSTEM, content=_INSTRUCTIONS), Message(role=Role.USER, content=content))
    reply = await model.complete(ChatRequest(messages=messages, sampling=Sampling(max_tokens=1024, seed=seed)))
    chosen = (json_object(reply.message.content) or {}).get("keep")
    named = [text for text in chosen if isinstance(text, str)] if isinstance(chosen, list) else []
    keep = [text for text in dict.fromkeys(named) if _is_there(example, pointer_path(text))]
    if not keep:
        return None
    return CompressionRule(tool=tool.id, keep=tuple(keep[:_MOST_KEYS]), source=RuleSource.TEACHER)


def _text(value: Json, limit: int) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()[:limit]


def _is_there(body: Json, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    first, *rest = path
    if isinstance(body, list):
        return first == "*" and any(_is_there(item, tuple(rest)) for item in body)
    if isinstance(body, dict):
        inner = body.values() if first == "*" else [body[first]] if first in body else []
        return any(_is_there(value, tuple(rest)) for value in inner)
    return False
