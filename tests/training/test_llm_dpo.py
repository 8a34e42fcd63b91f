from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.tiny_llm import save_corpus, save_tiny_qwen3, tokenizer

from toolwise.corpus import read_rows
from toolwise.errors import ConfigError, DataError
from toolwise.models.chat_forms import ChatForm
from toolwise.models.open_models import load_open_model
from toolwise.training.llm.data import in_shown_order
from toolwise.training.llm.dpo import Preferences, prepare_pairs, train_dpo
from toolwise.training.llm.masks import TargetEncoder
from toolwise.training.llm.settings import DpoConfig, LoraSettings, SftConfig
from toolwise.training.llm.sft import Conversations, train_sft
from toolwise.types import PreferencePair

torch.set_num_threads(1)
QUICK = DpoConfig(max_length=1500, batch=2, max_steps=3, learning_rate=1e-2, evaluations=1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: Any) -> Preferences:
    folder = save_corpus(tmp_path_factory.mktemp("corpus"), train=1, dev=1, pairs=6) / "preferences"
    train, dev = (tuple(read_rows(folder / f"{split}.jsonl", PreferencePair)) for split in ("train", "dev"))
    return Preferences(train, dev, "made up")


def margin(folder: Path, pairs: Preferences) -> float:
    """How much likelier the model finds the chosen turns."""
    model, words = load_open_model(folder)
    rows = prepare_pairs(pairs.train, TargetEncoder(ChatForm(words)), 1500)
    total = 0.0
    for prompt, chosen, rejected in zip(rows.prompts, rows.chosen, rows.rejected, strict=True):
        for sign, answer in ((1, chosen), (-1, rejected)):
            with torch.no_grad():
                scores = model(input_ids=torch.tensor([prompt + answer])).logits.log_softmax(-1)[
                    0, len(prompt) - 1 : -1
                ]
            total += sign * float(scores.gather(1, torch.tensor(answer)[:, None]).sum())
    return total


@pytest.mark.parametrize("lora", [None, LoraSettings(rank=8, merge=True)], ids=["full", "lora"])
def test_the_chosen_turns_become_likelier(lora: LoraSettings | None, pairs: Preferences, tmp_path: Path) -> None:
    base = save_tiny_qwen3(tmp_path / "base")
    summary = train_dpo(pairs, str(base), tmp_path / "m", QUICK.model_copy(update={"lora": lora}))
    assert margin(tmp_path / "m", pairs) > margin(base, pairs)
    assert summary["train"]["used"] == 5
    assert summary["dev_accuracy"] is not None
    assert "preference" in (tmp_path / "m" / "README.md").read_text()


def test_prompt_and_turns_are_those_of_sft(pairs: Preferences) -> None:
    form = ChatForm(tokenizer())
    rows = prepare_pairs(pairs.train, TargetEncoder(form), 1500)
    for pair, prompt, chosen, rejected in zip(pairs.train, rows.prompts, rows.chosen, rows.rejected, strict=True):
        messages = in_shown_order([*pair.prompt, *pair.chosen], pair.tools)
        (row,) = TargetEncoder(form).encode(messages, pair.tools)
        assert row.ids.tolist() == prompt + chosen
        assert row.labels.tolist()[len(prompt) :] == chosen
        assert form.read(form.tokenizer.decode(rejected)).content == "I would rather not."
        assert form.tokenizer.decode(rejected).endswith("<|im_end|>")


def test_pairs_that_cannot_be_used_are_counted(pairs: Preferences, tmp_path: Path) -> None:
    encoder = TargetEncoder(ChatForm(tokenizer()))
    same = pairs.train[0].model_copy(update={"rejected": pairs.train[0].chosen})
    prepared = prepare_pairs([same, *pairs.train], encoder, 60)
    assert sum(prepared.dropped.values()) == prepared.pairs == 6
    assert prepared.dropped["both sides are written alike"] == 1
    with pytest.raises(DataError, match="longer than 60"):
        train_dpo(
            pairs, str(save_tiny_qwen3(tmp_path / "b")), tmp_path / "m", QUICK.model_copy(update={"max_length": 60})
        )


def test_the_compact_model_learns_preferences_too(pairs: Preferences, tmp_path: Path) -> None:
    from tests.models import tiny

    from toolwise.models.folder import load_model, save_model

    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    summary = train_dpo(pairs, str(tmp_path / "base"), tmp_path / "m", QUICK.model_copy(update={"max_length": 900}))
    assert summary["margin"] > 0
    load_model(tmp_path / "m")
    sft = SftConfig(max_length=900, max_steps=1, batch=2)
    train_sft(Conversations(tiny.examples()[:4], (), "made up"), str(tmp_path / "m"), tmp_path / "n", sft)
    with pytest.raises(ConfigError, match="apart"):
        packed = sft.model_copy(update={"packing": True})
        train_sft(Conversations(tiny.examples()[:4], (), "made up"), str(tmp_path / "m"), tmp_path / "p", packed)


def test_the_chosen_turns_own_likelihood_is_part_of_the_loss(pairs: Preferences, tmp_path: Path) -> None:
    """Trained for their likelihood above all, right turns gain more of it than by the preference alone."""
    from tests.models import tiny

    from toolwise.models.folder import load_model, save_model
    from toolwise.training.llm.compact_dpo import PairCollator, with_reference

    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    gained = {}
    for weight in (0.0, 50.0):
        config = QUICK.model_copy(update={"max_length": 900, "sft_weight": weight, "learning_rate": 1e-3})
        train_dpo(pairs, str(tmp_path / "base"), tmp_path / str(weight), config)
        model, words = load_model(tmp_path / str(weight))
        form = ChatForm(words)
        rows = prepare_pairs(pairs.train, TargetEncoder(form), 900)
        items = with_reference(model, rows, PairCollator(form.pad_id))
        gained[weight] = sum(item["reference"][0] for item in items)
    assert gained[50.0] > gained[0.0]
