"""The verb `metatasks`: write checked meta-task examples about a world or a catalog, and check them again later."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from toolwise.catalog import open_catalog
from toolwise.corpus import SplitConfig, split_catalog
from toolwise.errors import ConfigError, DataError, ToolwiseError
from toolwise.files import read_json, write_atomic, write_json
from toolwise.metatasks import BOUNDARIES, MetaTaskConfig, Subject, Tally, check_example, generate
from toolwise.pipelines.assemble import catalog_subject, exact_subject
from toolwise.pipelines.meter import Stopwatch
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Funnel, Json, MetaTaskExample, Split, canonical_json
from toolwise.worlds.planning import is_exact_world

EXAMPLES_FILE = "examples.jsonl"
MANIFEST_FILE = "metatasks.json"
_EVERY = 500
_SHOWN = 20
"""Excluded tools and starts listed in the summary."""


@dataclass(frozen=True)
class MetaTaskSource:
    """What to ask about."""

    name: str
    """An exact world, plain (`blocksworld`) or renamed (`blocksworld_7`), or a catalog's folder."""
    sizes: tuple[int, int] | None = None
    """Exact worlds: smallest and largest generated instance."""
    problems: tuple[Path, ...] = ()
    """Exact worlds: PDDL problem files to start from instead."""


def open_subject(source: MetaTaskSource, seed: int) -> Subject:
    """Raises ConfigError for what is neither an exact world nor a catalog."""
    if is_exact_world(source.name):
        return exact_subject(source.name, source.sizes, source.problems)
    if source.sizes or source.problems:
        raise ConfigError("--size and --pddl are for the exact worlds: blocksworld, logistics, spellwrite")
    folder = Path(source.name)
    if not folder.exists():
        raise ConfigError(
            f"{source.name!r} is neither an exact world (blocksworld, logistics, spellwrite; renamed: blocksworld_7) "
            "nor a catalog's folder"
        )
    catalog = open_catalog(folder)
    placed = split_catalog(catalog.summaries, SplitConfig(seed=seed))
    return catalog_subject(catalog, {s.name: placed[s.name] for s in catalog.summaries if s.tools})


def write_metatasks(
    source: MetaTaskSource, out: Path, count: int, config: MetaTaskConfig, observer: Observer = silent
) -> Json:
    """Write `examples.jsonl` and how it was made; the summary has counts, balance, drops and seconds."""
    subject = open_subject(source, config.seed)
    watch, tally = Stopwatch(), Tally()
    asyncio.run(_write(subject, out / EXAMPLES_FILE, count, config, tally, observer))
    seconds = watch.seconds
    written = sum(tally.counts.values())
    if not written:
        why = next(iter(tally.excluded.items()), ("the world", "it gave no question"))
        raise DataError(f"no example could be made of {source.name}: {why[0]}: {why[1]}")
    name = source.name if is_exact_world(source.name) else str(Path(source.name).resolve())
    problems = [str(path.resolve()) for path in source.problems]
    made = {"source": name, "problems": problems, "config": config.model_dump(mode="json"), "examples": written}
    write_json(out / MANIFEST_FILE, made)
    return {
        "source": source.name,
        "examples": written,
        "wanted": count,
        "counts": {kind.value: tally.counts[kind] for kind in sorted(tally.counts)},
        "splits": {split.value: tally.splits[split] for split in Split if tally.splits[split]},
        "balance": tally.balance(),
        "dropped": dict(sorted(tally.dropped.items())),
        "excluded": dict(list(tally.excluded.items())[:_SHOWN]),
        "instances": tally.instances,
        "seconds": round(seconds, 3),
        "per_second": round(written / seconds, 1) if seconds else 0.0,
    }


async def _write(
    subject: Subject, path: Path, count: int, config: MetaTaskConfig, tally: Tally, observer: Observer
) -> None:
    written = 0
    with write_atomic(path) as file:
        async for example in generate(subject, count, config, tally):
            file.write(example_line(example))
            written += 1
            if written % _EVERY == 0:
                observer(Progress("metatasks", written, count))
    observer(Progress("metatasks", written, written))


def example_line(example: MetaTaskExample) -> bytes:
    """One JSON line."""
    return orjson.dumps(example.model_dump(), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def holds_metatasks(folder: Path) -> bool:
    """Did `toolwise metatasks` write this folder?"""
    return (folder / MANIFEST_FILE).is_file()


def verify_metatasks(folder: Path, observer: Observer = silent) -> Json:
    """Execute every answer again, in a world opened afresh, and look for repeats and leaks.

    The summary's funnel adds up over all rows; a malformed row is rejected, one whose world cannot be opened failed.
    """
    made = read_json(folder / MANIFEST_FILE)
    try:
        subject = open_subject(
            MetaTaskSource(made["source"], None, tuple(map(Path, made["problems"]))), made["config"]["seed"]
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder / MANIFEST_FILE} is damaged ({error}); make the examples again") from error
    watch = Stopwatch()
    check = _Recheck(subject)
    asyncio.run(check.run(folder / EXAMPLES_FILE, int(made.get("examples", 0)), observer))
    seconds = watch.seconds
    return {**check.summary(), "seconds": round(seconds, 3), "per_second": round(check.entered / seconds, 1)}


class _Recheck:
    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._questions: set[str] = set()
        self._keys: set[str] = set()
        self._split_of: dict[bytes, Split] = {}
        self._counts: Counter[str] = Counter()
        self._yes: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self.entered = 0

    async def run(self, path: Path, total: int, observer: Observer) -> None:
        """Check every line."""
        with _opened(path) as lines:
            for line in lines:
                self.entered += 1
                try:
                    problem = await self._one(line)
                    if problem:
                        self._rejected[problem] += 1
                except ToolwiseError as error:
                    self._failed[type(error).__name__] += 1
                if self.entered % _EVERY == 0:
                    observer(Progress("verify", self.entered, total))
        observer(Progress("verify", self.entered, self.entered))

    async def _one(self, line: bytes) -> str:
        try:
            example = MetaTaskExample.model_validate_json(line)
        except ValidationError:
            return "malformed"
        if example.question in self._questions or example.key in self._keys:
            return "duplicate"
        self._questions.add(example.question)
        self._keys.add(example.key)
        for state in (example.world.start, example.after, example.otherwise):
            if state and self._split_of.setdefault(canonical_json(state), example.split) is not example.split:
                return "leak"
        try:
            problem = await check_example(self._subject, example)
        except (KeyError, IndexError, TypeError, AttributeError):  # a row that a hand has changed
            return "malformed"
        if not problem:
            self._counts[example.kind.value] += 1
            self._yes[example.kind.value] += bool(example.positive)
        return problem

    def summary(self) -> dict[str, Json]:
        """The funnel, the counts of what holds, and the balance of the boundary tasks."""
        rejected, failed = sum(self._rejected.values()), sum(self._failed.values())
        funnel = Funnel(
            entered=self.entered,
            accepted=self.entered - rejected - failed,
            rejected=rejected,
            failed=failed,
            reasons=dict(sorted((self._rejected + self._failed).items())),
        )
        boundaries = [kind.value for kind in BOUNDARIES if self._counts[kind.value]]
        return {
            "funnel": funnel.model_dump(mode="json"),
            "counts": dict(sorted(self._counts.items())),
            "balance": {kind: self._yes[kind] / self._counts[kind] for kind in boundaries},
        }


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with path.open("rb") as lines:
            yield lines
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; make the examples again") from error
