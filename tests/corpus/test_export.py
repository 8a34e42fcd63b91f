from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolwise.corpus import (
    CardFacts,
    check_leaks,
    dataset_card,
    export_corpus,
    read_rows,
    read_sft,
    read_tasks,
    read_trajectories,
    write_card,
    write_rows,
)
from toolwise.corpus.export import Example
from toolwise.corpus.parquet import read_parquet
from toolwise.errors import DataError, RunError
from toolwise.types import Funnel, PreferencePair, RetrievalPair, SFTExample, Split, Task


def _sft(number: int, split: Split = Split.TRAIN, **arguments: object) -> SFTExample:
    function = {"name": "f", "arguments": arguments}
    return SFTExample(
        key=f"k{number}",
        task_key="t",
        split=split,
        messages=({"role": "user", "content": "hé"}, {"role": "assistant", "tool_calls": [{"function": function}]}),
        tools=({"type": "function", "function": {"name": "f", "parameters": {"properties": arguments}}},),
    )


RETRIEVAL = RetrievalPair(key="r", split=Split.DEV, query='say "hi"', relevant=("a.b",))
PAIR = PreferencePair(
    key="p",
    task_key="t",
    split=Split.TRAIN,
    prompt=({"role": "user", "content": "x"},),
    chosen=({"role": "assistant", "content": "y"},),
    rejected=({"role": "assistant", "content": "z"},),
    tools=(),
)


def test_export_writes_one_file_for_each_kind_and_split(tmp_path: Path) -> None:
    rows = [_sft(1, a=1), RETRIEVAL, _sft(2, Split.UNSEEN_TOOLSET, b="x"), PAIR, _sft(3, c=None)]
    counts = export_corpus(rows, tmp_path)
    assert counts == {
        "sft": {"train": 2, "unseen_toolset": 1},
        "preferences": {"train": 1},
        "retrieval": {"dev": 1},
    }
    assert list(read_sft(tmp_path / "sft" / "train.jsonl")) == [rows[0], rows[4]]
    assert list(read_rows(tmp_path / "preferences" / "train.jsonl", PreferencePair)) == [PAIR]
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert names == sorted(
        f"{kind}/{split}.{ending}" for kind in counts for split in counts[kind] for ending in ("jsonl", "parquet")
    )


def test_parquet_gives_back_the_same_rows_without_null_keys(tmp_path: Path) -> None:
    rows = [_sft(1, a=1), _sft(2, b={"c": [True, None]})]
    export_corpus([*rows, RETRIEVAL, PAIR], tmp_path)
    path = tmp_path / "sft" / "train.parquet"
    assert list(read_parquet(path, SFTExample)) == rows
    assert list(read_parquet(tmp_path / "retrieval" / "dev.parquet", RetrievalPair)) == [RETRIEVAL]
    assert list(read_parquet(tmp_path / "preferences" / "train.parquet", PreferencePair)) == [PAIR]
    table = pq.read_table(path)
    assert {str(field.type) for field in table.schema} == {"string"}
    assert '"b"' not in table.column("messages")[0].as_py()


def test_a_second_export_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    export_corpus([_sft(1), RETRIEVAL], tmp_path)
    before = (tmp_path / "sft" / "train.jsonl").read_bytes()
    export_corpus([_sft(1)], tmp_path, parquet=False)
    assert (tmp_path / "sft" / "train.jsonl").read_bytes() == before
    assert not (tmp_path / "retrieval" / "dev.jsonl").exists()
    assert not (tmp_path / "sft" / "train.parquet").exists()


def test_an_export_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    export_corpus([_sft(1)], tmp_path, parquet=False)

    def broken() -> Iterator[Example]:
        yield _sft(2)
        raise DataError("torn")

    with pytest.raises(DataError, match="torn"):
        export_corpus(broken(), tmp_path)
    assert [row.key for row in read_sft(tmp_path / "sft" / "train.jsonl")] == ["k1"]
    assert not list(tmp_path.rglob("*.partial"))


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sft").write_text("a file where a folder should be")
    with pytest.raises(RunError, match=r"cannot write .*train\.jsonl: .*choose another folder"):
        export_corpus([_sft(1)], tmp_path)


def test_readers_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    write_rows(path, [Task(instruction="x", candidates=(), relevant=())])
    good = path.read_text()
    path.write_text(f"{good}\n{good[:20]}\n")
    rows = read_tasks(path)
    assert next(rows).instruction == "x"
    with pytest.raises(DataError, match=r"tasks\.jsonl, line 3: not JSON"):
        next(rows)
    path.write_text(good.replace('"instruction"', '"wording"'))
    with pytest.raises(DataError, match=r"line 1: not a Task: instruction: Field required"):
        list(read_tasks(path))
    with pytest.raises(DataError, match=r"cannot read .*none\.jsonl"):
        list(read_trajectories(tmp_path / "none.jsonl"))


def test_the_card_states_counts_funnel_and_leaks(tmp_path: Path) -> None:
    funnel = Funnel(entered=12, accepted=9, rejected=2, failed=1, reasons={"no_answer": 2, "WorldError": 1})
    facts = CardFacts(
        title="Pets",
        counts=export_corpus([_sft(1), RETRIEVAL], tmp_path),
        toolsets={"train": 40, "unseen_toolset": 5},
        funnels={"verify": funnel},
        dropped={"format": 2},
        leaks={"unseen_toolset": check_leaks([], [])},
        sources=("google", "aws"),
        settings={"seed": 3},
    )
    text = write_card(tmp_path, facts).read_text()
    assert text == dataset_card(facts)
    assert "| verify | 12 | 9 | 2 | 1 | 0 | WorldError 1, no_answer 2 |" in text
    assert "| sft | conversations; every assistant turn is a target | 1 | 0 |" in text
    assert "  - {split: dev, path: retrieval/dev.jsonl}" in text
    assert "google, aws" in text
    assert "licence" in text
    import yaml

    front = yaml.safe_load(text.split("---")[1])
    assert [config["config_name"] for config in front["configs"]] == ["sft", "retrieval"]
