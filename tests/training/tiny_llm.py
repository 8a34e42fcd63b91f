"""Tiny open models with a tokenizer trained here: Qwen3's architecture and the chat templates of several families."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.models.tiny import examples

from toolwise.models.chat_forms import HERMES_TEMPLATE

SPECIALS = (
    "<|im_start|>", "<|im_end|>", "<|pad|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
    "<|eot_id|>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "<start_of_turn>", "<end_of_turn>", "<|system|>", "<|user|>", "<|tools|>",
    "<|tool|>", "<|assistant|>", "<|end|>",
)  # fmt: skip


@lru_cache
def backend(vocabulary: int = 700) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((json.dumps([e.messages, e.tools]) for e in examples()), trainer)
    return made.to_str()


def tokenizer(template: str | None = HERMES_TEMPLATE, eos: str = "<|im_end|>", bos: str | None = None) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(backend()),
        eos_token=eos,
        pad_token="<|pad|>",  # noqa: S106 - no password
        bos_token=bos,
        extra_special_tokens=list(SPECIALS),
    )
    made.chat_template = template
    return made


def save_tiny_qwen3(folder: Path, template: str | None = HERMES_TEMPLATE, seed: int = 0, **changes: Any) -> Path:
    """A Qwen3 of some ten thousand weights with random values, as a folder."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    words = tokenizer(template)
    sizes = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 2048, "tie_word_embeddings": True,
    }  # fmt: skip
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(Qwen3Config(vocab_size=len(words), **{**sizes, **changes}))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_corpus(folder: Path, train: int = 24, dev: int = 4, pairs: int = 0) -> Path:
    """A corpus of made-up conversations and, if asked, of pairs whose rejected turn calls a wrong tool."""
    from toolwise.corpus import export_corpus
    from toolwise.types import PreferencePair, Split

    rows: list[Any] = [example.model_copy(update={"split": Split.TRAIN}) for example in examples()[:train]]
    rows += [example.model_copy(update={"split": Split.DEV}) for example in examples()[train : train + dev]]
    for index, example in enumerate(examples()[:pairs]):
        place = next(i for i, message in enumerate(example.messages) if message["role"] == "assistant")
        wrong = {"role": "assistant", "content": "I would rather not."}
        split = Split.DEV if index % 5 == 4 else Split.TRAIN
        pair = PreferencePair(
            key=f"pair{index}", task_key=example.task_key, split=split, prompt=example.messages[:place],
            chosen=(example.messages[place],), rejected=(wrong,), tools=example.tools,
        )  # fmt: skip
        rows.append(pair)
    export_corpus(rows, folder, parquet=False)
    return folder
