"""The compact model's tokenizer: the same word is the same tokens wherever it stands, so it can be copied."""

from __future__ import annotations

import string
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.decoders import Decoder
    from tokenizers.models import Model
    from tokenizers.normalizers import Normalizer
    from transformers import PreTrainedTokenizerFast

WORD = "▁"
"""Begins every run of lower-case letters; between two such runs it stands for the space."""
CAPITAL = "⇧"
"""Before a lower-case letter that was a capital: `maxResults` reads as max, capital, results."""


class Special(StrEnum):
    """Tokens that only the chat template writes."""

    PAD = "<|pad|>"
    """Fills up a batch."""
    SYSTEM = "<|system|>"
    """Standing instructions follow."""
    TOOLS = "<|tools|>"
    """The candidates follow."""
    USER = "<|user|>"
    """The user's words follow."""
    ASSISTANT = "<|assistant|>"
    """The model's turn follows."""
    TOOL = "<|tool|>"
    """What a tool returned follows."""
    END = "<|end|>"
    """Ends every turn."""


CALL_OPEN = '<tool_call>{"name": "'
CALL_ARGUMENTS = '", "arguments": {'
CALL_CLOSE = "}}</tool_call>"
_UNITS = (CALL_OPEN, CALL_ARGUMENTS, CALL_CLOSE)
"""The fixed parts of a call, one token each; ordinary tokens, so that decoding keeps them."""

_BYTES = [f"<0x{i:02X}>" for i in range(256)]


def _normalizer() -> Normalizer:
    from tokenizers import Regex, normalizers

    steps = [normalizers.Replace(Regex("(?=[A-Z][a-z])"), CAPITAL)]
    steps += [normalizers.Replace(f"{CAPITAL}{c}", f"{CAPITAL}{c.lower()}") for c in string.ascii_uppercase]
    steps += [
        normalizers.Replace(Regex("(?<![a-z])(?=[a-z])"), WORD),
        normalizers.Replace(Regex(f"(?<=[a-z]) (?={WORD})"), ""),
    ]
    return normalizers.Sequence(steps)


def _decoder() -> Decoder:
    from tokenizers import Regex, decoders

    steps = [
        decoders.ByteFallback(),
        decoders.Fuse(),
        decoders.Replace(Regex(f"(?<=[a-z]){WORD}"), " "),
        decoders.Replace(WORD, ""),
    ]
    steps += [decoders.Replace(f"{CAPITAL}{c.lower()}", c) for c in string.ascii_uppercase]
    return decoders.Sequence(steps)


def _blank(vocabulary: Model) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    tokenizer = Tokenizer(vocabulary)
    tokenizer.normalizer = _normalizer()
    units = '": |":|[,:.] '  # JSON's joints and prose's; a quote that opens or closes a value stays alone
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(f"{units}|{WORD}[a-z]+?(?=s?(?![a-z]))|[A-Z]+|[\\s\\S]"), "isolated"
    )
    tokenizer.decoder = _decoder()
    return tokenizer


def train_tokenizer(texts: Iterable[str], size: int = 1200) -> PreTrainedTokenizerFast:
    """A word-consistent BPE of about `size` tokens (besides 256 for bytes).

    Runs of lower-case letters never merge with a space, quote or underscore; capitals merge among themselves
    only; a capital before a lower-case letter is a mark and the lower-case word; digits stand alone. So a
    word has the same tokens in prose, in snake_case, in camelCase and in JSON. Decoding gives back the text,
    unless it holds one of the two marks themselves.
    """
    from tokenizers import AddedToken, models, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = _blank(models.BPE(byte_fallback=True))
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=[*string.printable, WORD, CAPITAL],
        limit_alphabet=110,
        show_progress=False,
        max_token_length=16,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer = _with_bytes(tokenizer)
    tokenizer.add_tokens([AddedToken(unit, normalized=False) for unit in _UNITS])
    tokenizer.add_special_tokens([AddedToken(special.value, normalized=False, special=True) for special in Special])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=Special.PAD.value,
        eos_token=Special.END.value,
        additional_special_tokens=[special.value for special in Special],
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )


def _with_bytes(trained: Tokenizer) -> Tokenizer:
    """The same merges with the 256 byte tokens in the vocabulary (as special ones, decoding would drop them)."""
    import orjson
    from tokenizers import models

    model = orjson.loads(trained.to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].__getitem__)
    vocabulary = {word: index for index, word in enumerate([*_BYTES, *(w for w in words if w not in _BYTES)])}
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
    return _blank(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
