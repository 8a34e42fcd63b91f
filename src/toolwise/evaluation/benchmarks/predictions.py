"""Predictions by item id, with everything that is wrong with a file counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.types import Json

_OUTPUT_KEYS = ("result", "output", "calls", "prediction", "predict", "text")
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Predictions:
    """One output for an item at most, and the counts of what was not used."""

    outputs: Mapping[str, Json]
    rows: int
    duplicate: int
    """Further rows of an id; the first one counts."""
    unknown: int
    """Rows of an id that the benchmark lacks."""
    broken: Mapping[str, int]
    """Rows that cannot be read, by reason."""
    examples: Mapping[str, tuple[str, ...]]
    """Some duplicate and unknown ids."""

    def summary(self, items: Iterable[str]) -> Json:
        """The counts; of the items (by id) those that are `missing` have no prediction and count as failures."""
        return {
            "rows": self.rows,
            "used": len(self.outputs),
            "missing": sum(item not in self.outputs for item in items),
            "duplicate": self.duplicate,
            "unknown": self.unknown,
            "broken": dict(self.broken),
            "examples": {name: list(ids) for name, ids in self.examples.items() if ids},
        }


def read_predictions(
    path: Path, known: Collection[str], reader: Callable[[Path, Counter[str]], Iterable[Json]] = read_rows
) -> Predictions:
    """Read a file, or every JSON file of a folder in the order of names.

    `reader` gives a file's rows, as `default_row` reads them. Raises DataError for a path that cannot be read or holds
    no row of the benchmark.
    """
    files = sorted(p for p in path.rglob("*.json*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no JSON file; give a file of predictions")
    broken: Counter[str] = Counter()
    rows = (row for file in files for row in reader(file, broken))
    predictions = gather(rows, known, broken)
    if not predictions.outputs:
        raise DataError(f"{path} holds no prediction for any of the {len(known)} tasks; compare their ids")
    return predictions


def gather(rows: Iterable[Json], known: Collection[str], broken: Counter[str]) -> Predictions:
    """Rows by id: the first of each known id counts."""
    outputs: dict[str, Json] = {}
    duplicates: list[str] = []
    unknown: list[str] = []
    count = sum(broken.values())
    for row in rows:
        count += 1
        found = default_row(row)
        if found is None:
            broken["no id or no output"] += 1
        elif found[0] not in known:
            unknown.append(found[0])
        elif found[0] in outputs:
            duplicates.append(found[0])
        else:
            outputs[found[0]] = "" if found[1] is None else found[1]  # said nothing, which is not the same as missing
    examples = {"duplicate": tuple(duplicates[:_EXAMPLES]), "unknown": tuple(unknown[:_EXAMPLES])}
    count = max(count, len(outputs) + len(duplicates) + len(unknown) + sum(broken.values()))
    return Predictions(outputs, count, len(duplicates), len(unknown), dict(sorted(broken.items())), examples)


def default_row(row: Json) -> tuple[str, Json] | None:
    """`{"id": …, "result": …}`, with the output under any of its usual names."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str | int) or isinstance(row["id"], bool):
        return None
    key = next((key for key in _OUTPUT_KEYS if key in row), None)
    return None if key is None else (str(row["id"]), row[key])
