from pathlib import Path
from typing import Any

import pytest
from tests.training.tiny_llm import save_tiny_qwen3

from toolwise.errors import ConfigError, RunError
from toolwise.pipelines.train_llm import gguf_converter, write_gguf
from toolwise.training.llm.gguf import CONVERTER, PLACE

WRITES = """
import sys
folder, outfile, outtype = sys.argv[1], sys.argv[3], sys.argv[5]
assert sys.argv[2:5:2] == ["--outfile", "--outtype"]
open(outfile, "w").write(outtype + " of " + folder)
"""
REFUSES = """
import sys
open(sys.argv[3], "w").write("half")
sys.exit("a line of its own\\nNotImplementedError: BPE pre-tokenizer was not recognized")
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    folder = tmp_path / "llama.cpp"
    folder.mkdir()
    monkeypatch.setenv(PLACE, str(folder))
    return folder


def test_the_converter_writes_beside_the_model(place: Path, tmp_path: Path) -> None:
    (place / CONVERTER).write_text(WRITES)
    model = save_tiny_qwen3(tmp_path / "m")
    written = write_gguf(model, gguf_converter("q8_0", str(model)))
    assert written == str(model / "model.gguf")
    assert (model / "model.gguf").read_text() == f"q8_0 of {model}"


def test_a_refusal_is_its_last_line_and_leaves_what_was_there(place: Path, tmp_path: Path) -> None:
    (place / CONVERTER).write_text(REFUSES)
    model = save_tiny_qwen3(tmp_path / "m")
    (model / "model.gguf").write_text("an earlier one")
    before = sorted(path.name for path in model.iterdir())
    with pytest.raises(RunError, match="saved and whole: NotImplementedError: BPE pre-tokenizer"):
        write_gguf(model, gguf_converter("f16", str(model)))
    assert sorted(path.name for path in model.iterdir()) == before
    assert (model / "model.gguf").read_text() == "an earlier one"


def test_what_is_missing_is_said_before_training(place: Path, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(ConfigError, match=f"{CONVERTER}, which is not in {PLACE}="):
        gguf_converter("f16", "base")
    monkeypatch.delenv(PLACE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="not on the PATH"):
        gguf_converter("f16", "base")
    (place / CONVERTER).write_text(WRITES)
    monkeypatch.setenv(PLACE, str(place))
    with pytest.raises(ConfigError, match="give one of f32, f16"):
        gguf_converter("q3_k", "base")
    with pytest.raises(ConfigError, match="add --merge"):
        gguf_converter("f16", "base", adapter=True)
    with pytest.raises(ConfigError, match="compact"):
        gguf_converter("f16", "scratch")
