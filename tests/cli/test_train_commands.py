import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.training.tiny_llm import save_corpus, save_tiny_qwen3

from toolwise.cli.app import app
from toolwise.cli.output import one_line_errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    made: Path = tmp_path_factory.mktemp("train")
    save_tiny_qwen3(made / "qwen3")
    save_corpus(made / "corpus", train=4, dev=1, pairs=4)
    return made


def run(*words: str) -> int:
    try:
        with one_line_errors():
            app(args=list(words), prog_name="toolwise", standalone_mode=False)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_an_adapter_is_trained_from_the_command_line(folder: Path, tmp_path: Path, capsys: Any) -> None:
    given = ["--corpus", str(folder / "corpus"), "--max-length", "1500", "--batch", "2", "--max-steps", "1", "--json"]
    sft = ["train", "sft", "--base", str(folder / "qwen3"), "--lora", "--rank", "2", "--out", str(tmp_path / "m")]
    assert run(*sft, *given) == 0
    document = orjson.loads(capsys.readouterr().out)
    assert (document["steps"], document["model"]) == (1, str(tmp_path / "m"))
    assert (tmp_path / "m" / "adapter_config.json").is_file()
    dpo = ["train", "dpo", "--base", str(tmp_path / "m"), "--lora", "--merge", "--out", str(tmp_path / "d")]
    assert run(*dpo, *given) == 0
    assert orjson.loads(capsys.readouterr().out)["train"]["used"] == 4
    assert (tmp_path / "d" / "model.safetensors").is_file()
    assert run(*sft, *given) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rank", "4"], "--rank is of --lora"),
        (["--minutes", "1"], "--minutes does not go with this --base"),
        (["--rope", "yarn"], "--rope-factor"),
        (["--too-long", "cut"], "too_long"),
        (["--lora", "--targets", "no_such_module"], "no_such_module"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said: str, folder: Path, tmp_path: Path, capsys: Any) -> None:
    given = ["--corpus", str(folder / "corpus"), "--base", str(folder / "qwen3"), "--out", str(tmp_path / "m")]
    assert run("train", "sft", *given, *words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len([line for line in captured.err.splitlines() if line.startswith("toolwise:")]) == 1
    assert captured.out == ""


def test_scratch_takes_no_options_of_a_base(folder: Path, tmp_path: Path, capsys: Any) -> None:
    assert run("train", "sft", "--corpus", str(folder / "corpus"), "--out", str(tmp_path / "m"), "--lora") == 2
    assert "--lora does not go with this --base" in capsys.readouterr().err


def test_a_corpus_of_another_version_or_none_is_said(folder: Path, tmp_path: Path, capsys: Any) -> None:
    other = tmp_path / "corpus" / "sft"
    other.mkdir(parents=True)
    (other / "train.jsonl").write_text('{"key": "a", "dialogue": []}\n')
    given = ["train", "sft", "--base", str(folder / "qwen3"), "--out", str(tmp_path / "m")]
    assert run(*given, "--corpus", str(tmp_path / "corpus")) == 2
    assert "line 1: not a SFTExample" in capsys.readouterr().err
    assert (
        run("train", "sft", "--base", str(tmp_path / "gone"), "--corpus", str(folder), "--out", str(tmp_path / "n"))
        == 2
    )
    assert "no model folder" in capsys.readouterr().err


def test_help_needs_no_heavy_library() -> None:
    heavy = ("torch", "transformers", "trl", "peft")
    code = f"import sys; from toolwise.cli import app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
