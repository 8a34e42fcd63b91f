from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from toolwise.corpus import DeduplicationConfig, Deduplicator, deduplicate

words = st.sampled_from(["send", "list", "the", "a", "file", "folder", "to", "user", "delete", "report", "17", "18"])
texts = st.lists(st.lists(words, max_size=10).map(" ".join), max_size=25)


@given(texts, st.sampled_from([0.5, 0.7, 0.9, 1.0]))
def test_deduplication_is_a_stable_and_idempotent_filter(listed: list[str], threshold: float) -> None:
    config = DeduplicationConfig(threshold=threshold)
    kept, dropped = deduplicate(enumerate(listed), lambda item: item[1], config)
    assert sorted(kept + dropped) == list(enumerate(listed))
    assert kept == sorted(kept)
    assert dropped == sorted(dropped)
    assert deduplicate(kept, lambda item: item[1], config) == (kept, [])
    assert {text for _, text in kept} == {text for _, text in kept + dropped if text in {t for _, t in kept}}
    assert len({text for _, text in kept}) == len(kept), "an exact copy never stays"


def test_near_copies_go_and_other_values_stay() -> None:
    long = "Please upload the quarterly report of the northern region to the shared folder of the finance team"
    kept, dropped = deduplicate(
        [
            long,
            f"  {long.upper()} ",
            f"{long}.",
            long.replace("northern", "southern"),
            "Delete file 12",
            "Delete file 17",
        ],
        str,
    )
    assert dropped == [f"  {long.upper()} ", f"{long}."]
    assert len(kept) == 4


def test_below_the_threshold_nothing_is_dropped_by_the_sketch_alone() -> None:
    known = Deduplicator(DeduplicationConfig(threshold=1.0))
    assert known.is_new("the quick brown fox jumps over the lazy dog")
    assert known.is_new("the quick brown fox jumps over the lazy dot")
    assert not known.is_new("The quick brown fox  jumps over the lazy dog")


def test_the_result_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "from toolwise.corpus import deduplicate, DeduplicationConfig;"
        "t=[f'move the box {i%9} to shelf {i%7} in hall {i%5}' for i in range(60)];"
        "print(deduplicate(t, str, DeduplicationConfig(threshold=0.7)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
