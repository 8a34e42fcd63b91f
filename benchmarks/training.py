"""SFT throughput beside TRL's SFTTrainer, in one run: same model, same conversations, same machine, same updates' data.

    python benchmarks/training.py [--corpus CORPUS] [--base scratch|PATH] [--conversations 100] [--threads 2]

Without a corpus, that of a small run is used, which is made now of six AWS services; without a base, both `scratch` and
a stock Qwen3 of a million weights, made now with random weights and the corpus's own tokenizer.

A useful token is one of a conversation (what bears loss and its context); padding is not. The peer gets the same
conversations as tokens, with labels by the template's marks, and runs with its defaults (batches of 8, padded, no
packing), but for those that are wrong on a CPU: no bf16, no gradient checkpointing, no conversation cut. `scratch` is
the compact model, which the peer trains with the model's own loss.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from small_run import cores, run_folder, stock_model

SCRATCH = "scratch"


def main() -> None:
    """Print tokens a second of both, in turns, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--base", help="scratch, or a model's folder")
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--max-length", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=min(2, cores()))
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    from toolwise.corpus import read_sft

    with (
        run_folder(args.corpus and args.corpus.parent, steps=1, held_out=1) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        corpus = args.corpus or run / "corpus"
        examples = list(islice(read_sft(corpus / "sft" / "train.jsonl"), args.conversations))
        bases = {args.base: Path(args.base)} if args.base not in (None, SCRATCH) else {SCRATCH: None}
        if args.base is None:
            bases["Qwen3 of a million weights"] = stock_model(run, Path(folder), 0)
        for name, base in bases.items():
            print(json.dumps({"base": name, **compared(examples, base, args)}), flush=True)


def compared(examples: list[Any], base: Path | None, args: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of ours and of the peer, in turns, and the ratio of the best; without a base, of `scratch`."""
    ours, peers = [], []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            start = base or untrained(examples, Path(folder) / "base")
            if base is None:
                ours.append(compact(examples, start, args.max_length))
            else:
                ours.append(packed(examples, start, Path(folder) / "ours", args.max_length))
            peers.append(trl(examples, start, Path(folder) / "trl", args.max_length))
    return {
        "conversations": len(examples),
        "threads": args.threads,
        "toolwise_tokens_per_second": [round(rate) for rate in ours],
        "trl_tokens_per_second": [round(rate) for rate in peers],
        "ratio": round(max(ours) / max(peers), 2),
    }


def untrained(examples: list[Any], folder: Path) -> Path:
    """The compact model before training, as a folder with its tokenizer."""
    from toolwise.models.folder import ModelSize, new_model, save_model
    from toolwise.training.sft import corpus_tokenizer

    tokenizer = corpus_tokenizer(examples[:500], 1600)
    save_model(folder, new_model(tokenizer, ModelSize(), seed=0), tokenizer)
    return folder


def compact(examples: list[Any], base: Path, longest: int) -> float:
    """Useful tokens a second of the compact trainer's own step: batches of like length, the head on targets only."""
    from toolwise.models.chat import Part
    from toolwise.models.folder import load_model
    from toolwise.training.batching import batches, encode
    from toolwise.training.optimiser import Optimiser

    model, tokenizer = load_model(base)
    model.train()
    optimiser = Optimiser(model, 3e-3, 3e-3)
    encoded = [row for row in encode(examples, tokenizer, {Part.NAME: 2.0, Part.ANSWER: 1.0}) if len(row) <= longest]
    tokens, began = 0, time.monotonic()
    for batch in batches(encoded, 2500, int(tokenizer.pad_token_id), random.Random(0)):
        hidden = model.hidden(batch.ids[:, :-1])
        scores, _ = model.likelihoods(hidden, batch.ids, batch.rows, batch.columns, judge=False)
        torch.autograd.backward(-(scores * batch.weights).sum() / batch.weights.sum())
        optimiser.step(1.0)
        tokens += batch.tokens
    return tokens / (time.monotonic() - began)


def packed(examples: list[Any], base: Path, out: Path, longest: int) -> float:
    """Useful tokens a second of `toolwise train sft --packing`, batch 1 of packs: the loop alone, without start-up."""
    from toolwise.training.llm.settings import SftConfig
    from toolwise.training.llm.sft import Conversations, train_sft

    config = SftConfig(packing=True, batch=1, max_length=longest, evaluations=1, warm_up=0.0)
    return float(train_sft(Conversations(examples, (), "benchmark"), str(base), out, config)["tokens_per_second"])


def trl(examples: list[Any], base: Path, out: Path, longest: int) -> float:
    """Useful tokens a second of TRL's SFTTrainer with its defaults: batches of 8, padded, no packing."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer
    from trl import SFTConfig, SFTTrainer

    from toolwise.models.open_models import COMPACT, register_compact
    from toolwise.training.llm.engine import silence

    class OwnLoss(SFTTrainer):
        """With the model's own loss: TRL's reads a stock head's weights, and the compact model is more than those."""

        def compute_loss(self, *args: Any, **more: Any) -> Any:
            return Trainer.compute_loss(self, *args, **more)

    register_compact()
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    rows, tokens = [], 0
    for example in examples:
        done = tokenizer.apply_chat_template(
            list(example.messages), tools=list(example.tools), return_dict=True, return_assistant_tokens_mask=True
        )
        ids = list(done["input_ids"])
        if len(ids) <= longest:
            marks = done["assistant_masks"]
            labels = [token if marked else -100 for token, marked in zip(ids, marks, strict=True)]
            rows.append({"input_ids": ids, "labels": labels})
            tokens += len(ids)
    settings = SFTConfig(
        output_dir=str(out), max_length=longest, num_train_epochs=1, bf16=False, gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(), report_to="none", save_strategy="no",
        disable_tqdm=True,
    )  # fmt: skip
    kind = OwnLoss if model.config.model_type == COMPACT else SFTTrainer
    trainer = kind(model=model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    silence(trainer)
    began = time.monotonic()
    trainer.train()
    return tokens / (time.monotonic() - began)


if __name__ == "__main__":
    main()
