"""Searches with a local model beside one unbatched `generate` a step without reuse: same search, same limits, one run.

    python benchmarks/inference.py [--run RUN] [--base PATH] [--tasks 48] [--threads 2] [--steps 150]

RUN is a folder made by `toolwise demo` or `toolwise run`; without one, a small one is made of six AWS services. Two
models play its held-out tasks by DFSDT at temperature 0: the run's compact model, and a stock one (`--base`; by
default a Qwen3 of a million weights, made here and trained for some updates on the run's corpus).

The peer calls transformers' `generate` once a turn, alone, with a logits processor that allows what our limits allow;
a turn that will not do is written anew as ours is, from the whole prompt. `generate` has a cache within one call for
the stock model, but none for the compact one, so that a second peer is shown there: our own cache, used for one turn
at a time, and nothing kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from small_run import cores, run_folder, stock_model
from transformers import LogitsProcessor

from toolwise.llm.hf import HfModel
from toolwise.llm.local import LocalModel
from toolwise.llm.policy import LocalPolicy
from toolwise.llm.stock_decoding import Decoder, Row
from toolwise.models.open_models import COMPACT

MAX_TOKENS = 160
"""Of a turn, for ours and the peers alike: a model of few updates may not know how to end one."""


class Following(LogitsProcessor):
    """Allows only the token that `decide` chose, which is asked whenever all tokens taken so far were emitted."""

    def __init__(self, row: Any, decide: Any) -> None:
        self.row, self.decide = row, decide
        self.emitted = len(begun(row))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self.emitted == len(self.row.tokens):
            self.decide(self.row, scores)
        token = self.row.tokens[self.emitted]
        self.emitted += 1
        return torch.full_like(scores, -torch.inf).index_fill_(1, torch.tensor([token]), 0.0)


def begun(row: Any) -> Sequence[int]:
    """The tokens that a row begins with, undecided."""
    return row.road.tokens if isinstance(row, Row) else row.prefix


def generate(model: Any, prompt: Sequence[int], row: Any, decide: Any, stop: Sequence[int]) -> None:
    """Write one row by `generate`, alone."""
    ids = torch.tensor([[*prompt, *begun(row)]])
    compact = model.config.model_type == COMPACT
    # Without a cache (the compact model), no mask is taken.
    masked = {} if compact else {"attention_mask": torch.ones_like(ids)}
    model.generate(
        ids, **masked, logits_processor=[Following(row, decide)], do_sample=False,
        temperature=None, top_p=None, top_k=None, eos_token_id=list(stop), pad_token_id=stop[0],
        # The compact model's row knows that it is too long by the token after the last that it may have.
        max_new_tokens=row.sampling.max_tokens - len(begun(row)) + compact,
    )  # fmt: skip


class AloneDecoder(Decoder):
    """The stock model's peer."""

    @torch.inference_mode()
    def run(self, rows: Sequence[Row]) -> None:
        stop = tuple(self._stop_ids)
        for row in rows:
            row.begin(stop)
            if not row.ended:
                generate(self.model, row.prompt, row, lambda one, scores: self._decide([one], scores), stop)


class AloneCompact(LocalModel):
    """The compact model's peers: one row at a time, its prompt read anew."""

    by_generate = True

    def _read_prompts(self, prompts: Any) -> Any:
        return prompts

    def _run(self, rows: Any, read: Any) -> None:
        for row in rows:
            prompt = read[row.index]
            if self.by_generate:
                row.run_on()
                if not row.ended:
                    generate(self.model, prompt, row, decided, [self.vocabulary.end])
            else:
                index, row.index = row.index, 0
                super()._run([row], super()._read_prompts([prompt]))
                row.index = index


def decided(row: Any, scores: torch.Tensor) -> None:
    """One decision of a compact model's row, and what must follow it."""
    row.decide(scores[0].numpy())
    row.run_on()


def play(writer: Any, tasks: Sequence[Any], tools: Any) -> tuple[list[Any], float, float]:
    """All trees, the seconds that they took, and the seconds of processor time."""
    from toolwise.pipelines.evaluate import attempt_all
    from toolwise.search import SearchConfig
    from toolwise.worlds import SimulatedWorld

    policy = LocalPolicy(writer, max_tokens=MAX_TOKENS)
    began, before = time.perf_counter(), time.process_time()
    attempts = asyncio.run(attempt_all(tasks, policy, SimulatedWorld(tools), tools, SearchConfig(), len(tasks)))
    seconds, processor = time.perf_counter() - began, time.process_time() - before
    return (
        [attempt.trajectory.model_dump(mode="json") for attempt in attempts if attempt.trajectory],
        seconds,
        processor,
    )


def compare(name: str, ours: Any, peers: dict[str, Any], tasks: Sequence[Any], tools: Any) -> dict[str, Any]:
    """Play with ours and with each peer, and compare times and trees."""
    for task in tasks:  # so that nobody's time holds the reading of the catalog
        for tool in task.candidates:
            tools.tool(tool)
    trees, seconds, processor = play(ours, tasks, tools)
    found: dict[str, Any] = {
        "model": name,
        "tasks": len(tasks),
        "turns": sum(tree["model_calls"] for tree in trees),
        "answered": sum("answered" in tree["ends"].values() for tree in trees),
        "branched": sum(len(tree["ends"]) > 1 for tree in trees),
        "seconds": round(seconds, 2),
    }
    for peer, writer in peers.items():
        print(f"{name}: {seconds:.1f} s; now {peer}", file=sys.stderr)
        others, slow, slow_processor = play(writer, tasks, tools)
        same = sum(one == other for one, other in zip(trees, others, strict=True))
        found[peer] = {
            "seconds": round(slow, 2),
            "ratio": round(slow / seconds, 2),
            "ratio_of_processor_time": round(slow_processor / processor, 2),
            "same_trees": f"{same}/{len(trees)}",
        }
    return found


def main() -> None:
    """Print one JSON line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--base", type=Path, help="a stock model's folder")
    parser.add_argument("--only", choices=["compact", "stock"])
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--threads", type=int, default=min(2, cores()))
    parser.add_argument("--steps", type=int, default=150, help="updates of the stock model that is made here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    from toolwise.catalog import open_catalog
    from toolwise.corpus import read_tasks
    from toolwise.pipelines.evaluate import HELD_OUT

    with run_folder(args.run) as run, tempfile.TemporaryDirectory() as folder:
        held = [t for t in read_tasks(run / "corpus" / "accepted.jsonl") if t.provenance.split in HELD_OUT]
        tasks = random.Random(0).sample(held, min(args.tasks, len(held)))
        tools = open_catalog(run / "catalog")
        if args.only != "stock":
            alone, cached = AloneCompact(run / "model"), AloneCompact(run / "model")
            cached.by_generate = False
            peers = {"generate": alone, "own_cache_one_turn_at_a_time": cached}
            print(json.dumps(compare("compact", LocalModel(run / "model"), peers, tasks, tools)))
        if args.only != "compact":
            base = args.base or stock_model(run, Path(folder), args.steps)
            ours, peer = HfModel(base), HfModel(base)
            peer.decoder = AloneDecoder(peer.model, peer.form.stop_ids, most_bytes=0)
            found = compare("stock", ours, {"generate": peer}, tasks, tools)
            kept = ours.decoder.kept
            print(json.dumps({**found, "prompt_tokens_not_read_again": round(kept.found / max(1, kept.asked), 3)}))


if __name__ == "__main__":
    main()
