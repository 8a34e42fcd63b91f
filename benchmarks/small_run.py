"""What the benchmarks of models run on where they are given nothing: a small run, and a small stock model."""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any

import torch

SERVICES = ("sqs", "sns", "kms", "ecr", "logs", "events")


def cores() -> int:
    """How many this process may use: more threads than that would only wait for each other."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def run_folder(given: Path | None, steps: int = 60, held_out: int = 60) -> Iterator[Path]:
    """The run, or a small one that is made now by `toolwise run`: its model trained for so many updates, and so many
    tasks of toolsets that it never saw."""
    if given is not None:
        yield given
        return
    import botocore
    import yaml

    from toolwise.cli.app import main as toolwise

    data = Path(botocore.__file__).parent / "data"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "toolwise.yaml"
        documents = Path(folder) / "documents"
        for service in SERVICES:  # botocore keeps its documents compressed
            (model,) = sorted((data / service).glob("*/service-2.json*"))[-1:]
            text = gzip.decompress(model.read_bytes()) if model.suffix == ".gz" else model.read_bytes()
            (documents / service).mkdir(parents=True)
            (documents / service / "service-2.json").write_bytes(text)
        settings: dict[str, Any] = {
            "sources": [str(documents)],
            "tasks": {
                "train": 600,
                "dev": held_out // 3 + 1,
                "seen_toolset": held_out // 3 + 1,
                "unseen_toolset": held_out,
                "unseen_category": held_out // 3 + 1,
            },
            "training": {"max_steps": steps, "threads": torch.get_num_threads()},
            "retriever": {"max_steps": 10, "threads": 1},
            "evaluation": {"budget": 2, "max_steps": 2, "samples": 1, "baseline_tasks": 2},
        }
        config.write_text(yaml.safe_dump(settings))
        sys.argv = [
            "toolwise",
            "run",
            str(config),
            "--out",
            str(Path(folder) / "run"),
            "--workers",
            str(min(2, cores())),
        ]
        try:
            with redirect_stdout(sys.stderr):  # standard output is for the benchmark's own lines
                toolwise()
        except SystemExit as done:
            assert not done.code, "the small run failed"
        yield Path(folder) / "run"


def stock_model(run: Path, folder: Path, steps: int) -> Path:
    """A Qwen3 of a million weights, its tokenizer made from the run's corpus, trained on it for so many updates."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    from toolwise.corpus import read_sft
    from toolwise.models.chat_forms import HERMES_TEMPLATE, HERMES_TOKENS
    from toolwise.training.llm.settings import SftConfig
    from toolwise.training.llm.sft import Conversations, train_sft

    examples = list(islice(read_sft(run / "corpus" / "sft" / "train.jsonl"), 500))
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=3000, special_tokens=[*HERMES_TOKENS], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    words.train_from_iterator((json.dumps([one.messages, one.tools]) for one in examples), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|im_end|>")  # noqa: S106
    tokenizer.chat_template = HERMES_TEMPLATE
    settings = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=8192, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    Qwen3ForCausalLM(settings).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    if not steps:
        return folder / "base"
    config = SftConfig(max_steps=steps, epochs=1000, learning_rate=3e-3, batch=8, evaluations=1, patience=0)
    train_sft(Conversations(examples, (), "benchmark"), str(folder / "base"), folder / "trained", config)
    return folder / "trained"
