"""The base: any causal language model of Hugging Face's form, from a folder or by its name, with what can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from toolwise.errors import ConfigError, DataError, boundary
from toolwise.files import read_json
from toolwise.models.chat_forms import HERMES_TEMPLATE, HERMES_TOKENS, ChatForm
from toolwise.training.llm.context import extend_context
from toolwise.training.llm.settings import LlmTrainingConfig, LoraSettings, SftConfig
from toolwise.types import Json, content_key

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

COMPACT = "toolwise_compact"
"""`model_type` of the model that is trained from nothing."""
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_ORIGIN = "toolwise_base.json"
"""Beside a saved adapter: what it was trained on."""
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass
class Base:
    """A model ready to train, with its tokenizer and chat template."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    form: ChatForm
    name: str
    """As the user gave it; for an adapter, the base under it."""
    added_tokens: tuple[int, ...] = ()
    """Tokens that the base did not have, whose embeddings start from nothing."""
    licence: str = ""


def load_base(base: str, config: LlmTrainingConfig) -> Base:
    """Load a base, an adapter merged into its base. Raises ConfigError, DataError."""
    folder = Path(base)
    adapter = folder if (folder / ADAPTER_CONFIG).is_file() else None
    under = adapter_base(folder) if adapter else base
    settings = _configuration(under)
    if isinstance(config, SftConfig) and config.rope is not None:
        extend_context(settings, config.rope, config.rope_factor)
    limit = getattr(settings, "max_position_embeddings", None)
    if isinstance(limit, int) and config.max_length > limit:
        hint = "" if settings.model_type == COMPACT else ", or extend the context by --rope yarn --rope-factor"
        raise ConfigError(f"--max-length {config.max_length} is beyond the base's {limit} positions; lower it{hint}")
    model = _load_weights(under, settings)
    if adapter:
        model = load_adapter(model, adapter, under).merge_and_unload()
    tokenizer = load_tokenizer(str(adapter) if adapter and _has_tokenizer(adapter) else under)
    added = _add_template(tokenizer, model) if config.chat_template == "hermes" else ()
    form = ChatForm(tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise DataError(f"the tokenizer of {base} has neither a padding nor an end token; set one in its configuration")
    return Base(model, tokenizer, form, under, added, _licence(Path(under)))


def _configuration(base: str) -> PretrainedConfig:
    from transformers import AutoConfig

    if Path(base).exists() and not (Path(base) / "config.json").is_file():
        raise DataError(f"{base} holds no model (no config.json); give a model's folder or its name on Hugging Face")
    _register_compact()
    with boundary(DataError, f"cannot read the base {base}"):
        settings = AutoConfig.from_pretrained(base)
    named = getattr(settings, "architectures", None) or []
    if settings.model_type != COMPACT and not any(name.endswith(_CAUSAL) for name in named):
        kind = named[0] if named else settings.model_type
        raise ConfigError(f"{base} is no causal language model but a {kind}; take a base that writes text")
    return settings


def _register_compact() -> None:
    """Lets the auto classes load compact models as well, without running code from their folders."""
    from transformers import AutoModelForCausalLM

    from toolwise.models.modeling_toolwise import ToolwiseConfig, ToolwiseForCausalLM

    AutoModelForCausalLM.register(ToolwiseConfig, ToolwiseForCausalLM, exist_ok=True)


def _load_weights(base: str, settings: PretrainedConfig) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    with boundary(DataError, f"cannot load the base {base}"):
        try:
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base, config=settings, dtype=torch.float32)
        except ValueError as error:
            if "AutoModelForCausalLM" in str(error):
                raise ConfigError(f"{base} ({settings.model_type}) is no causal language model") from error
            raise
    return model


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """Raises DataError."""
    from transformers import AutoTokenizer

    with boundary(DataError, f"cannot load the tokenizer of {base}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base)
    return tokenizer


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))


def _add_template(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> tuple[int, ...]:
    """Give a base that has none our template; returns the tokens that it needed."""
    known = tokenizer.get_vocab()
    new = [token for token in HERMES_TOKENS if token not in known]
    if new:
        tokenizer.add_special_tokens({"additional_special_tokens": new}, replace_extra_special_tokens=False)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    tokenizer.eos_token = HERMES_TOKENS[1]
    tokenizer.chat_template = HERMES_TEMPLATE
    return tuple(int(tokenizer.convert_tokens_to_ids(token)) for token in new)


def _licence(folder: Path) -> str:
    """The licence that the base's card names, if the base is a folder with a card."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    for line in card.read_text(encoding="utf-8", errors="replace").splitlines()[:60]:
        if line.startswith("license:"):
            return line.partition(":")[2].strip()
    return ""


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
        raise DataError(f"the adapter in {folder} belongs to {named}, which is not there; restore it, or merge on saving")
    return named


def load_adapter(model: PreTrainedModel, folder: Path, base: str) -> Any:
    """The base with its adapter, as a PeftModel. Raises DataError if it belongs to another base, MissingExtraError."""
    from peft import PeftModel

    origin = folder / ADAPTER_ORIGIN
    if origin.is_file() and read_json(origin).get("fingerprint") != fingerprint(model.config):
        raise DataError(f"the adapter in {folder} was trained on another base than {base} is now; train it again")
    try:
        return PeftModel.from_pretrained(model, folder)
    except (RuntimeError, ValueError) as error:
        cause = " ".join(str(error).split())[:160]
        raise DataError(f"the adapter in {folder} does not fit the base {base}: {cause}") from error


def add_adapter(base: Base, lora: LoraSettings) -> Any:
    """Wrap the model for LoRA. Raises ConfigError if no module has the names that `targets` gives."""
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or "all-linear",
        use_rslora=lora.rslora,
        # Embeddings of new tokens start from nothing, so they are learnt in full.
        trainable_token_indices=list(base.added_tokens) or None,
    )
    try:
        return get_peft_model(base.model, settings)
    except ValueError as error:
        raise ConfigError(f"--targets {','.join(lora.targets)}: {' '.join(str(error).split())[:160]}") from error


def origin(base: Base) -> Json:
    """What is remembered beside an adapter."""
    return {"base": base.name, "fingerprint": fingerprint(base.model.config)}
