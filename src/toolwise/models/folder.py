"""A compact model as a folder that `transformers` loads: weights, tokenizer with its chat template, and the code."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from transformers.utils.logging import disable_progress_bar

from toolwise.errors import DataError, RunError, boundary
from toolwise.models import modeling_toolwise
from toolwise.models.chat import CHAT_TEMPLATE
from toolwise.models.modeling_toolwise import ToolwiseConfig, ToolwiseForCausalLM
from toolwise.models.tokenizer import Special

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_CODE = "modeling_toolwise"
_READ = (Special.SYSTEM, Special.USER, Special.TOOLS, Special.TOOL)
"""Marks of the parts that the model only reads."""
disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar for a file of five megabytes would only break into the caller's own


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The sizes that matter for speed and quality."""

    width: int = 128
    layers: int = 5
    heads: int = 4
    inner: int = 512


def new_model(tokenizer: PreTrainedTokenizerFast, size: ModelSize, seed: int) -> ToolwiseForCausalLM:
    """A model with random weights for a tokenizer."""
    config = ToolwiseConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.inner,
        segment_tokens=[tokenizer.convert_tokens_to_ids(special.value) for special in Special],
        read_tokens=[tokenizer.convert_tokens_to_ids(special.value) for special in _READ],
        user_token=tokenizer.convert_tokens_to_ids(Special.USER.value),
        tools_token=tokenizer.convert_tokens_to_ids(Special.TOOLS.value),
        line_token=tokenizer.convert_tokens_to_ids("\n"),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ToolwiseForCausalLM(config)


def save_model(folder: Path, model: ToolwiseForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the folder. Raises RunError if it cannot be written."""
    with boundary(RunError, f"cannot write the model to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.chat_template = CHAT_TEMPLATE
        model.config.architectures = ["ToolwiseForCausalLM"]
        model.config.auto_map = {
            "AutoConfig": f"{_CODE}.ToolwiseConfig",
            "AutoModelForCausalLM": f"{_CODE}.ToolwiseForCausalLM",
        }
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        shutil.copyfile(modeling_toolwise.__file__, folder / f"{_CODE}.py")


def save_untrained(folder: Path, trained: Path, seed: int = 0) -> None:
    """The trained model's twin with random weights and the same tokenizer: the baseline that learnt nothing."""
    model, tokenizer = load_model(trained)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        save_model(folder, ToolwiseForCausalLM(cast("ToolwiseConfig", model.config)), tokenizer)


def load_model(folder: Path) -> tuple[ToolwiseForCausalLM, PreTrainedTokenizerFast]:
    """Read a folder, in evaluation mode. Raises DataError if it holds no compact model."""
    from transformers import PreTrainedTokenizerFast

    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no model (no config.json); train one, or give another folder")
    with boundary(DataError, f"cannot load the model in {folder}"):
        model = ToolwiseForCausalLM.from_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model.train(False)
    return model, tokenizer
