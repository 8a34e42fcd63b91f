import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny import examples
from tests.training.tiny_llm import save_corpus, save_tiny_qwen3, tokenizer

from toolwise.errors import ConfigError, DataError, RunError
from toolwise.models.chat_forms import ChatForm
from toolwise.models.open_models import load_open_model
from toolwise.training.llm import engine, saving, sft
from toolwise.training.llm.batches import Collator, can_narrow, packing_is_isolated, target_loss
from toolwise.training.llm.context import recall
from toolwise.training.llm.data import TooLong, features, pack, prepare
from toolwise.training.llm.masks import IGNORED, Row
from toolwise.training.llm.settings import LoraSettings, RopeScaling, SftConfig
from toolwise.training.llm.sft import Conversations, train_sft

torch.set_num_threads(1)
QUICK = SftConfig(max_length=1500, batch=2, max_steps=4, learning_rate=1e-2, evaluations=2, warm_up=0.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: Any) -> Path:
    return save_tiny_qwen3(tmp_path_factory.mktemp("base") / "qwen3")


@pytest.fixture(scope="module")
def form() -> ChatForm:
    return ChatForm(tokenizer())


def data(train: int = 10, dev: int = 2) -> Conversations:
    return Conversations(examples()[:train], examples()[train : train + dev], "made up")


def scored(model: Any, rows: list[Any], *, packed: bool, narrow: bool) -> float:
    items = [features(one) for one in rows]
    with torch.no_grad():
        loss, count = target_loss(model, Collator(2, packed=packed)(items), narrow=narrow)
    assert int(count) == sum(row.targets for one in rows for row in one)
    return float(loss)


def test_packed_loss_is_unpacked_loss_and_targets_alone_suffice(base: Path, form: ChatForm) -> None:
    model, _ = load_open_model(base)
    with torch.no_grad():  # as it is, a model of random weights hardly cares what it has read
        for weights in model.parameters():
            weights.mul_(8.0 if weights.dim() > 1 else 1.0)
    rows = prepare(examples()[:8], form, 1500).rows
    packs = pack(rows, 3000)
    assert len(packs) < len(rows)
    whole = sum(scored(model, [[row]], packed=False, narrow=False) for row in rows)
    assert can_narrow(model)
    assert scored(model, [[row] for row in rows], packed=False, narrow=True) == pytest.approx(whole, rel=1e-5)
    assert scored(model, packs, packed=True, narrow=True) == pytest.approx(whole, rel=1e-5)
    leaking = [features(one) for one in packs]
    for item in leaking:
        item["position_ids"] = np.arange(len(item["input_ids"]))
    loss, _ = target_loss(model, Collator(2, packed=True)(leaking), narrow=True)
    assert loss.item() != pytest.approx(whole, rel=1e-4), "without new positions conversations see each other"


def test_packing_is_tried_on_the_model_itself(base: Path) -> None:
    from tests.models import tiny

    model, words = load_open_model(base)
    assert packing_is_isolated(model, len(words))
    assert not packing_is_isolated(tiny.model(), len(tiny.tokenizer()))


@given(st.lists(st.integers(1, 40), max_size=40), st.integers(40, 100))
def test_packs_hold_every_row_once_and_fit(lengths: list[int], room: int) -> None:
    rows = [Row(np.full(size, index), np.full(size, IGNORED)) for index, size in enumerate(lengths)]
    packs = pack(rows, room)
    assert sorted(int(row.ids[0]) for one in packs for row in one) == list(range(len(rows)))
    assert all(sum(map(len, one)) <= room for one in packs)
    if len(packs) > 1:  # best fit: no two packs could be one
        smallest = sorted(sum(map(len, one)) for one in packs)[:2]
        assert sum(smallest) > room


def test_too_long_is_counted_dropped_or_windowed(form: ChatForm) -> None:
    short = next(example for example in examples() if any(m.get("tool_calls") for m in example.messages))
    long = short.model_copy(update={"messages": short.messages * 3})
    (whole,) = prepare([long], form, 10_000).rows
    limit = len(whole) - 10
    dropped = prepare([long], form, limit)
    assert (dropped.used, dict(dropped.dropped)) == (0, {f"longer than {limit} tokens": 1})
    windowed = prepare([long], form, limit, TooLong.WINDOW)
    assert (windowed.used, windowed.windowed, windowed.lost_turns) == (1, 1, 0)
    assert all(len(row) <= limit for row in windowed.rows)
    assert windowed.targets == whole.targets, "every turn is learnt once"
    hopeless = prepare([long], form, 50, TooLong.WINDOW)
    assert hopeless.summary()["conversations"] == sum(hopeless.dropped.values()) == 1


def test_lora_merged_saves_a_whole_model_that_learnt(base: Path, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"lora": LoraSettings(rank=4, rslora=True, merge=True), "packing": True})
    summary = train_sft(data(), str(base), tmp_path, config)
    before, _ = load_open_model(base)
    after, words = load_open_model(tmp_path)
    rows = [[row] for row in prepare(data().train, ChatForm(words), 1500).rows]
    assert scored(after, rows, packed=False, narrow=True) < scored(before, rows, packed=False, narrow=True)
    assert summary["trainable_parameters"] < summary["parameters"]
    assert summary["steps"] == 4
    card = (tmp_path / "README.md").read_text()
    assert "base_model:" in card
    assert "Licences" in card
    assert not (tmp_path / engine.CHECKPOINTS).exists()
    stops = orjson.loads((tmp_path / "generation_config.json").read_bytes())["eos_token_id"]
    assert stops == [words.convert_tokens_to_ids("<|im_end|>")]


def test_an_adapter_of_another_base_is_one_line(base: Path, tmp_path: Path) -> None:
    own = tmp_path / "base"
    save_tiny_qwen3(own)
    train_sft(
        data(4, 0), str(own), tmp_path / "m", QUICK.model_copy(update={"lora": LoraSettings(rank=2), "max_steps": 1})
    )
    load_open_model(tmp_path / "m")
    with pytest.raises(ConfigError, match="add --merge"):
        train_sft(data(4, 0), str(tmp_path / "m"), tmp_path / "n", QUICK.model_copy(update={"lora": LoraSettings()}))
    save_tiny_qwen3(own, num_hidden_layers=1)
    with pytest.raises(DataError, match="another base"):
        load_open_model(tmp_path / "m")


class Killed(BaseException):
    """Stands for a signal."""


def test_a_killed_run_goes_on_where_it_was(base: Path, tmp_path: Path, monkeypatch: Any) -> None:
    train_sft(data(), str(base), tmp_path / "whole", QUICK)
    real, seen = sft.TargetTrainer._save_rng_state, []

    def dies(self: Any, folder: str) -> None:
        seen.append(folder)
        if len(seen) == 2:
            raise Killed
        real(self, folder)

    monkeypatch.setattr(sft.TargetTrainer, "_save_rng_state", dies)
    cut = tmp_path / "cut"
    with pytest.raises(Killed):
        train_sft(data(), str(base), cut, QUICK)
    monkeypatch.setattr(sft.TargetTrainer, "_save_rng_state", real)
    assert engine.last_checkpoint(cut) == cut / engine.CHECKPOINTS / "checkpoint-2", "half a checkpoint does not count"
    with pytest.raises(DataError, match="another learning_rate"):
        train_sft(data(), str(base), cut, QUICK.model_copy(update={"learning_rate": 1.0}))
    train_sft(data(), str(base), cut, QUICK)
    one, other = (load_open_model(tmp_path / name)[0].state_dict() for name in ("whole", "cut"))
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_an_interrupted_save_leaves_the_model_before(base: Path, tmp_path: Path, monkeypatch: Any) -> None:
    out = tmp_path / "m"
    train_sft(data(4, 0), str(base), out, QUICK.model_copy(update={"max_steps": 1}))
    before = (out / "model.safetensors").read_bytes()
    (out / engine.RECORD).unlink()

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "_sync", full)
    with pytest.raises(RunError, match="free some space"):
        train_sft(data(4, 0), str(base), out, QUICK.model_copy(update={"max_steps": 2}))
    assert (out / "model.safetensors").read_bytes() == before
    load_open_model(out)


def test_training_stops_early_when_the_dev_split_gets_no_better(base: Path, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"learning_rate": 3.0, "max_steps": 12, "evaluations": 12, "patience": 2})
    assert train_sft(data(), str(base), tmp_path, config)["steps"] < 12


@pytest.mark.parametrize("scaling", RopeScaling)
def test_the_context_is_extended_and_recall_reported(scaling: RopeScaling, tmp_path: Path) -> None:
    base = save_tiny_qwen3(tmp_path / "base", max_position_embeddings=512)
    config = QUICK.model_copy(update={"rope": scaling, "rope_factor": 4.0, "max_steps": 1, "max_length": 2000})
    with pytest.raises(ConfigError, match="--rope yarn"):
        train_sft(data(2, 0), str(base), tmp_path / "no", QUICK)
    summary = train_sft(data(2, 0), str(base), tmp_path / "m", config)
    saved = load_open_model(tmp_path / "m")[0].config
    assert saved.max_position_embeddings == 2048
    assert saved.rope_parameters["rope_type"] == scaling.value
    assert set(summary["recall"]["after"]) == {"512", "2048"}


def test_recall_is_full_for_a_model_that_looks_back_and_none_for_one_that_cannot() -> None:
    class Induction(torch.nn.Module):
        """Predicts what followed the last time that a token stood, up to `reach` tokens back."""

        def __init__(self, reach: int) -> None:
            super().__init__()
            self.reach, self.weight = reach, torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids: torch.Tensor, **unused: Any) -> Any:
            ids = input_ids[0].tolist()
            logits = torch.zeros(1, len(ids), 64)
            for now, token in enumerate(ids):
                back = [i for i in range(max(0, now - self.reach), now) if ids[i] == token]
                if back:
                    logits[0, now, ids[back[-1] + 1]] = 1
            return type("Out", (), {"logits": logits})

    assert recall(Induction(400), 300, vocabulary=64) == 1.0
    assert recall(Induction(200), 300, vocabulary=64) < 0.2


def test_bad_bases_are_one_line(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    bert = tmp_path / "bert"
    BertForMaskedLM(
        BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(bert)
    with pytest.raises(ConfigError, match="no causal language model but a BertForMaskedLM"):
        train_sft(data(2, 0), str(bert), tmp_path / "a", QUICK)
    bare = save_tiny_qwen3(tmp_path / "bare", template=None)
    with pytest.raises(DataError, match="no chat template"):
        train_sft(data(2, 0), str(bare), tmp_path / "b", QUICK)
    given = QUICK.model_copy(update={"chat_template": "hermes", "max_steps": 1})
    train_sft(data(2, 0), str(bare), tmp_path / "c", given)
    assert ChatForm(load_open_model(tmp_path / "c")[1]).marked
    with pytest.raises(DataError, match="raise --max-length"):
        train_sft(data(2, 0), str(bare), tmp_path / "d", given.model_copy(update={"max_length": 60}))


def test_memory_that_runs_out_says_what_to_lower() -> None:
    with pytest.raises(RunError, match="--batch 4 --accumulate 2"), engine.memory_watched(SftConfig(batch=8)):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RunError, match="--checkpointing"), engine.memory_watched(SftConfig(batch=1)):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(RuntimeError, match="shapes"), engine.memory_watched(SftConfig()):
        raise RuntimeError("shapes do not match")


def test_two_processes_train_one_model(base: Path, tmp_path: Path) -> None:
    corpus = save_corpus(tmp_path / "corpus", train=8, dev=2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "-m", "toolwise", "train", "sft", "--base", str(base), "--corpus", str(corpus), "--max-length", "1500",
        "--lr", "0.01", "--json", "--max-steps", "2",
    ]  # fmt: skip
    spread = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1",
              "--master-port", str(port), *command, "--batch", "2", "--out", str(tmp_path / "two")]  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(spread, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = orjson.loads(done.stdout)
    assert summary["processes"] == 2
    alone = train_sft(
        Conversations(examples()[:8], examples()[8:10], "x"), str(base), tmp_path / "one",
        SftConfig(max_length=1500, batch=4, max_steps=2, learning_rate=0.01),
    )  # fmt: skip
    assert summary["loss"] == pytest.approx(alone["loss"], rel=0.02)
    load_open_model(tmp_path / "two")
