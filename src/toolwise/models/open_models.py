"""Open models on disk: whole ones and adapters (PEFT), each with its tokenizer, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwise.errors import DataError, MissingExtraError, boundary
from toolwise.files import read_json
from toolwise.types import content_key

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

COMPACT = "toolwise_compact"
"""`model_type` of the model that is trained from nothing."""
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_ORIGIN = "toolwise_base.json"
"""Beside a saved adapter: what it was trained on."""


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter, which needs its base."""
    return (folder / ADAPTER_CONFIG).is_file()


def is_compact(folder: Path) -> bool:
    """Whether the folder holds (or should hold) the model that is trained from nothing. Raises DataError."""
    config = folder / "config.json"
    if is_adapter(folder):
        return False
    return not config.is_file() or read_json(config).get("model_type") == COMPACT


def load_open_model(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A trained model in evaluation mode, an adapter merged into its base, on a GPU if there is one.

    Raises DataError, MissingExtraError.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    source = adapter_base(folder) if is_adapter(folder) else str(folder)
    gpu = torch.cuda.is_available()
    with boundary(DataError, f"cannot load the model in {folder}"):
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16 if gpu else torch.float32)
        if is_adapter(folder):
            model = load_adapter(model, folder, source).merge_and_unload()
        tokenizer = load_tokenizer(str(folder) if has_tokenizer(folder) else source)
    model.train(False)
    return model.to("cuda") if gpu else model, tokenizer


def register_compact() -> None:
    """Lets the auto classes load compact models as well, without running code from their folders."""
    from transformers import AutoModelForCausalLM

    from toolwise.models.modeling_toolwise import ToolwiseConfig, ToolwiseForCausalLM

    AutoModelForCausalLM.register(ToolwiseConfig, ToolwiseForCausalLM, exist_ok=True)


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """Raises DataError."""
    from transformers import AutoTokenizer

    with boundary(DataError, f"cannot load the tokenizer of {base}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base)
    return tokenizer


def has_tokenizer(folder: Path) -> bool:
    """Whether a tokenizer was saved in the folder."""
    return any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))


def fingerprint(settings: PretrainedConfig) -> str:
    """A key of what an adapter's shapes and meaning depend on: the base's kind and sizes."""
    names = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    sizes = {name: getattr(settings, name, None) for name in (*names, "intermediate_size")}
    return content_key(sizes)


def adapter_base(folder: Path) -> str:
    """The base that an adapter names. Raises DataError."""
    named = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        raise DataError(f"the adapter in {folder} names no base; give the merged model instead")
    if (Path(named).is_absolute() or named.startswith(".")) and not Path(named).is_dir():
        raise DataError(f"the adapter in {folder} belongs to {named}, which is gone; restore it, or merge on saving")
    return named


def load_adapter(model: PreTrainedModel, folder: Path, base: str) -> Any:
    """The base with its adapter, as a PeftModel. Raises DataError if it belongs to another base, MissingExtraError."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError("a model saved as an adapter", "train") from error

    origin = folder / ADAPTER_ORIGIN
    if origin.is_file() and read_json(origin).get("fingerprint") != fingerprint(model.config):
        raise DataError(f"the adapter in {folder} was trained on another base than {base} is now; train it again")
    try:
        return PeftModel.from_pretrained(model, folder)
    except (RuntimeError, ValueError) as error:
        cause = " ".join(str(error).split())[:160]
        raise DataError(f"the adapter in {folder} does not fit the base {base}: {cause}") from error
