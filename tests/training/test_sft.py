import shutil
from typing import Any

import orjson
import pytest
import torch
from tests.models.tiny import examples

from toolwise.errors import DataError
from toolwise.models.folder import load_model
from toolwise.training import sft
from toolwise.training.settings import CompactTrainingConfig
from toolwise.training.sft import CURVE_FILE, UNTRAINED, train_compact

SMALL = CompactTrainingConfig(
    max_steps=6, width=32, layers=1, heads=2, vocabulary=500, batch_tokens=800, threads=1, checkpoint_seconds=1e-6,
    selection=0.3, dev_examples=4,
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_words(monkeypatch: Any) -> Any:
    """Made-up examples for the tokenizer and per epoch: enough for a test, and quick."""
    monkeypatch.setattr(sft, "_SYNTHETIC_EPOCH", 24)


def weights(folder: Any) -> Any:
    return load_model(folder)[0].state_dict()


def same(one: Any, other: Any) -> Any:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_fixed_steps_are_reproducible_and_saved_with_an_untrained_twin(tmp_path: Any) -> None:
    summary = train_compact(examples()[:40], examples()[40:44], tmp_path / "a", SMALL)
    train_compact(examples()[:40], examples()[40:44], tmp_path / "b", SMALL)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "a" / UNTRAINED))
    curve = [orjson.loads(line) for line in (tmp_path / "a" / CURVE_FILE).read_bytes().splitlines()]
    assert [row["step"] for row in curve] == [1, 2, 3, 4, 5, 6]
    assert summary.steps == 6
    assert summary.tokens == curve[-1]["tokens"] > 0


class Killed(BaseException):
    """Stands for a signal."""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Any, monkeypatch: Any) -> None:
    train_compact(examples()[:40], (), tmp_path / "whole", SMALL)
    real = sft.save_checkpoint

    def dies(folder: Any, model: Any, optimiser: Any, position: Any, key: Any) -> Any:
        real(folder, model, optimiser, position, key)
        if position.step == 3:
            raise Killed

    monkeypatch.setattr(sft, "save_checkpoint", dies)
    with pytest.raises(Killed):
        train_compact(examples()[:40], (), tmp_path / "cut", SMALL)
    monkeypatch.setattr(sft, "save_checkpoint", real)
    shutil.copytree(tmp_path / "cut", tmp_path / "other")
    summary = train_compact(examples()[:40], (), tmp_path / "cut", SMALL)
    assert summary.steps == 6
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    with pytest.raises(DataError, match="other data or settings"):
        train_compact(examples()[:30], (), tmp_path / "other", SMALL)


def test_nothing_to_train_on_is_said(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="no training conversations"):
        train_compact((), (), tmp_path, SMALL)
