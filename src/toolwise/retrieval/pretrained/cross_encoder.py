"""A cross-encoder as a reranker: any Hugging Face model that scores a pair of texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolwise.errors import ConfigError, MissingExtraError, boundary
from toolwise.retrieval.documents import Document
from toolwise.retrieval.pretrained.rendering import training_text
from toolwise.retrieval.ranking import Floats

_MAX_TOKENS = 256
_BATCH = 16
_HEAD = "ForSequenceClassification"


class CrossEncoder:
    """Reads request and tool together (Nogueira and Cho, 2019, arXiv 1901.04085), in folders that
    sentence-transformers' `CrossEncoder` saves as well.
    """

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int = _MAX_TOKENS) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    @classmethod
    def open(cls, base: str, device: str = "") -> CrossEncoder:
        """By folder or Hugging Face id.

        Raises ConfigError if it is no cross-encoder, MissingExtraError without torch.
        """
        try:
            import torch
            from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("a cross-encoder", "train") from error
        # torch counts the machine's cores; more threads than this process may use wait for each other.
        torch.set_num_threads(min(torch.get_num_threads(), len(os.sched_getaffinity(0))))
        doing = f"cannot load the cross-encoder {base!r}; give a folder or id of a Hugging Face reranker"
        with boundary(ConfigError, doing):
            local = Path(base).is_dir() or bool(os.environ.get("HF_HUB_OFFLINE"))
            offline = {"local_files_only": True} if local else {}
            config = AutoConfig.from_pretrained(base, **offline)
            # Such a model would be given a head of random numbers, and nobody would notice.
            if not any(name.endswith(_HEAD) for name in config.architectures or ()):
                raise ConfigError(f"{base!r} does not score pairs of texts; give a cross-encoder, not a plain encoder")
            if config.num_labels > 2:
                raise ConfigError(f"{base!r} has {config.num_labels} classes; give a cross-encoder of one score")
            tokenizer = AutoTokenizer.from_pretrained(base, **offline)
            model = AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32, **offline)
        longest = min(_MAX_TOKENS, int(getattr(config, "max_position_embeddings", _MAX_TOKENS)))
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(model.to(chosen).eval(), tokenizer, longest)

    def rescore(self, query: str, documents: Sequence[Document]) -> Floats:
        """(documents,) the model's score, or how much likelier "relevant" is than "not" where it has two classes."""
        import torch

        texts = [training_text(document) for document in documents]
        scores = np.zeros(len(texts), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                batch = self._tokenizer(
                    [query] * len(rows),
                    [texts[i] for i in rows],
                    padding=True,
                    truncation="longest_first",
                    max_length=self._max_tokens,
                    return_tensors="pt",
                ).to(self._model.device)
                logits = self._model(**batch).logits.float().cpu().numpy()
                scores[rows] = logits[:, -1] - (logits[:, 0] if logits.shape[1] > 1 else 0)
        return scores
