"""`toolwise corpus --metatasks` on a small catalog, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from small_documents import write_documents
from toolwise.cli.app import app
from toolwise.corpus import read_sft
from toolwise.errors import ConfigError, DataError

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    documents = write_documents(folder / "documents")
    run("catalog", "import", documents, "--out", folder / "catalog")
    run("tasks", folder / "catalog", "--out", folder / "tasks", "--count", "30", "--held-out", "2", "--workers", "1")
    run("solve", folder / "tasks", "--out", folder / "solved", "--workers", "1")
    run("verify", folder / "solved", "--out", folder / "verified", "--workers", "1")
    return folder / "verified"


def run(*words: object) -> Any:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    if result.exception:
        raise result.exception
    return json.loads(result.stdout)


def test_variants_cost_the_same_and_keep_to_training_tools(verified: Path, tmp_path: Path) -> None:
    run("corpus", verified, "--out", tmp_path / "plain")
    solutions = {e.key for e in read_sft(tmp_path / "plain" / "sft" / "train.jsonl")}
    assert not (tmp_path / "plain" / "mixture.json").exists()
    made = {}
    examples = None
    for variant in ("mixed", "two-stage", "solution-only"):
        out = tmp_path / variant
        given = ("--metatask-examples", examples) if examples else ()
        made[variant] = run("corpus", verified, "--out", out, "--metatasks", "0.4", "--variant", variant, *given)
        examples = examples or out / "metatasks"
    mixtures = {variant: document["mixture"] for variant, document in made.items()}
    budget = {mixture["budget"] for mixture in mixtures.values()}
    assert len(budget) == 1
    for mixture in mixtures.values():
        assert 0 <= mixture["tokens"] - mixture["budget"] < 2000
    tokenizers = {(tmp_path / variant / "tokenizer" / "tokenizer.json").read_bytes() for variant in mixtures}
    assert len(tokenizers) == 1
    assert abs(mixtures["mixed"]["metatask_tokens"] / mixtures["mixed"]["tokens"] - 0.4) < 0.05
    keys = {v: {e.key for e in read_sft(tmp_path / v / "sft" / "train.jsonl")} for v in mixtures}
    assert keys["solution-only"] == solutions
    assert keys["two-stage"] <= solutions
    assert keys["mixed"] & solutions and keys["mixed"] - solutions
    first = list(read_sft(tmp_path / "two-stage" / "sft" / "first.jsonl"))
    assert first and all(e.key not in solutions for e in first)
    split = json.loads((verified / "inputs.json").read_bytes())["split"]
    lines = (tmp_path / "mixed" / "metatasks" / "examples.jsonl").read_text().splitlines()
    tools = {row["key"]: row["tools"] for row in map(json.loads, lines)}
    assert all(len(json.loads(line)["question"]) <= 1200 for line in lines)
    assert mixtures["mixed"]["too_long"] < len(lines) / 2
    for key in keys["mixed"] - solutions:
        assert all(split[tool.partition(".")[0]] == "train" for tool in tools[key])
    run("corpus", verified, "--out", tmp_path / "two-stage")  # without meta-tasks nothing of the mixture stays
    left = {path.name for path in (tmp_path / "two-stage").rglob("*")}
    assert not left & {"first.jsonl", "mixture.json", "tokenizer"}
    assert {e.key for e in read_sft(tmp_path / "two-stage" / "sft" / "train.jsonl")} == solutions


def test_a_mixed_corpus_is_trained_on_by_tokens_with_its_own_tokenizer(verified: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run("corpus", verified, "--out", corpus, "--metatasks", "0.5", "--variant", "two-stage")
    from toolwise.pipelines.train import train_model
    from toolwise.training.settings import CompactTrainingConfig

    small = CompactTrainingConfig(width=16, layers=1, heads=2, max_tokens=6000, threads=1, dev_examples=0)
    summary = train_model(corpus, tmp_path / "model", small)
    assert 6000 <= summary["tokens"] < 6000 + small.batch_tokens
    used = json.loads((tmp_path / "model" / "tokenizer.json").read_bytes())["model"]
    assert used == json.loads((corpus / "tokenizer" / "tokenizer.json").read_bytes())["model"]


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (["--metatasks", "1.2"], ConfigError, "between 0 and 1"),
        (["--metatasks", "-0.5"], ConfigError, "between 0 and 1"),
        (["--metatasks", "0.5", "--variant", "all"], ConfigError, "two-stage"),
        (["--metatasks", "0.5", "--to", "openai"], ConfigError, "do not go together"),
        (["--metatasks", "0.5", "--metatask-examples", "nowhere"], DataError, "toolwise metatasks"),
    ],
)
def test_mistakes_are_one_line(
    verified: Path, tmp_path: Path, words: list[str], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        run("corpus", verified, "--out", tmp_path / "out", *words)
