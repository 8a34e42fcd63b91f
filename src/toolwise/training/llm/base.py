"""The base: any causal language model of Hugging Face's form, from a folder or by its name, with what can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from toolwise.errors import ConfigError, DataError, boundary
from toolwise.models.chat_forms import HERMES_TEMPLATE, HERMES_TOKENS, ChatForm
from toolwise.models.open_models import (
    COMPACT,
    adapter_base,
    fingerprint,
    has_tokenizer,
    is_adapter,
    load_adapter,
    load_tokenizer,
    register_compact,
)
from toolwise.training.llm.context import extend_context
from toolwise.training.llm.settings import LlmTrainingConfig, LoraSettings, SftConfig
from toolwise.types import Json

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

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
    adapter = folder if is_adapter(folder) else None
    if adapter and config.lora and not config.lora.merge:
        raise ConfigError(f"{base} is an adapter already, and adapters do not stack; add --merge for a whole model")
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
    tokenizer = load_tokenizer(str(adapter) if adapter and has_tokenizer(adapter) else under)
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
    register_compact()
    try:
        with boundary(DataError, f"cannot read the base {base}"):
            settings: PretrainedConfig = AutoConfig.from_pretrained(base)
    except DataError as error:
        if Path(base).exists() or not isinstance(error.__cause__, OSError):
            raise
        raise DataError(
            f"there is no folder {base}, and no model of that name could be fetched from Hugging Face or its cache "
            "here; check --base and the connection"
        ) from error
    named = getattr(settings, "architectures", None) or []
    if settings.model_type != COMPACT and not any(name.endswith(_CAUSAL) for name in named):
        kind = named[0] if named else settings.model_type
        raise ConfigError(f"{base} is no causal language model but a {kind}; take a base that writes text")
    return settings


def _load_weights(base: str, settings: PretrainedConfig) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    with boundary(DataError, f"cannot load the base {base}"):
        try:
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base, config=settings, dtype=torch.float32)
        except ValueError as error:
            if "AutoModelForCausalLM" in str(error):
                raise ConfigError(
                    f"{base} ({settings.model_type}) is no causal language model; take a base that writes text"
                ) from error
            raise
    return model


def _add_template(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> tuple[int, ...]:
    """Give a base that has none our template; returns the tokens that it needed."""
    known = tokenizer.get_vocab()
    new = [token for token in HERMES_TOKENS if token not in known]
    if new:
        tokenizer.add_special_tokens({"additional_special_tokens": new}, replace_extra_special_tokens=False)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:  # type: ignore[operator]  # typed as any attribute
        model.resize_token_embeddings(len(tokenizer))
    tokenizer.eos_token = HERMES_TOKENS[1]
    tokenizer.chat_template = HERMES_TEMPLATE
    known = tokenizer.get_vocab()
    return tuple(known[token] for token in new)


def _licence(folder: Path) -> str:
    """The licence that the base's card names, if the base is a folder with a card."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    for line in card.read_text(encoding="utf-8", errors="replace").splitlines()[:60]:
        if line.startswith("license:"):
            return line.partition(":")[2].strip()
    return ""


def adapted(base: Base, lora: LoraSettings | None) -> Any:
    """The model to train, wrapped for LoRA if asked. Raises ConfigError."""
    if lora is None:
        return base.model
    if base.added_tokens and not lora.merge:
        raise ConfigError("--chat-template hermes adds tokens to this base, which an adapter alone cannot; add --merge")
    return _add_adapter(base, lora)


def _add_adapter(base: Base, lora: LoraSettings) -> Any:
    """Raises ConfigError if no module has the names that `targets` gives."""
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,  # type: ignore[arg-type]  # any number will do
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
