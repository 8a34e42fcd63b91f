"""A pretrained text encoder as a bi-encoder: any Hugging Face encoder, its token states pooled into one unit vector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from toolwise.errors import ConfigError, MissingExtraError, ModelError, boundary
from toolwise.retrieval.clauses import CLAUSE_WEIGHT
from toolwise.retrieval.pretrained.rendering import TEXT_RENDERING, VIEW_TOKENS, VIEW_WEIGHTS
from toolwise.retrieval.ranking import Floats
from toolwise.retrieval.tokens import without_values
from toolwise.types import Frozen

SETTINGS = "toolwise_retriever.json"
"""Beside the encoder's own files; a folder with it is a retriever that was trained here, and complete."""
_FORMAT = "1"
_BATCH = 64
_POOLING = Path("1_Pooling") / "config.json"
"""Where sentence-transformers keeps how the token states become one vector."""


class Pooling(StrEnum):
    """How token states become one vector."""

    MEAN = "mean"
    """Their mean over the text's tokens (Reimers and Gurevych, 2019, section 3)."""
    CLS = "cls"
    """The first token's."""


class TextSettings(Frozen):
    """How an encoder is used; saved with it."""

    base: str = ""
    """What it was trained from."""
    pooling: Pooling = Pooling.MEAN
    query_prefix: str = ""
    """Put before every query: some encoders were trained with an instruction there."""
    document_prefix: str = ""
    max_tokens: int = 192
    """Longer texts are cut; what matters comes first in a document."""
    rendering: str = TEXT_RENDERING
    fusion_weight: float = 0.6
    """The dense share in a fusion with BM25, chosen on dev queries."""
    clause_weight: float = CLAUSE_WEIGHT
    """How much the best of a request's parts counts beside the whole, in a hybrid."""
    format: str = _FORMAT


class TextEncoder:
    """Texts to unit vectors."""

    def __init__(self, model: Any, tokenizer: Any, settings: TextSettings) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings

    @classmethod
    def open(cls, base: str, device: str = "") -> TextEncoder:
        """An encoder by folder or by Hugging Face id; one trained here comes with its settings.

        Raises ConfigError if it cannot be loaded or is no encoder, MissingExtraError without torch.
        """
        try:
            import torch
            from transformers import AutoConfig, AutoModel, AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("a pretrained encoder", "train") from error
        # torch counts the machine's cores; more threads than this process may use wait for each other.
        torch.set_num_threads(min(torch.get_num_threads(), len(os.sched_getaffinity(0))))
        folder = Path(base)
        settings = _read_settings(folder) if folder.is_dir() else TextSettings(base=base)
        doing = f"cannot load the encoder {base!r}; give a folder or id of a Hugging Face text encoder, or scratch"
        with boundary(ConfigError, doing):
            offline = {"local_files_only": True} if folder.is_dir() or os.environ.get("HF_HUB_OFFLINE") else {}
            config = AutoConfig.from_pretrained(base, **offline)
            if getattr(config, "is_encoder_decoder", False):
                raise ConfigError(f"{base!r} is an encoder-decoder; give a text encoder such as a BERT or MiniLM")
            tokenizer = AutoTokenizer.from_pretrained(base, **offline)
            model = AutoModel.from_pretrained(base, dtype=torch.float32, **offline)
        positions = getattr(config, "max_position_embeddings", settings.max_tokens)
        settings = settings.model_copy(update={"max_tokens": min(settings.max_tokens, int(positions))})
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(model.to(chosen).eval(), tokenizer, settings)

    @property
    def dimensions(self) -> int:
        return int(self.model.config.hidden_size)

    def embed(self, texts: Sequence[str], limit: int = 0) -> Any:
        """Unit vectors as a torch tensor, (texts, dimensions); keeps gradients where they are on.

        `limit` cuts texts to fewer tokens than the settings do.
        """
        import torch

        longest = min(limit or self.settings.max_tokens, self.settings.max_tokens)
        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt").to(
            self.model.device
        )
        states = self.model(**batch).last_hidden_state
        if self.settings.pooling is Pooling.CLS:
            pooled = states[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(pooled, dim=-1)

    def encode(self, texts: Sequence[str], limit: int = 0) -> Floats:
        """Unit vectors, (texts, dimensions), in the texts' order; batches of similar length waste no padding.

        `limit` is `embed`'s.
        """
        import torch

        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        was_training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                vectors[rows] = self.embed([texts[i] for i in rows], limit).float().cpu().numpy()
        self.model.train(was_training)
        return vectors

    def encode_queries(self, queries: Sequence[str]) -> Floats:
        """Unit vectors of requests, each midway between the request's and that of the request without its values.

        Values say little about the tool, and a request full of them lies far from every document.
        """
        shown = [self.settings.query_prefix + query for query in queries]
        bare = [self.settings.query_prefix + without_values(query) for query in queries]
        distinct = {text: i for i, text in enumerate(dict.fromkeys([*shown, *bare]))}
        vectors = self.encode(list(distinct))
        sums: Floats = vectors[[distinct[text] for text in shown]] + vectors[[distinct[text] for text in bare]]
        return _unit(sums)

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of documents, each a text of one line a view: the weighted mean of its views' vectors."""
        views = [text.split("\n") for text in texts]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for number, (weight, limit) in enumerate(zip(VIEW_WEIGHTS, VIEW_TOKENS, strict=True)):
            shown = [(row, lines[number]) for row, lines in enumerate(views) if number < len(lines)]
            distinct = {line: i for i, line in enumerate(dict.fromkeys(line for _, line in shown))}
            encoded = self.encode([self.settings.document_prefix + line for line in distinct], limit)
            for row, line in shown:
                vectors[row] += weight * encoded[distinct[line]]
        return _unit(vectors)

    def save(self, folder: Path) -> None:
        """Write a Hugging Face folder with our settings and sentence-transformers' modules beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SETTINGS).unlink(missing_ok=True)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        _write_modules(folder, self.settings, self.dimensions)
        # Removed first and written last: a folder with it is complete.
        (folder / SETTINGS).write_bytes(orjson.dumps(self.settings.model_dump(mode="json"), option=orjson.OPT_INDENT_2))


def _unit(vectors: Floats) -> Floats:
    """Each row divided by its length, in place."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, np.float32(1))
    return vectors


def is_text_encoder(folder: Path) -> bool:
    """Does the folder hold a retriever on a pretrained encoder that was trained here?"""
    return (folder / SETTINGS).is_file()


def _read_settings(folder: Path) -> TextSettings:
    path = folder / SETTINGS
    if not path.is_file():
        return TextSettings(base=str(folder), pooling=_pooling(folder))
    with boundary(ModelError, f"cannot read {path}; train the retriever again"):
        settings = TextSettings.model_validate_json(path.read_bytes())
    if settings.format != _FORMAT or settings.rendering != TEXT_RENDERING:
        raise ModelError(
            f"the retriever in {folder} is for document rendering {settings.rendering!r}, this version uses "
            f"{TEXT_RENDERING!r}; train it again with: toolwise train retriever"
        )
    return settings


def _pooling(folder: Path) -> Pooling:
    """What a sentence-transformers folder says; the mean where it says nothing."""
    try:
        found = orjson.loads((folder / _POOLING).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return Pooling.MEAN
    return Pooling.CLS if found.get("pooling_mode_cls_token") is True else Pooling.MEAN


def _write_modules(folder: Path, settings: TextSettings, dimensions: int) -> None:
    """So that sentence-transformers opens the folder as it is."""
    kinds = (("0", "", "Transformer"), ("1", "1_Pooling", "Pooling"), ("2", "2_Normalize", "Normalize"))
    modules = [
        {"idx": int(i), "name": i, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, path, kind in kinds
    ]
    (folder / "modules.json").write_bytes(orjson.dumps(modules, option=orjson.OPT_INDENT_2))
    (folder / _POOLING).parent.mkdir(exist_ok=True)
    pooling = {
        "word_embedding_dimension": dimensions,
        "pooling_mode_cls_token": settings.pooling is Pooling.CLS,
        "pooling_mode_mean_tokens": settings.pooling is Pooling.MEAN,
    }
    (folder / _POOLING).write_bytes(orjson.dumps(pooling, option=orjson.OPT_INDENT_2))
    (folder / "sentence_bert_config.json").write_bytes(orjson.dumps({"max_seq_length": settings.max_tokens}))
