from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models import tiny
from tests.training.tiny_llm import save_corpus, save_tiny_qwen3

from toolwise.corpus import read_rows
from toolwise.models.folder import save_model
from toolwise.models.open_models import load_open_model
from toolwise.training.llm.dpo import Preferences, train_dpo
from toolwise.training.llm.settings import DpoConfig, LoraSettings
from toolwise.types import PreferencePair

torch.set_num_threads(1)
QUICK = DpoConfig(max_length=1500, batch=2, max_steps=4, learning_rate=1e-2, evaluations=4, patience=0)


class Marks:
    """Gives marks from a list, and keeps the weights that got them."""

    tasks = 9

    def __init__(self, *marks: int) -> None:
        self.marks = list(marks)
        self.seen: list[dict[str, torch.Tensor]] = []

    def passed(self, model: Any, tokenizer: Any) -> int:
        assert not model.training
        assert not torch.is_grad_enabled()
        self.seen.append({name: one.detach().clone() for name, one in model.named_parameters() if one.requires_grad})
        return self.marks[len(self.seen) - 1]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: Any) -> tuple[PreferencePair, ...]:
    folder = save_corpus(tmp_path_factory.mktemp("corpus"), train=1, dev=1, pairs=4) / "preferences"
    return tuple(read_rows(folder / "train.jsonl", PreferencePair))


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(weight, other[name]) for name, weight in one.items())


@pytest.mark.parametrize(
    ("marks", "best", "said"),
    [
        ((3, 5, 7, 6, 7), 2, "kept step 2: it passes 7 of 9 development tasks, the start 3"),
        ((5, 5, 4, 5, 3), 0, "kept the start: it passes 5 of 9 development tasks, no later checkpoint more than 5"),
        ((3, 2, 2, 2, 8), 4, "kept step 4: it passes 8 of 9 development tasks, the start 3"),
    ],
)
def test_what_passes_most_is_saved_and_of_equals_the_earlier(
    marks: tuple[int, ...], best: int, said: str, pairs: Any, tmp_path: Path
) -> None:
    base, exam = save_tiny_qwen3(tmp_path / "base"), Marks(*marks)
    summary = train_dpo(Preferences(pairs, (), "made up", exam), str(base), tmp_path / "m", QUICK)
    assert summary["kept"]["says"] == said
    assert summary["kept"]["passed"] == {str(step): mark for step, mark in enumerate(marks)}
    saved = dict(load_open_model(tmp_path / "m")[0].named_parameters())
    assert same(exam.seen[best], saved)
    assert not same(exam.seen[best - 1], saved)
    if best == 0:
        assert same(exam.seen[0], dict(load_open_model(base)[0].named_parameters()))
    assert not (tmp_path / "m" / "checkpoints").exists()
    assert said in (tmp_path / "m" / "README.md").read_text()


def test_training_ends_when_nothing_is_gained(pairs: Any, tmp_path: Path) -> None:
    base, exam = save_tiny_qwen3(tmp_path / "base"), Marks(3, 4, 4, 2, 9)
    config = QUICK.model_copy(update={"patience": 2})
    summary = train_dpo(Preferences(pairs, (), "made up", exam), str(base), tmp_path / "m", config)
    assert (summary["steps"], summary["kept"]["kept_step"]) == (3, 1)


@pytest.mark.parametrize("merge", [True, False])
def test_adapters_are_chosen_too(merge: bool, pairs: Any, tmp_path: Path) -> None:
    base, exam = save_tiny_qwen3(tmp_path / "base"), Marks(3, 2, 1, 1, 1)
    config = QUICK.model_copy(update={"lora": LoraSettings(rank=4, merge=merge)})
    train_dpo(Preferences(pairs, (), "made up", exam), str(base), tmp_path / "m", config)
    seen = torch.arange(20)[None]
    with torch.no_grad():
        before, after = (load_open_model(folder)[0](input_ids=seen).logits for folder in (base, tmp_path / "m"))
    assert torch.allclose(before, after, atol=1e-5), "an adapter that was not trained changes nothing"


def test_a_training_that_goes_on_measures_nothing_twice(pairs: Any, tmp_path: Path) -> None:
    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    config = QUICK.model_copy(update={"max_length": 900})

    class Stopped(Marks):
        def passed(self, model: Any, tokenizer: Any) -> int:
            if len(self.seen) == 3:
                raise KeyboardInterrupt
            return super().passed(model, tokenizer)

    whole, first, second = Marks(3, 6, 4, 5, 5), Stopped(3, 6, 4), Marks(5, 5)
    train_dpo(Preferences(pairs, (), "made up", whole), str(tmp_path / "base"), tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train_dpo(Preferences(pairs, (), "made up", first), str(tmp_path / "base"), tmp_path / "m", config)
    summary = train_dpo(Preferences(pairs, (), "made up", second), str(tmp_path / "base"), tmp_path / "m", config)
    assert summary["kept"]["passed"] == {"0": 3, "1": 6, "2": 4, "3": 5, "4": 5}
    assert len(second.seen) == 2
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "m")]
    assert weights[0] == weights[1]
