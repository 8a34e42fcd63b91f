"""The corpus on disk: a folder of JSON lines and parquet, one file for each kind of example and split."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from toolwise.corpus.lines import line
from toolwise.files import write_atomic
from toolwise.types import Frozen, PreferencePair, RetrievalPair, SFTExample, Split

Example = SFTExample | PreferencePair | RetrievalPair
FOLDERS: dict[str, type[Frozen]] = {"sft": SFTExample, "preferences": PreferencePair, "retrieval": RetrievalPair}
"""Folder -> the kind of its rows."""
_FOLDER_OF = {kind: folder for folder, kind in FOLDERS.items()}


def export_corpus(examples: Iterable[Example], folder: Path, *, parquet: bool = True) -> dict[str, dict[str, int]]:
    """Write `<kind>/<split>.jsonl` (and `.parquet` beside it); returns the counts by kind and split.

    Streams: no more than a batch is in memory. Files appear only when all examples are written. A file of an
    earlier export that would now be empty is removed. Raises RunError.
    """
    counts: dict[str, dict[str, int]] = {}
    with ExitStack() as stack:
        files: dict[Path, IO[bytes]] = {}
        for example in examples:
            kind, split = _FOLDER_OF[type(example)], example.split.value
            path = folder / kind / f"{split}.jsonl"
            if path not in files:
                files[path] = stack.enter_context(write_atomic(path))
            files[path].write(line(example))
            of_kind = counts.setdefault(kind, {})
            of_kind[split] = of_kind.get(split, 0) + 1
    _remove_stale(folder, counts, parquet=parquet)
    if parquet:
        from toolwise.corpus.parquet import write_parquet  # pyarrow takes a while to import

        for kind, splits in counts.items():
            for split in splits:
                write_parquet(folder / kind / f"{split}.jsonl", folder / kind / f"{split}.parquet", FOLDERS[kind])
    order = [split.value for split in Split]
    return {
        kind: {split: counts[kind][split] for split in order if split in counts[kind]}
        for kind in FOLDERS
        if kind in counts
    }


def _remove_stale(folder: Path, counts: dict[str, dict[str, int]], *, parquet: bool) -> None:
    for kind in FOLDERS:
        for split in Split:
            if split.value not in counts.get(kind, {}):
                (folder / kind / f"{split.value}.jsonl").unlink(missing_ok=True)
                (folder / kind / f"{split.value}.parquet").unlink(missing_ok=True)
            elif not parquet:
                (folder / kind / f"{split.value}.parquet").unlink(missing_ok=True)
