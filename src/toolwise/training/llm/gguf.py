"""A GGUF file beside a trained model, written by llama.cpp's own converter where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

from toolwise.errors import ConfigError, RunError
from toolwise.models.open_models import is_adapter, is_compact

CONVERTER = "convert_hf_to_gguf.py"
PLACE = "LLAMA_CPP"
"""Environment variable with llama.cpp's folder."""
FILE = "model.gguf"


class GgufType(StrEnum):
    """How the weights are stored; smaller ones are made of these by llama.cpp's `llama-quantize`."""

    F32 = "f32"
    """Whole."""
    F16 = "f16"
    """Half precision."""
    BF16 = "bf16"
    """Half precision with the range of whole."""
    Q8_0 = "q8_0"
    """Eight bits, in blocks."""
    AUTO = "auto"
    """Half precision of the kind that the weights have."""


def find_converter(kind: str) -> tuple[Path, GgufType]:
    """The converter and the type asked for. Raises ConfigError, before anything is trained."""
    if kind not in {one.value for one in GgufType}:
        raise ConfigError(f"--gguf {kind}: give one of {', '.join(one.value for one in GgufType)}")
    named = os.environ.get(PLACE)
    found = str(Path(named) / CONVERTER) if named else shutil.which(CONVERTER)
    if found is None or not Path(found).is_file():
        where = f"in {PLACE}={named}" if named else "on the PATH"
        raise ConfigError(
            f"--gguf needs llama.cpp's {CONVERTER}, which is not {where}; set {PLACE} to llama.cpp's folder, or leave "
            "out --gguf and convert the saved folder elsewhere"
        )
    return Path(found), GgufType(kind)


def require_convertible(*, compact: bool, adapter: bool) -> None:
    """Raises ConfigError for what llama.cpp cannot hold."""
    if compact:
        raise ConfigError("--gguf: llama.cpp does not know the compact model; take a base with --base")
    if adapter:
        raise ConfigError("--gguf needs a whole model; add --merge to --lora")


def write_gguf(folder: Path, converter: Path, kind: GgufType) -> Path:
    """Write `model.gguf` into the folder of a saved model. Raises ConfigError, RunError with the converter's last line.

    The model stays as it was whatever happens; a file appears only when it is whole.
    """
    require_convertible(compact=is_compact(folder), adapter=is_adapter(folder))
    aside, target = folder / f".{FILE}", folder / FILE
    command = [sys.executable, str(converter), str(folder), "--outfile", str(aside), "--outtype", kind.value]
    done = subprocess.run(  # noqa: S603 - the user's own converter, no shell
        command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    if done.returncode or not aside.is_file():
        aside.unlink(missing_ok=True)
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        why = said[-1][:200] if said else f"exit code {done.returncode}"
        raise RunError(f"llama.cpp did not convert {folder}, which is saved and whole: {why}")
    aside.replace(target)
    return target
