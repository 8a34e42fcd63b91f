from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models import tiny
from tests.training.tiny_llm import save_tiny_qwen3

from toolwise.errors import ConfigError, DataError
from toolwise.models.folder import load_model, save_model
from toolwise.models.open_models import load_open_model
from toolwise.training.llm.compact_scores import completion_scores, turn_scores
from toolwise.training.llm.episodes import Episode, WrittenTurn, learnable
from toolwise.training.llm.grpo import Attempts, train_grpo
from toolwise.training.llm.masks import IGNORED
from toolwise.training.llm.rewards import Evidence, Made, reward_parts
from toolwise.training.llm.settings import GrpoConfig, LoraSettings

torch.set_num_threads(1)
QUICK = GrpoConfig(max_steps=2, batch=4, accumulate=1, generations=4, learning_rate=1e-2, max_length=200, warm_up=0.0)
PROMPT, GOOD, BAD = tuple(range(40, 60)), (70, 71, 72, 73), (80, 81, 82)
RIGHT, WRONG = Made("t.one", {"a": 1}), Made("t.two")


class Scripted:
    """Plays what it was told: half of each group writes the good turn, the other half the bad one."""

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart
        self.played: list[tuple[tuple[str, ...], int]] = []

    def __call__(self, model: Any, tokenizer: Any) -> "Scripted":
        return self

    def play(self, keys: Sequence[str], seed: int) -> list[Episode]:
        self.played.append((tuple(keys), seed))
        return [self._episode(GOOD, RIGHT) if place % 2 else self._episode(BAD, WRONG) for place in range(len(keys))]

    def _episode(self, tokens: tuple[int, ...], call: Made) -> Episode:
        seen = PROMPT[1:] if self.apart else PROMPT + tokens
        second = WrittenTurn((*seen, 61, 62), tokens, tuple(place > 0 for place in range(len(tokens))))
        return Episode((WrittenTurn(PROMPT, tokens), second), reward_parts(Evidence(True, [call], [RIGHT])))


def likelihood(model: Any, prompt: Sequence[int], tokens: Sequence[int]) -> float:
    ids = torch.tensor([[*prompt, *tokens]])
    with torch.no_grad():
        scores = model(input_ids=ids).logits.float().log_softmax(-1)[0, len(prompt) - 1 : -1]
    return float(scores.gather(1, torch.tensor(tokens)[:, None]).sum())


@pytest.mark.parametrize("apart", [False, True], ids=["one row", "a row a turn"])
@pytest.mark.parametrize(("lora", "beta"), [(None, 0.1), (LoraSettings(rank=8, merge=True), 0.1)], ids=["full", "lora"])
def test_what_earns_more_becomes_likelier(apart: bool, lora: LoraSettings | None, beta: float, tmp_path: Path) -> None:
    base = save_tiny_qwen3(tmp_path / "base")
    config = QUICK.model_copy(update={"lora": lora, "beta": beta})
    scripted = Scripted(apart=apart)
    summary = train_grpo(Attempts(["a", "b"], scripted, "made up"), str(base), tmp_path / "m", config)
    before, after = load_open_model(base)[0], load_open_model(tmp_path / "m")[0]
    for seen in (PROMPT, PROMPT[1:]):
        gained = [likelihood(after, seen, tokens) - likelihood(before, seen, tokens) for tokens in (GOOD, BAD)]
        assert gained[0] > gained[1]
    assert [entry["step"] for entry in summary["curve"]] == [1, 2]
    assert summary["curve"][0]["parts"]["tool"] == 0.5
    assert summary["curve"][0]["parts"]["parses"] == 1.0
    assert (summary["attempts"], summary["attempts_left_out"]) == (8, 0)
    assert [len(set(keys)) for keys, _ in scripted.played] == [1, 1], "a group attempts one task"
    assert len({seed for _, seed in scripted.played}) == 2, "each update has a seed of its own"
    assert "group-relative" in (tmp_path / "m" / "README.md").read_text()


def test_the_compact_model_learns_from_rewards_and_the_seed_decides_all(tmp_path: Path) -> None:
    save_model(tmp_path / "base", tiny.model(), tiny.tokenizer())
    weights = []
    for name in ("m", "n"):
        data = Attempts(["a", "b"], Scripted(apart=False), "made up")
        train_grpo(data, str(tmp_path / "base"), tmp_path / name, QUICK.model_copy(update={"beta": 0.01}))
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    before, after = load_model(tmp_path / "base")[0], load_model(tmp_path / "m")[0]
    gained = [likelihood(after, PROMPT, tokens) - likelihood(before, PROMPT, tokens) for tokens in (GOOD, BAD)]
    assert gained[0] > gained[1]


def test_the_compact_models_scores_are_those_of_its_logits() -> None:
    model = tiny.model()
    ids = torch.randint(30, 300, (2, 24), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, :15] = IGNORED
    labels[1, 20:] = IGNORED
    with torch.no_grad():
        logits = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    each = logits.gather(-1, ids[:, 1:, None]).squeeze(-1).masked_fill(labels[:, 1:] == IGNORED, 0.0)
    assert torch.allclose(turn_scores(model, ids, labels), each.sum(-1), atol=1e-4)
    padded, mask = torch.zeros(2, 30, dtype=torch.long), torch.zeros(2, 30, dtype=torch.long)
    padded[0, 2:26], mask[0, 2:26] = ids[0], 1
    padded[1, 6:26], mask[1, 6:26] = ids[1, :20], 1
    scores = completion_scores(model, padded, mask, 10)
    expected = torch.zeros(2, 10)
    expected[0, :6] = each[0, -6:]
    with torch.no_grad():
        alone = model(input_ids=ids[1:, :20]).logits[0, :-1].log_softmax(-1)
    expected[1, :6] = alone.gather(-1, ids[1, 1:20, None]).squeeze(-1)[-6:]
    assert torch.allclose(scores, expected, atol=1e-4)


def test_turns_join_where_the_next_prompt_begins_with_all_before_it() -> None:
    first = WrittenTurn((1, 2), (3, 4))
    joined = Episode((first, WrittenTurn((1, 2, 3, 4, 9, 9), (5,), (False,))), {})
    (row,) = learnable(joined, 100)
    assert (row.prompt, row.completion) == ((1, 2), (3, 4, 9, 9, 5))
    assert row.learnt == (True, True, False, False, False)
    rewritten = Episode((first, WrittenTurn((1, 2, 4, 9, 9), (5,))), {})
    assert [row.prompt for row in learnable(rewritten, 100)] == [(1, 2), (1, 2, 4, 9, 9)]
    assert [row.prompt for row in learnable(rewritten, 5)] == [(1, 2)]
    assert learnable(Episode((WrittenTurn((1,), ()),), {}), 100) == []


def test_episodes_that_do_not_fit_are_counted_not_learnt(tmp_path: Path) -> None:
    base = save_tiny_qwen3(tmp_path / "base")
    data = Attempts(["a"], Scripted(apart=False), "made up")
    summary = train_grpo(data, str(base), tmp_path / "m", QUICK.model_copy(update={"max_length": 16, "max_steps": 1}))
    assert summary["attempts_left_out"] == 4


def test_groups_must_come_out_even_and_there_must_be_tasks(tmp_path: Path) -> None:
    data = Attempts(["a"], Scripted(apart=False), "made up")
    with pytest.raises(ConfigError, match="--generations 3"):
        train_grpo(data, "base", tmp_path / "m", QUICK.model_copy(update={"generations": 3}))
    with pytest.raises(DataError, match="lower --batch"):
        train_grpo(data, "base", tmp_path / "m", QUICK.model_copy(update={"batch": 8}))
    with pytest.raises(DataError, match="no tasks"):
        train_grpo(Attempts([], Scripted(apart=False), "made up"), "base", tmp_path / "m", QUICK)
    assert not (tmp_path / "m").exists()


def test_smaller_batches_go_on_with_the_same_training_and_other_groups_do_not(tmp_path: Path) -> None:
    """As the message for memory that runs out advises."""
    base = save_tiny_qwen3(tmp_path / "base")
    data = Attempts(["a"], Scripted(apart=False), "made up")
    one = QUICK.model_copy(update={"max_steps": 1})
    done = train_grpo(data, str(base), tmp_path / "m", one)
    halved = one.model_copy(update={"batch": 2, "accumulate": 2})
    assert train_grpo(data, str(base), tmp_path / "m", halved) == done
    with pytest.raises(DataError, match="attempts an update"):
        train_grpo(data, str(base), tmp_path / "m", one.model_copy(update={"accumulate": 2, "generations": 8}))
