"""Long answers made short: which keys to keep by a rule for each tool, and never more than N tokens of valid JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import orjson
from pydantic import Field, ValidationError

from toolwise.config import Config
from toolwise.errors import DataError
from toolwise.ports import Session, World
from toolwise.types import Frozen, Json, Observation, Task, ToolCall
from toolwise.worlds.shortening import MARK, Rank, mark_key, shortened, telling_first
from toolwise.worlds.tokens import TokenCounter, approximate_tokens

RULES_FILE = "compress.jsonl"
"""Beside a catalog's toolsets."""
LEAST_TOKENS = 32
"""Room for the status and the kind of an error."""
_NAMED = 6
"""Left-out fields that are named in the mark; the rest are counted."""
_ANY = "*"


class RuleSource(StrEnum):
    """Who chose the keys to keep."""

    SCHEMA = "schema"
    """Rules over the schema of what the tool returns."""
    TEACHER = "teacher"
    """A chat model, from the documentation and an example."""


class CompressionRule(Frozen):
    """Which parts of a tool's answer to keep."""

    tool: str
    keep: tuple[str, ...]
    """JSON Pointers (RFC 6901), the most important first; `*` stands for every item of a list or every key."""
    source: RuleSource = RuleSource.SCHEMA


class CompressionConfig(Config):
    """When answers are compressed."""

    limit: int = Field(default=2048, ge=LEAST_TOKENS)
    """The most tokens of an answer's text (ToolLLM, appendix A.1)."""


def compress(
    seen: Observation, rule: CompressionRule | None, limit: int, count: TokenCounter = approximate_tokens
) -> Observation:
    """The observation with a text of at most `limit` tokens; itself where it is short enough already.

    First only the rule's keys are kept. What is still too long loses the ends of lists and texts and its least
    important fields. The text is always valid JSON, and says with `…` where something is missing.
    """

    def render(body: Json) -> str:
        return seen.model_copy(update={"body": body}).content

    def fits(text: str) -> bool:
        return count(text) <= limit

    if _is_short(seen, limit, count):
        return seen
    body: Json = seen.body
    rank: Rank = telling_first
    if rule is not None and rule.keep and seen.ok:
        body, rank = _kept(body, rule), ranks_of(rule.keep)
        kept = seen.model_copy(update={"body": body})
        if _is_short(kept, limit, count):
            return kept
    return seen.model_copy(update={"body": shortened(body, render, fits, rank, limit)})


def _is_short(seen: Observation, limit: int, count: TokenCounter) -> bool:
    try:
        return count(seen.content) <= limit
    except TypeError:  # nested beyond what is JSON for us, or numbers and text that cannot be written
        return False


def pointer(path: Iterable[str]) -> str:
    """A path as a JSON Pointer."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def pointer_path(text: str) -> tuple[str, ...]:
    """The path of a JSON Pointer; one that does not start with a slash is taken as if it did."""
    parts = text.removeprefix("/").split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


@lru_cache(maxsize=1024)
def ranks_of(keep: tuple[str, ...]) -> Rank:
    """A field's rank: that of the first pointer that leads to it, through it or from it."""
    ranks: dict[tuple[str, ...], int] = {}
    for rank, text in enumerate(keep):
        path = pointer_path(text)
        for end in range(1, len(path) + 1):
            ranks.setdefault(path[:end], rank)
    return lambda path: ranks.get(path, ranks.get((*path[:-1], _ANY), len(keep)))


def _kept(body: Json, rule: CompressionRule) -> Json:
    """The body with the rule's keys only, and a mark that names others; the body itself if none of them is there."""
    wanted: dict[str, Json] = {}
    for text in rule.keep:
        branch = wanted
        for part in pointer_path(text):
            branch = branch.setdefault(part, {})
    left_out: dict[str, None] = {}
    kept = _select(body, wanted, left_out, ())
    if not kept or not left_out:
        return body
    names = list(left_out)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    note = f"left out: {', '.join(names[:_NAMED])}{more}"
    if isinstance(kept, dict):
        return {**kept, mark_key(kept): note}
    return [*kept, f"{MARK} {note}"]


def _select(body: Json, wanted: Mapping[str, Json], left_out: dict[str, None], path: tuple[str, ...]) -> Json:
    if not wanted or not isinstance(body, dict | list):
        return body
    if isinstance(body, list):
        inner = wanted.get(_ANY)
        return body if inner is None else [_select(item, inner, left_out, path) for item in body]
    kept = {}
    for name, value in body.items():
        inner = wanted.get(name, wanted.get(_ANY))
        if inner is None:
            left_out[".".join((*path, name))] = None
        else:
            kept[name] = _select(value, inner, left_out, (*path, name))
    return kept


class CompressedWorld:
    """A world whose long answers are compressed."""

    def __init__(
        self,
        world: World,
        rules: Mapping[str, CompressionRule] | None = None,
        config: CompressionConfig | None = None,
        count: TokenCounter = approximate_tokens,
    ) -> None:
        """`rules` are by tool id; `count` is the model's own tokenizer, or the estimate."""
        self._world = world
        self._rules = rules or {}
        self._limit = (config or CompressionConfig()).limit
        self._count = count
        self.name = world.name
        self.can_fork = world.can_fork

    def open(self, task: Task) -> CompressedSession:
        """A fresh session of the inner world."""
        return CompressedSession(self._world.open(task), self._rules, self._limit, self._count)


class CompressedSession:
    """One run of one task."""

    def __init__(self, session: Session, rules: Mapping[str, CompressionRule], limit: int, count: TokenCounter) -> None:
        self._session = session
        self._rules = rules
        self._limit = limit
        self._count = count

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool and keep what matters of a long answer."""
        return compress(await self._session.call(call), self._rules.get(call.name), self._limit, self._count)

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return self._session.snapshot()

    def restore(self, snapshot: object) -> None:
        self._session.restore(snapshot)

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)


def read_rules(path: Path) -> Mapping[str, CompressionRule]:
    """Rules by tool id; none where the file does not exist. Raises DataError naming the line."""
    try:
        found = path.stat()
    except OSError:
        return {}
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> dict[str, CompressionRule]:
    """A process opens the same catalog's world many times; a large catalog has tens of megabytes of rules."""
    return {rule.tool: rule for rule in _rules(path)}


def _rules(path: Path) -> Iterator[CompressionRule]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield CompressionRule.model_validate(orjson.loads(line))
            except (orjson.JSONDecodeError, ValidationError) as error:
                raise DataError(
                    f"{path}, line {number}: not a compression rule; make it again with `toolwise catalog compress`"
                ) from error
